import gc
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from itertools import count, islice, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import Breaks, breaking, shot_lengths

from peanut.buffers import References, chunks, prefetch, sliding

STEPS = st.integers(0, 7).flatmap(lambda radius: st.tuples(st.just(radius), st.integers(1, radius + 1)))
CHUNKS = st.tuples(st.integers(1, 7), st.integers(0, 5), st.integers(0, 5))


class Item:
    def __init__(self, number, shot=0):
        self.number, self.shot = number, shot


def stream(lengths):
    numbers = count()
    return [Item(next(numbers), shot) for shot, length in enumerate(lengths) for _ in range(length)]


class Watched:
    """A stream that counts what was pulled and what is still alive."""

    def __init__(self, lengths):
        self.alive, self.pulled, self.most = weakref.WeakSet(), 0, 0
        self.plan = [item.shot for item in stream(lengths)]

    def __iter__(self):
        for number, shot in enumerate(self.plan):
            item = Item(number, shot)
            self.alive.add(item)
            self.most, self.pulled = max(self.most, len(self.alive)), number + 1
            yield item
            del item


@given(lengths=shot_lengths, steps=STEPS)
@example(lengths=[1, 1, 3], steps=(7, 1))
@example(lengths=[], steps=(0, 1))
def test_sliding_puts_every_item_in_exactly_one_core(lengths, steps):
    items = stream(lengths)
    assert [item for window, core in sliding(items, *steps) for item in window[core]] == items


@given(lengths=shot_lengths, steps=STEPS)
def test_a_sliding_window_is_its_centre_and_radius_items_on_both_sides_clipped_at_the_shot(lengths, steps):
    items, (radius, stride) = stream(lengths), steps
    by_shot = [[item for item in items if item.shot == shot] for shot in range(len(lengths))]
    expected = [
        (tuple(shot[max(0, centre - radius) : centre + radius + 1]), shot[centre : centre + stride])
        for shot in by_shot
        for centre in range(0, len(shot), stride)
    ]
    assert [(window, list(window[core])) for window, core in sliding(items, radius, stride)] == expected


@given(lengths=shot_lengths, sizes=CHUNKS)
@example(lengths=[1, 2, 3], sizes=(5, 5, 5))
def test_chunks_are_consecutive_with_context_clipped_at_the_shot(lengths, sizes):
    items, (length, before, after) = stream(lengths), sizes
    by_shot = [[item for item in items if item.shot == shot] for shot in range(len(lengths))]
    expected = [
        (tuple(shot[max(0, start - before) : start + length + after]), shot[start : start + length])
        for shot in by_shot
        for start in range(0, len(shot), length)
    ]
    assert [(window, list(window[core])) for window, core in chunks(items, *sizes)] == expected


@given(lengths=shot_lengths, sizes=CHUNKS)
def test_chunks_look_ahead_and_hold_no_more_than_they_say(lengths, sizes):
    length, before, after = sizes
    watched = Watched(lengths)
    for window, core in chunks(watched, length, before, after):
        first = window[core][0].number
        assert watched.pulled - 1 - first <= length - 1 + after + 1  # one more at a cut: the next shot's first
        del window
    assert watched.most <= before + length + after + 1 + length


@pytest.mark.parametrize("stride", [0, 4])
def test_sliding_refuses_a_stride_that_leaves_items_out(stride):
    with pytest.raises(ValueError, match=f"stride must be 1 to radius \\+ 1 = 3, got {stride}"):
        list(sliding([], 2, stride))


def test_chunks_refuse_a_length_of_nothing():
    with pytest.raises(ValueError, match="length must be at least 1"):
        list(chunks([], 0))


@given(lengths=shot_lengths, every=st.integers(1, 5), most=st.one_of(st.none(), st.integers(0, 6)))
def test_references_are_sampled_evenly_from_the_shot_and_bounded(lengths, every, most):
    references = References(every, most)
    for item in stream(lengths):
        references.add(item)
        shot_start = sum(lengths[: item.shot])
        picked = [kept.number - shot_start for kept in references.pick([item])]
        past = list(range(0, item.number - shot_start, every))
        if most is None:
            assert picked == past
            continue
        assert set(picked) <= set(past)
        assert len(picked) <= len(references) <= most
        steps = {b - a for a, b in pairwise(picked)}
        assert len(steps) <= 1  # evenly
        if picked and most > 1:
            assert picked[0] == 0
            assert item.number - shot_start - picked[-1] <= 2 * max(steps, default=every * 2 ** len(past))


def test_references_of_ten_hours_stay_few_and_span_them():
    references = References(every=10, most=8)
    for number in range(900_000):
        references.add(Item(number))
    numbers = [item.number for item in references.pick([Item(-1)])]
    assert 4 <= len(numbers) <= 8
    assert numbers[0] == 0
    assert numbers[-1] > 700_000


def test_references_leave_out_the_window_and_other_shots():
    items = stream([6, 6])
    references = References(every=2)
    for item in items:
        references.add(item)
    assert [item.number for item in references.pick(items[1:4])] == [0, 4]  # of the first shot, the second is known
    assert [item.number for item in references.pick(items[6:8])] == [8, 10]
    assert references.pick(items[:1]) == ()  # gone: a later shot has been picked for
    assert references.pick([]) == ()


@pytest.mark.parametrize(("every", "most"), [(0, 1), (1, -1)])
def test_references_refuse_silly_settings(every, most):
    with pytest.raises(ValueError, match="every must be at least 1 and most at least 0"):
        References(every, most)


@given(st.integers(0, 30), st.integers(1, 5))
def test_prefetch_gives_the_same_items_in_the_same_order(length, n):
    assert list(prefetch(iter(range(length)), n)) == list(range(length))


def test_prefetch_runs_n_ahead_in_a_thread_and_no_further():
    watched = Watched([50])
    seen, threads = [], set()

    def items():
        for item in watched:
            threads.add(threading.current_thread().name)
            yield item

    for item in prefetch(items(), 3):
        seen.append(item.number)
        assert watched.pulled <= item.number + 1 + 4
    assert seen == list(range(50))
    assert threads == {"peanut-prefetch"}
    del item
    gc.collect()
    assert watched.most <= 3 + 1 + 2  # in the queue, in work, with the consumer


def test_an_error_crosses_prefetch_with_its_traceback_after_the_items_before_it():
    got = []
    with pytest.raises(Breaks) as caught:
        for item in prefetch(breaking(list(range(5)), 3), 2):
            got.append(item)
    assert got == [0, 1, 2]
    assert "breaking" in [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]


@given(st.integers(0, 5), st.integers(1, 3))
def test_closing_prefetch_ends_its_thread_at_once(taken, n):
    before = threading.active_count()
    items = prefetch(count(), n)
    assert list(islice(items, taken)) == list(range(taken))
    items.close()
    assert threading.active_count() == before


INTERRUPTED = """
import random, signal
from itertools import count
from peanut.buffers import prefetch

signal.signal(signal.SIGALRM, signal.default_int_handler)  # as Ctrl-C does
random.seed(0)
for _ in range(500):
    items = prefetch(count(), 4)
    next(items)
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 1e-3))
        for _ in items:
            pass
    except KeyboardInterrupt:
        items.close()
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_prefetch_closes_wherever_an_interrupt_finds_it():
    subprocess.run([sys.executable, "-c", INTERRUPTED], check=True, timeout=60)


def test_prefetch_refuses_an_empty_queue():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        next(prefetch([], 0))
