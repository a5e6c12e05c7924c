"""What is wrong with a file, told where it happens and once more, in all, at its end."""

import logging
from fractions import Fraction
from typing import Any, BinaryIO

from peanut.video.container import length_of, own_length, rate_of
from peanut.video.gaps import TOLD, Numbering, Place
from peanut.video.structure import Matroska, fault_of
from peanut.video.transport import Transport

log = logging.getLogger(__name__)


class Damage:
    """Listens to what comes out of a container and its decoder.

    file: what the bytes can be looked at in; None: they have passed.
    """

    def __init__(self, name: str, container: Any, stream: Any, numbering: Numbering, file: BinaryIO | None) -> None:
        self.name, self._container, self._stream, self.numbering = name, container, stream, numbering
        self._file, self._kind = file, container.format.name
        self._bytes: Matroska | Transport | None = None
        if file is not None and self._kind.startswith(("matroska", "mpegts")):
            self._bytes = (Transport if self._kind == "mpegts" else Matroska)(file)
        self.missing = self.flagged = 0
        self._undecodable = self._incomplete = self._gaps = self._packets = 0
        self._cut_off = ""
        self._others = Fraction(0)  # seconds to which the other streams came

    def passed(self, packet: Any) -> None:
        """A packet of any stream came out of the container, in the order of the file."""
        self._incomplete += bool(packet.is_corrupt)
        if packet.is_corrupt or (self._bytes is not None and not self._bytes.whole_until(packet)):
            self.numbering.doubt()
        if packet.stream.index == self._stream.index:
            self._packets += 1
        elif packet.pts is not None:
            self._others = max(self._others, packet.pts * packet.time_base - self.numbering.begin)

    def sent(self, packet: Any) -> None:
        """A packet of pictures is about to be decoded."""
        self.numbering.sent(packet)

    def skipped(self, packet: Any) -> None:
        """A packet of pictures that come before what is wanted."""
        self.numbering.skipped(packet)

    def refused(self) -> None:
        """The decoder did not take the packet sent last."""
        self._undecodable += 1
        self.numbering.doubt()

    def faulty(self) -> None:
        """The picture that came last is not as it was meant to be."""
        self.flagged += 1
        self.numbering.doubt()

    def broken(self, error: Exception) -> None:
        """The container could not be read at this place."""
        self._cut_off = self._cut_off or (getattr(error, "strerror", "") or str(error))
        self.numbering.doubt()

    def gap(self, place: Place, before: Fraction | None) -> None:
        """Frames are missing before this place; `before`: the time of the last that came."""
        self.missing += place.missing
        self._gaps += 1
        if self._gaps > TOLD:
            return
        first, last = place.index - place.missing, place.index - 1
        numbers = f"frame {first}" if first == last else f"frames {first} to {last}"
        if before is None:
            log.warning("%s: %s missing at the beginning: %s.", self.name, _frames(place.missing), numbers)
        else:
            told = (self.name, _frames(place.missing), before, place.time, numbers)
            log.warning("%s: %s missing between %.3f s and %.3f s: %s.", *told)

    def check_end(self) -> None:
        """Everything has been read: is it as much as the file says?"""
        self.missing += self.numbering.at_the_end()
        listed = self._stream.frames if self._kind.startswith("mov") else 0  # others count ticks, or nothing
        self.missing += max(0, listed - self._packets)
        if self._cut_off:
            return
        length, rate, end = length_of(self._container), rate_of(self._stream), self.numbering.end
        own = own_length(self._container) is not None
        if not own:  # the length is that of the longest stream
            end = max(end, self._others)
        if listed > self._packets:
            self._cut_off = f"it says {listed} frames and holds {self._packets}"
        elif length is not None and rate and end < length - (max(1 / rate, Fraction(1, 20)) if own else Fraction(1, 2)):
            self._cut_off = f"it says {float(length):.1f} s and ends at {float(end):.1f} s"
        elif self._bytes is not None:
            self._cut_off = self._bytes.fault()
        elif self._file is not None:
            self._cut_off = fault_of(self._file, self._kind, self._stream, self._packets)

    @property
    def rightly_empty(self) -> bool:
        """Whether nothing says that there should be pictures: a recording was ended before the first."""
        return not (self._packets or self._stream.frames or length_of(self._container) or self._cut_off)

    def report(self) -> None:
        """Tell, in one line, what was wrong in all."""
        told = [f"{_frames(self.missing)} missing in all"] if self.missing else []
        if self._undecodable:
            packets = "1 packet could not be decoded and is"
            if self._undecodable > 1:
                packets = f"{self._undecodable} packets could not be decoded and are"
            told.append(f"{packets} left out")
        if self.numbering.leading:
            told.append(f"{_frames(self.numbering.leading)} left out that need what came before the file began")
        if self.numbering.late:
            told.append(f"{_frames(self.numbering.late)} left out that came too late")
        if self.flagged:
            told.append(f"{_frames(self.flagged)} damaged")
        if self._cut_off:
            told.append(f"the file is cut off or broken ({self._cut_off})")
        if told and self._incomplete:  # alone it is where two streams were joined
            told.append(f"{self._incomplete} {'packets are' if self._incomplete > 1 else 'packet is'} not complete")
        if told:
            log.warning("%s: %s.", self.name, "; ".join(told))


def _frames(count: int) -> str:
    return "1 frame is" if count == 1 else f"{count} frames are"
