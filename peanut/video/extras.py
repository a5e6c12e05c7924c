"""What a container holds beside pictures and sound: titles and languages, chapters, fonts, a cover."""

from fractions import Fraction
from typing import Any

from peanut.video.container import is_cover, video_stream

OF_THE_FILE = (
    *("encoder", "duration", "bps", "number_of_", "_statistics_", "rotate", "alpha_mode"),
    *("major_brand", "minor_version", "compatible_brands", "vendor_id"),
)
"""Beginnings of tags that tell of the file they stand in, not of what is in it."""
MOV_LANGUAGES = {"deu": "ger", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice", "zho": "chi"}
"""Languages that FFmpeg's table for mov knows by another code, and would drop."""
COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}


def tags(source: Any) -> dict[str, str]:
    """The tags of a container or stream that are true of a copy, too."""
    found = {key: value for key, value in source.metadata.items() if not key.lower().startswith(OF_THE_FILE)}
    found = {("timecode" if key.lower() == "timecode" else key): value for key, value in found.items()}
    if "name" in found:  # what mp4 and mov call a title when they are read
        found.setdefault("title", found.pop("name"))
    return found


def describe(source: Any, stream: Any, output: Any) -> None:
    """Give a stream of `output` the language, title and flags (default, forced, ...) of the one it comes from."""
    stream.metadata.update(tags(source))
    language = stream.metadata.get("language", "und")
    if kind_of(output) == "mov":
        stream.metadata["language"] = MOV_LANGUAGES.get(language, language)
    if hasattr(source, "disposition"):
        stream.disposition = int(source.disposition)


def copy_chapters(source: Any, output: Any, offset: Fraction, end: Fraction | None) -> list[str]:
    """Give `output` the chapters of `source`, `offset` seconds earlier, up to `end`; returns what it cannot hold."""
    if not hasattr(output, "set_chapters"):
        return []
    kept = []
    for chapter in source.chapters():
        begin = max(Fraction(0), chapter["start"] * chapter["time_base"] - offset)
        stop = chapter["end"] * chapter["time_base"] - offset
        stop = stop if end is None else min(stop, end)
        if stop > begin:
            times = {"start": round(begin * 1000), "end": round(stop * 1000), "time_base": Fraction(1, 1000)}
            kept.append({**chapter, **times})
    output.set_chapters(kept)
    return []


def copy_attachments(source: Any, output: Any) -> list[str]:
    """Give `output` the attachments of `source`, the fonts of its subtitles mostly; returns what it cannot hold."""
    files = [stream for stream in source.streams if stream.type == "attachment"]
    if kind_of(output) != "matroska" or not hasattr(output, "add_attachment"):
        return [f"the attachment {file.metadata.get('filename', 'without a name')}" for file in files]
    for file in files:
        mime = file.metadata.get("mimetype", "application/octet-stream")
        output.add_attachment(file.metadata.get("filename", f"attachment-{file.index}"), mime, file.data)
    return []


def remux_cover(source: Any, picture: Any, output: Any) -> "Cover | str | None":
    """How a cover gets into `output`: mp4 as a stream, mkv at once; what to call it where it cannot.

    picture: its packet, or None.
    """
    codec, kind = source.codec_context.name, kind_of(output)
    in_place = output.file is None  # a file that can be put right afterwards
    if picture is not None and codec in COVERS and kind == "mp4" and in_place:
        return Cover(source, output)
    if picture is None or codec not in COVERS or kind != "matroska" or not hasattr(output, "add_attachment"):
        return f"the cover ({codec})"
    name, mime = COVERS[codec]
    output.add_attachment(source.metadata.get("filename", name), mime, bytes(picture))
    return None


def forget_time_code(output: Any) -> list[str]:
    """Take the time code off `output`, which begins later than its source; returns what to call it if there was one."""
    codes = [holder.pop("timecode", "") for holder in (output.metadata, output.streams.video[0].metadata)]
    return ["the time code, as the beginning is cut off"] if any(codes) else []


def left_out(source: Any) -> list[str]:
    """What of `source` no output takes over: further pictures, streams of data."""
    pictures = video_stream(source).index
    chapters, left = bool(source.chapters()), []
    for stream in source.streams:
        name = getattr(stream, "name", None) or "unknown"
        if stream.type == "video" and stream.index != pictures and not is_cover(stream):
            left.append(f"the other pictures in stream {stream.index}")
        elif stream.type == "data" and "timecode" not in tags(stream) and not (chapters and name == "bin_data"):
            left.append(f"the data in stream {stream.index} ({name})")
    return left


class Cover:
    """A cover on its way: a stream of one packet."""

    def __init__(self, source: Any, output: Any) -> None:
        self.stream = output.add_stream_from_template(source)
        describe(source, self.stream, output)

    def write(self, packet: Any, offset: Fraction, output: Any) -> None:
        """Write the picture; it has no time."""
        packet.pts = packet.dts = 0
        packet.stream = self.stream
        output.mux(packet)

    def finish(self, output: Any) -> None:
        """Nothing is held back."""


def kind_of(output: Any) -> str:
    """FFmpeg's name of the container being written: mp4, mov, matroska, webm."""
    return str(output.format.name.split(",")[0])
