"""Sound on its way into another container: packets copied where the container takes them, encoded anew otherwise."""

import io
import logging
from typing import Any

import av
import av.error

from peanut.video.overheard import reason_of, reasons
from peanut.video.remuxed_sound import (
    CheckedPackets,
    CopiedPackets,
    EncodedSound,
    HeaderlessSound,
    adts_configuration,
    codec_of,
    plain_packet,
)

log = logging.getLogger(__name__)

ENCODERS = {"mp4": "aac", "mov": "aac", "webm": "libopus", "matroska": "libopus"}
"""Sound that a container does not take is encoded anew with these."""
PARSED = {"ac3", "eac3"}
"""Sound whose headers mp4 and mov read: one that is damaged would break off the whole file."""


def remux_sound(stream: Any, first: Any, output: Any, options: dict[str, str]) -> CopiedPackets | EncodedSound | str:
    """How a stream of sound gets into `output`; what to call it where it cannot.

    first: its first packet, or None. options: those with which `output` was opened.
    """
    kind, codec = output.format.name.split(",")[0], codec_of(stream)
    if codec == "unknown":
        return f"the sound in stream {stream.index} (of an unknown kind)"
    if codec in output.supported_codecs or stream.codec_context.name in output.supported_codecs:
        configuration = None if first is None or stream.codec_context.extradata else adts_configuration(bytes(first))
        if codec == "aac" and configuration is not None and _takes(kind, options, stream, None, configuration):
            return HeaderlessSound(stream, output.add_stream_from_template(stream), configuration)
        parsed = kind in ("mp4", "mov") and codec in PARSED
        if _takes(kind, options, stream, first) and not (parsed and not _decodes(first)):
            if parsed:
                return CheckedPackets(stream, output.add_stream_from_template(stream))
            return CopiedPackets(output.add_stream_from_template(stream))
    encoder = ENCODERS[kind]
    try:
        with reasons():
            remuxed = EncodedSound(stream, output, encoder)
    except (av.error.FFmpegError, ValueError) as error:
        return f"the sound in {codec} ({reason_of(error)})"
    log.warning("%s does not take sound in %s: it is encoded anew in %s.", kind, codec, encoder)
    return remuxed


def _takes(kind: str, options: dict[str, str], stream: Any, packet: Any, configuration: bytes | None = None) -> bool:
    """Whether a container really takes this sound: what it says it supports is refused when it comes, FLAC by mov."""
    try:
        with av.open(io.BytesIO(), "w", format=kind, options=options) as container:
            trial = container.add_stream_from_template(stream)
            if configuration is not None:
                trial.codec_context.extradata = configuration
            container.start_encoding()
            if packet is not None:
                copy = plain_packet(packet, packet.time_base)
                copy.pts, copy.dts, copy.stream = 0, 0, trial
                container.mux(copy)
    except (av.error.FFmpegError, OSError, ValueError):
        return False
    return True


def _decodes(packet: Any) -> bool:
    """Whether there is a packet, and a sound one."""
    try:
        return packet is not None and bool(packet.decode())
    except av.error.FFmpegError:
        return False
