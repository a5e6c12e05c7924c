"""The bounded windows that carry every stage, over anything that has a `.shot`.

Latency counts the items that must arrive after an item before that item can come out; Holds, the items alive at once.
A window never reaches into another shot.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import groupby, islice
from operator import attrgetter
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, Protocol, TypeVar

import attrs


class InShot(Protocol):
    """Anything that belongs to a shot: a frame, or what was computed for one."""

    @property
    def shot(self) -> Hashable: ...


T = TypeVar("T")
S = TypeVar("S", bound=InShot)


def chunks(items: Iterable[S], length: int, before: int = 0, after: int = 0) -> Iterator[tuple[tuple[S, ...], slice]]:
    """Consecutive chunks of `length` items with context on both sides: `(window, core)`, the core being the chunk.

    Every item is in exactly one core. The context ends with the shot, and so does the last chunk, which may be shorter.
    Raises ValueError, at the first item, if length < 1 or a context is negative.
    Latency: length - 1 + after. Holds: before + length + after items, one more at a cut, and length more while the
    caller keeps its last window.

    >>> from types import SimpleNamespace
    >>> stream = [SimpleNamespace(name=name, shot=name.isupper()) for name in "abcdeXY"]
    >>> names = lambda items: "".join(item.name for item in items)
    >>> [(names(window), names(window[core])) for window, core in chunks(stream, length=3, before=1, after=1)]
    [('abcd', 'abc'), ('cde', 'de'), ('XY', 'XY')]
    """
    if length < 1 or before < 0 or after < 0:
        raise ValueError(f"chunks: length must be at least 1 and contexts at least 0, got {length}, {before}, {after}.")
    for _, shot in groupby(items, key=attrgetter("shot")):
        held: list[S] = []
        past = 0  # how many of `held` lie before the core
        while True:
            held += islice(shot, past + length + after - len(held))
            if len(held) <= past:
                break
            yield tuple(held), slice(past, min(past + length, len(held)))
            gone = max(0, past + length - before)
            held, past = held[gone:], past + length - gone


def sliding(items: Iterable[S], radius: int, stride: int = 1) -> Iterator[tuple[tuple[S, ...], slice]]:
    """Windows of `radius` items on both sides of every `stride`-th item, each with its core.

    The core is the centre up to the next centre: every item is in exactly one. A window ends with its shot.
    Raises ValueError, at the first item, if stride is not 1 to radius + 1.
    Latency: radius. Holds: 2 radius + 1 items, one more at a cut, and stride more while the caller keeps its last
    window.

    >>> from types import SimpleNamespace
    >>> stream = [SimpleNamespace(name=name, shot=name.isupper()) for name in "abcdeXY"]
    >>> names = lambda items: "".join(item.name for item in items)
    >>> [(names(window), names(window[core])) for window, core in sliding(stream, radius=2, stride=2)]
    [('abc', 'ab'), ('abcde', 'cd'), ('cde', 'e'), ('XY', 'XY')]
    """
    if not 1 <= stride <= radius + 1:
        raise ValueError(f"sliding: stride must be 1 to radius + 1 = {radius + 1}, got {stride}.")
    yield from chunks(items, stride, before=radius, after=radius + 1 - stride)


class References(Generic[S]):
    """Non-local reference items of one run: every `every`-th item of a shot, at most `most`, spread over all of it.

    When full it keeps every second one and from then on samples half as often, so the distances stay equal however
    long the shot is. `most=None` keeps them all. Items of earlier shots go when a window of a later one is picked for.
    Holds: at most `most` items of each shot from the picked one to the newest. Raises ValueError if every < 1 or
    most < 0.

    >>> from types import SimpleNamespace
    >>> references = References(every=2, most=3)
    >>> stream = [SimpleNamespace(number=number, shot=0) for number in range(9)]
    >>> for item in stream: references.add(item)
    >>> [item.number for item in references.pick(stream[3:5])]
    [0, 8]
    """

    def __init__(self, every: int, most: int | None = None) -> None:
        if every < 1 or (most is not None and most < 0):
            raise ValueError(f"References: every must be at least 1 and most at least 0, got {every} and {most}.")
        self.every, self.most = every, most
        self._kept: dict[Hashable, list[S]] = {}
        self._step = self._count = 0

    def add(self, item: S) -> None:
        """Take the next item of the stream."""
        if item.shot not in self._kept:
            self._kept[item.shot] = []
            self._step, self._count = self.every, 0
        kept = self._kept[item.shot]
        if self._count % self._step == 0:
            kept.append(item)
            if self.most is not None and len(kept) > self.most:
                del kept[1 if self.most else 0 :: 2]
                self._step *= 2
        self._count += 1

    def pick(self, window: Iterable[S]) -> tuple[S, ...]:
        """The references for `window`: those of its shot that are not in it, in order."""
        window = tuple(window)
        if not window:
            return ()
        shot = window[0].shot
        if shot not in self._kept:
            return ()
        while (first := next(iter(self._kept))) != shot:
            del self._kept[first]
        seen = {id(item) for item in window}
        return tuple(item for item in self._kept[shot] if id(item) not in seen)

    def __len__(self) -> int:
        """How many items are held."""
        return sum(len(kept) for kept in self._kept.values())


_END = object()


@attrs.frozen
class _Failed:
    error: BaseException


def prefetch(items: Iterable[T], n: int, stop: Callable[[], None] | None = None) -> Iterator[T]:
    """Run `items` in a thread of its own, at most `n` items ahead of the consumer; the same items in the same order.

    An error of `items` is raised here after the items before it. Closing stops the thread as soon as the item in work
    is done; the thread never outlives this iterator. stop: called then, to end that item sooner. ValueError if n < 1.
    Latency: 0. Holds: n items in the queue and one in work.
    """
    if n < 1:
        raise ValueError(f"prefetch: n must be at least 1, got {n}.")
    ready, closing = SimpleQueue[Any](), False
    room = SimpleQueue[None]()  # a semaphore's lock can stay held when Ctrl-C comes while it is taken
    for _ in range(n - 1):
        room.put(None)

    def work() -> None:
        try:
            for item in items:
                ready.put(item)
                del item  # held by the queue alone
                room.get()
                if closing:
                    return
            ready.put(_END)
        except BaseException as error:  # crosses to the consumer, whatever it is
            ready.put(_Failed(error))

    (thread := Thread(target=work, name="peanut-prefetch", daemon=True)).start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failed):
                raise item.error
            room.put(None)
            yield item
            del item
    finally:
        closing = True
        if stop is not None:
            stop()
        room.put(None)
        thread.join()
