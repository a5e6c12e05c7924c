"""Numbers and times of pictures: what is missing between two of them is found and told, never closed over."""

from collections import Counter
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any

import attrs

RECENT = 32
"""Packets after which damage no longer explains a leap in time: decoders put at most 16 pictures into another order."""
STEADY = 10
"""Steps of one frame for every longer one, with which a file counts as one of constant rate."""
TOLD = 3
"""Gaps told one by one; more are counted."""


@attrs.frozen
class Place:
    """Where a picture stands: its number, its time in seconds from the beginning, the frames missing before it."""

    index: int
    time: Fraction
    missing: int
    order: int
    """How many pictures came before it: the number that it has where numbers close up over what is missing."""


class Numbering:
    """Gives every picture its place, by the packets that were sent and by the time between the pictures.

    A leap in time is a gap where there is damage (a packet that is corrupt or refused, bytes that belong to nothing) or
    where all steps before were of one frame: files of variable rate leap as they like. Time that a packet says it
    lasts is no gap. begin: seconds of the stream's clock that count as zero. leaps: whether this kind of container has
    leaps without damage and without saying so.
    """

    def __init__(self, stream: Any, rate: Fraction | None, begin: Fraction, leaps: bool) -> None:
        self.begin, self.late, self._leading = begin, 0, 0
        self.frame = 1 / rate if rate else None
        self._codec, self._tick, self._leaps = stream.codec_context.name, stream.time_base or Fraction(1, 90_000), leaps
        self._waiting: list[int] = []  # time stamps of packets whose picture has not come
        self._sent, self._hidden, self._came = 0, 0, 0
        self._doubted = -RECENT  # packets that had been sent when there was damage
        self._first_key: int | None = None
        self._last: Fraction | None = None
        self._last_stamp: int | None = None
        self._end = Fraction(0)  # in seconds of the stream's clock
        self._next = self._order = 0
        self._skipping = False
        self._slack = Fraction(0)  # seconds that packets said they last beyond one frame
        self._steps: Counter[Fraction] = Counter()
        self._steady = self._leapt = 0

    def doubt(self) -> None:
        """There is damage about here: what is missing next is missing because of it."""
        self._doubted = self._sent

    def sent(self, packet: Any) -> None:
        """A packet goes to the decoder."""
        self._sent += 1
        if self._came and packet.is_discard:
            self.doubt()
        stamp = packet.dts if packet.pts is None else packet.pts
        if packet.is_discard or _shows_nothing(self._codec, packet):
            self._hidden += 1
            return
        if not self._came and packet.is_keyframe and self._first_key is None:
            self._first_key = stamp
        if not self._came and (self._first_key is None or (stamp is not None and stamp < self._first_key)):
            self._leading += 1  # refers to what came before the file
            return
        if self.frame is not None and packet.duration and packet.duration * self._tick > self.frame * 3 / 2:
            self._slack += packet.duration * self._tick - self.frame
        if stamp is not None:
            self._end = max(self._end, (stamp + (packet.duration or 0)) * self._tick)
        if stamp is not None and (self._last_stamp is None or stamp > self._last_stamp):  # else it is counted already
            heappush(self._waiting, stamp)

    def skipped(self, packet: Any) -> None:
        """A packet is passed over: its picture is not wanted, but has its place."""
        self._skipping = True
        self.sent(packet)
        if len(self._waiting) > RECENT // 2:
            self._place(self._waiting[0])

    def place(self, picture: Any) -> Place | None:
        """Where a picture stands; None if it comes too late to be shown."""
        place = self._place(picture.pts)
        self._skipping = False
        return place

    def _place(self, stamp: int | None) -> Place | None:
        if not self._came and self._waiting:
            self.begin = min(self.begin, self._waiting[0] * self._tick)
        missing = 0
        while stamp is not None and self._waiting and self._waiting[0] <= stamp:
            missing += heappop(self._waiting) < stamp
        time, passed_over = self._time(stamp), missing if self._skipping else 0
        if self._last is None:
            missing = max(missing, round(time / self.frame)) if self._damaged and self.frame else missing
        elif time <= self._last:
            if self._damaged:
                self.late += 1
                self._came += 1
                return None
            time = self._last + self._tick
        else:
            missing += self._unsent(time - self._last, missing)
        self._last_stamp = stamp
        index, order = self._next + missing, self._order + passed_over
        self._came, self._next, self._order, self._last = self._came + 1, index + 1, order + 1, time
        return Place(index, time, missing, order)

    def at_the_end(self) -> int:
        """How many pictures of packets that were sent never came after the last one."""
        return max(0, min(len(self._waiting), self._sent - self._hidden - self._leading - self._came))

    @property
    def leading(self) -> int:
        """How many pictures at the beginning refer to what came before the file, and cannot be shown."""
        return max(0, min(self._leading, self._sent - self._hidden - self._came))

    @property
    def end(self) -> Fraction:
        """Seconds at which the last picture ends, whether it came or not."""
        return max(self._end - self.begin, Fraction(0) if self._last is None else self._last + (self.frame or 0))

    @property
    def _damaged(self) -> bool:
        return self._sent - self._doubted < RECENT

    def _time(self, stamp: int | None) -> Fraction:
        if stamp is None:
            return Fraction(0) if self._last is None else self._last + (self.frame or Fraction(1, 25))
        time = stamp * self._tick
        if not self._came:
            self.begin = min(self.begin, time)
        return Fraction(time - self.begin)

    def _unsent(self, step: Fraction, explained: int) -> int:
        """How many frames must have been between two pictures `step` seconds apart, beside those explained."""
        if self.frame is None:
            return 0
        usual = self._usual()
        leap = step - usual * (1 + explained)
        lasted = min(self._slack, max(leap, Fraction(0)))
        self._slack -= lasted
        count = max(0, round((leap - lasted) / usual))
        if self._damaged:
            return count
        if explained:
            return 0
        if step in self._steps or len(self._steps) < RECENT:
            self._steps[step] += 1
        if abs(leap) * 4 < usual:
            self._steady += 1
            return 0
        self._leapt += 1
        return count if self._leaps and self._steady >= STEADY * self._leapt else 0

    def _usual(self) -> Fraction:
        """Seconds of one frame: as the rate says, or, where that is far off, as most steps were."""
        frame = self.frame or Fraction(1, 25)
        most, times = self._steps.most_common(1)[0] if self._steps else (frame, 0)
        return frame if times < 3 or abs(most - frame) * 10 <= frame else most


def _shows_nothing(codec: str, packet: Any) -> bool:
    """Whether a packet of VP8 or VP9 holds nothing but a picture to refer to."""
    data = memoryview(packet)
    if codec == "vp8":
        return not data[0] & 0x10
    if codec != "vp9" or data[-1] & 0xE0 == 0xC0:  # the end of several frames in one packet, of which one is shown
        return False
    bits = data[0] << 1 if data[0] & 0x30 == 0x30 else data[0]  # profile 3 has a bit more in front
    return not bits & 0x08 and not bits & 0x02
