"""The ways that packets of sound go into another container: as they are, checked, without headers, encoded anew."""

import logging
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.bitstream
import av.codec
import av.error

from peanut.video.even_sound import RATE, EvenSound
from peanut.video.overheard import reason_of, reasons

log = logging.getLogger(__name__)

EARLY = 24
"""Samples by which packets of Opus are written early: its 312 of delay are half a millisecond more than whole ones."""
USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""What so many channels mean where the file does not say."""


def codec_of(stream: Any) -> str:
    """The name of a codec, whoever decodes it; "unknown" where nobody does."""
    name = "unknown" if stream.codec_context is None else stream.codec_context.name
    return str(av.codec.Codec(name, "r").canonical_name) if name != "unknown" else name


def start_of(packet: Any) -> Fraction:
    """When a packet begins, in seconds of the source's clock."""
    stamp = packet.dts if packet.pts is None else packet.pts
    return Fraction((stamp or 0) * packet.time_base)


def plain_packet(packet: Any, time_base: Fraction) -> Any:
    """A packet with the same data and times, and nothing else."""
    plain: Any = av.Packet(bytes(packet))
    plain.pts, plain.dts, plain.duration = packet.pts, packet.dts, packet.duration
    plain.time_base, plain.is_keyframe = time_base, True
    return plain


def adts_configuration(packet: bytes) -> bytes | None:
    """The AudioSpecificConfig that the ADTS header of an AAC packet stands for; None where there is none to be had."""
    if len(packet) < 7 or packet[0] != 0xFF or packet[1] & 0xF6 != 0xF0:
        return None
    profile, rate = packet[2] >> 6, packet[2] >> 2 & 15
    channels = (packet[2] & 1) << 2 | packet[3] >> 6
    if rate > 12 or channels == 0:  # the channels are described in the sound itself
        return None
    return (profile + 1 << 11 | rate << 7 | channels << 3).to_bytes(2, "big")


