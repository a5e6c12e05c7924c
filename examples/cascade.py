"""The whole idea as one pipeline: a sentence, an eraser, four times the size; with the best that is on this machine.

python examples/cascade.py street.mp4 sharp.mp4 "the man in the red jacket"
"""

import sys

import peanut
from peanut.weights import here

source, sharp, sentence = sys.argv[1:4]
learned = here("samwise-mevis") and here("roberta-base-tokenizer")
finder = peanut.PMask(sentence) if learned else peanut.Phrase(sentence)  # the latter is a grammar, not a network
eraser = peanut.NOFEraser() if here("e2fgvi-hq") else peanut.FlowEraser()
sharpener = peanut.URNet("basicvsrpp-reds4" if here("basicvsrpp-reds4") else "basicvsr-reds4")
pipeline = (
    peanut.read(source, max_size=480)  # the trap: at four times the size a frame of 1080p has 33 million pixels
    | finder
    | eraser
    | peanut.prefetch(2)  # from here on in a thread of its own
    | sharpener
    | peanut.write(sharp, overwrite=True)
)
print(pipeline)
print(pipeline.run())
