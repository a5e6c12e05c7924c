"""What is said of a phrase and of the candidates, word by word."""

import pytest

from peanut.words.candidate import Candidate
from peanut.words.choice import choose
from peanut.words.explain import explain, table
from peanut.words.grammar import parse

EXPLAINED = {
    "the man in red who goes left": """\
the best one:
  person (from 'man': men and women are not told apart)
  color red in its core
  moves left""",
    "all cars that are not moving": """\
all:
  car
  not: moves""",
    "the two largest vehicles and the dog next to the red bike": """\
the best 2:
  airplane, bicycle, boat, bus or 4 more (from 'vehicle')
  the largest
and the best one:
  dog
  next to a bicycle (from 'bike') [color red in its core]""",
    "everything except the taxi on the left": """\
all:
  anything that was found
without the best one:
  car (from 'taxi': kinds of car are not told apart)
  on the left of the picture""",
    "red or dark blue fruit without an orange": """\
all:
  apple, banana or orange (from 'fruit')
  color red or dark blue in its core
  not: with an orange""",
    "someone who comes in from the left, rides a horse and wears black and white": """\
the best one:
  person (from 'someone')
  comes into the picture
  moves right
  on a horse
  color black in its core
  color white in its core""",
}


@pytest.mark.parametrize("phrase", EXPLAINED)
def test_how_a_phrase_was_understood(phrase):
    assert explain(parse(phrase)) == EXPLAINED[phrase]


def test_the_table_shows_what_was_measured_the_chosen_first():
    size = (100, 200)
    blue, red = {"blue": 0.7, "dark blue": 0.5, "gray": 0.2}, {"red": 0.42, "black": 0.2, "brown": 0.1}
    candidates = [
        Candidate(1, "car", 0.9, (0, 50, 60, 90), size, 0.1, blue, (0, 0), 0.01),
        Candidate(7, "person", 0.81, (100, 20, 120, 80), size, 0.06, red, (-0.1, 0), 0.11),
        Candidate(12, None, 0, (150, 0, 160, 10), size, 0.005, {}, (0, 0.06), 0.07),
    ]
    verdicts = choose(parse("the man in red who goes left"), candidates)
    assert table(verdicts, candidates) == (
        "        no.  found as     score  x, y        area   motion                 colors\n"
        "chosen  7    person 0.81  0.91   0.55, 0.50  0.060  0.11/s, moves left     red 0.42, black 0.20\n"
        "        1    car 0.90     0.00   0.15, 0.70  0.100  0.01/s, moves nowhere  blue 0.70, gray 0.20\n"
        "        12   no name      0.00   0.78, 0.05  0.005  0.07/s, moves down"
    )
    assert verdicts[1].reasons == ("person 0.81", "red 0.42 of its core", "moves left, 0.10 image widths per second")
    assert verdicts[0].reasons == ("not a man: car 0.90",)