class CopiedPackets:
    """A stream whose packets are copied as they are."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._last: int | None = None

    def write(self, packet: Any, offset: Fraction, output: Any) -> None:
        """Write a packet `offset` seconds earlier than it says."""
        ticks = round(offset / packet.time_base)
        pts = packet.dts if packet.pts is None else packet.pts
        dts = pts if packet.dts is None else packet.dts
        pts, dts = pts - ticks, dts - ticks
        if self._last is not None and dts <= self._last:  # a muxer takes nothing twice for the same time
            dts = self._last + 1
            pts = max(pts, dts)
        packet.pts, packet.dts, self._last = pts, dts, dts
        packet.stream = self.stream
        output.mux(packet)

    def finish(self, output: Any) -> None:
        """Nothing is held back."""


class CheckedPackets(CopiedPackets):
    """A stream whose packets are copied if they can be decoded."""

    def __init__(self, source: Any, stream: Any) -> None:
        super().__init__(stream)
        self._damage = DamagedSound(source, "left out")

    def write(self, packet: Any, offset: Fraction, output: Any) -> None:
        """Write a packet, or note its damage, which is told at the end."""
        try:
            with reasons():
                packet.decode()
        except av.error.FFmpegError as error:
            self._damage.add(error, start_of(packet))
            return
        super().write(packet, offset, output)

    def finish(self, output: Any) -> None:
        """Tell what was damaged."""
        self._damage.tell()


class HeaderlessSound(CopiedPackets):
    """AAC of a transport stream, with a header before every piece (ADTS): copied without them."""

    def __init__(self, source: Any, stream: Any, configuration: bytes) -> None:
        super().__init__(stream)
        self._configuration = stream.codec_context.extradata = configuration
        self._filter = av.bitstream.BitStreamFilterContext("aac_adtstoasc", source)
        self._damage = DamagedSound(source, "left out")

    def write(self, packet: Any, offset: Fraction, output: Any) -> None:
        """Write a packet; one with a damaged header, or of other channels than the first, is told at the end."""
        configuration, time_base, start = adts_configuration(bytes(packet)), packet.time_base, start_of(packet)
        try:
            if configuration not in (self._configuration, None):
                raise ValueError("Its channels or its rate change")
            with reasons():
                bare = self._filter.filter(packet)
        except (av.error.FFmpegError, ValueError) as error:
            self._damage.add(error, start)
            return
        for part in bare:  # without the note on a new configuration that FFmpeg puts on it, which mkv stumbles over
            super().write(plain_packet(part, time_base), offset, output)

    def finish(self, output: Any) -> None:
        """Tell what was damaged."""
        self._damage.tell()


class EncodedSound:
    """A stream of sound that is decoded and encoded anew. Raises FFmpegError if no layout of channels is taken."""

    def __init__(self, source: Any, output: Any, encoder: str) -> None:
        own = source.codec_context.layout
        usual = USUAL_LAYOUTS.get(own.nb_channels, "stereo")
        if own.name.endswith("channels"):  # their number is all that the file says
            source.codec_context.layout = usual
        layout = _layout_taken(encoder, source.codec_context.layout.name, usual)
        self.stream = output.add_stream(encoder, rate=RATE)
        self.stream.codec_context.layout = layout
        self.stream.codec_context.time_base = Fraction(1, RATE)
        self._early = EARLY if encoder == "libopus" else 0
        self._even = EvenSound(self.stream.codec_context.format.name, layout)
        self._damage = DamagedSound(source, "silence now")

    def write(self, packet: Any, offset: Fraction, output: Any) -> None:
        """Decode, move `offset` seconds to the front, encode, write; what cannot be decoded becomes silence."""
        start = start_of(packet)
        try:
            with reasons():
                sounds = packet.decode()
                encoded = [part for sound in _timed(sounds, start) for part in self._encoded(sound, offset)]
        except (av.error.FFmpegError, ValueError) as error:
            self._damage.add(error, start)
            return
        self._mux(encoded, output)

    def finish(self, output: Any) -> None:
        """Write what the encoder holds, and tell what was damaged."""
        for sound in self._even.rest():
            self._mux(self.stream.encode(sound), output)
        if self.stream.codec_context.is_open:
            self._mux(self.stream.encode(None), output)
        self._damage.tell()

    def _encoded(self, sound: Any, offset: Fraction) -> Iterator[Any]:
        sound.pts -= round(offset / sound.time_base)
        for even in self._even.add(sound):
            yield from self.stream.encode(even)

    def _mux(self, packets: Iterable[Any], output: Any) -> None:
        for packet in packets:
            packet.pts -= self._early
            packet.dts -= self._early
            output.mux(packet)


def _timed(sounds: Iterable[Any], start: Fraction) -> Iterator[Any]:
    """The sounds of a packet that begins at `start`; a decoder gives no time after a damaged one."""
    for sound in sounds:
        if sound.time_base is None:
            sound.time_base = Fraction(1, sound.sample_rate)
        if sound.pts is None:
            sound.pts = round(start / sound.time_base)
        start = sound.pts * sound.time_base + Fraction(sound.samples, sound.sample_rate)
        yield sound


def _layout_taken(encoder: str, *layouts: str) -> str:
    """The first of these layouts, stereo at last, that the encoder takes."""
    last: Exception | None = None
    for layout in (*layouts, "stereo"):
        context: Any = av.CodecContext.create(encoder, "w")
        context.layout, context.sample_rate = layout, RATE
        context.format = context.codec.audio_formats[0]
        try:
            context.open()
            return layout
        except (av.error.FFmpegError, ValueError) as error:
            last = error
    raise last or ValueError(f"{encoder} takes no layout of channels")


class DamagedSound:
    """Packets of one stream that could not be used, told in one line at its end."""

    def __init__(self, stream: Any, fate: str) -> None:
        self._told = f"sound {stream.index} ({codec_of(stream)})"
        self._fate, self._count, self._first, self._reason = fate, 0, Fraction(0), ""

    def add(self, error: Exception, start: Fraction) -> None:
        """One more, that begins at `start`, in seconds of the source."""
        if not self._count:
            self._first, self._reason = start, reason_of(error)
        self._count += 1

    def tell(self) -> None:
        """Tell it, if there was any."""
        if self._count:
            log.warning(
                "%s: %d packets are damaged and %s, the first at %.3f s: %s.",
                self._told,
                self._count,
                self._fate,
                float(self._first),
                self._reason,
            )
