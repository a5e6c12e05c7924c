"""What `ffmpeg -i IN OUT` keeps of a file and `read(IN) | write(OUT)` does not, for every video in a folder.

python -m benchmarks.against_ffmpeg FOLDER      prints a table, one line for each difference, with its reason
"""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peanut

VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".ts", ".m3u8", ".vob", ".wmv", ".flv", ".avi", ".m2ts", ".mpg"}
WRITTEN = {".mp4", ".mov", ".mkv", ".webm"}
WHAT = "stream=codec_type,width,height,pix_fmt,sample_aspect_ratio,field_order,avg_frame_rate,nb_read_frames"
COLORS = ("color_range", "color_space", "color_transfer", "color_primaries")
REASONS = {
    "pictures": "ffmpeg repeats pictures to keep a constant rate; PEANUT tells of holes",
    "pixel format": "frames are 8-bit RGB, written as yuv420p unless `pixel_format=` says otherwise",
    "field order": "VP9 does not keep fields apart, nor does another size; told in a line",
    "pixel aspect": "VP9 and AV1 in mkv and webm have no place for it; told in a line",
    "rate": "pictures keep their own times: where one is missing the average is lower",
    "subtitles": "text is not turned from one format into another; told in a line",
    "cover": "mov and webm have no place for it; told in a line",
    "sound": "what neither can be copied nor decoded is told in a line",
}
ORDERS = {"tt": "top", "tb": "top", "bb": "bottom", "bt": "bottom"}
"""ffprobe's field orders, by the field that comes first."""


def probe(path: Path) -> dict[str, Any] | None:
    """What ffprobe says of a file; None if it cannot read it."""
    entries = f"{WHAT},{','.join(COLORS)}:stream_tags:stream_disposition:format_tags:chapter_tags"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_chapters", "-show_entries", entries]
    done = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found if found.get("streams") else None


def of_kind(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Streams of a kind; a cover is one of its own."""
    return [
        stream
        for stream in found["streams"]
        if ("cover" if stream["disposition"]["attached_pic"] else stream.get("codec_type")) == kind
    ]


def tag(stream: dict[str, Any], *names: str) -> str:
    """The first of these tags that a stream has."""
    tags = {name.lower(): value for name, value in stream.get("tags", {}).items()}
    return str(next((tags[name] for name in names if name in tags), ""))


def flags(stream: dict[str, Any]) -> tuple[int, int]:
    """Default and forced."""
    return stream["disposition"]["default"], stream["disposition"]["forced"]


def video(found: dict[str, Any]) -> dict[str, Any]:
    """The stream of pictures."""
    return next(iter(of_kind(found, "video")), {})


ASPECTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pictures": lambda found: video(found).get("nb_read_frames"),
    "size": lambda found: (video(found).get("width"), video(found).get("height")),
    "pixel aspect": lambda found: video(found).get("sample_aspect_ratio", "1:1").replace("N/A", "1:1"),
    "field order": lambda found: ORDERS.get(video(found).get("field_order", ""), "none"),
    "pixel format": lambda found: video(found).get("pix_fmt"),
    "colors": lambda found: [video(found).get(name, "unknown") for name in COLORS],
    "rate": lambda found: video(found).get("avg_frame_rate"),
    "sound": lambda found: len(of_kind(found, "audio")),
    "languages of the sound": lambda found: [tag(one, "language") or "und" for one in of_kind(found, "audio")],
    "titles of the sound": lambda found: [tag(one, "title", "name") for one in of_kind(found, "audio")],
    "default sound": lambda found: [flags(one)[0] for one in of_kind(found, "audio")],
    "subtitles": lambda found: [(tag(one, "language"), flags(one)) for one in of_kind(found, "subtitle")],
    "chapters": lambda found: [tag(one, "title") for one in found.get("chapters", [])],
    "attachments": lambda found: [tag(one, "filename") for one in of_kind(found, "attachment")],
    "cover": lambda found: len(of_kind(found, "cover")),
    "time code": lambda found: tag(video(found), "timecode"),
    "title": lambda found: tag(found.get("format", {}), "title"),
}


class Said(logging.Handler):
    """Whether PEANUT said a word during a copy."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def copies(source: Path, folder: Path, suffix: str) -> tuple[Any, Any, list[str]]:
    """What both make of a file: ffmpeg's and ours as ffprobe sees them, and what PEANUT said."""
    theirs, ours, said = folder / f"theirs{suffix}", folder / f"ours{suffix}", Said()
    subprocess.run(["ffmpeg", "-v", "quiet", "-y", "-i", str(source), str(theirs)], stdin=subprocess.DEVNULL)
    logging.getLogger("peanut").addHandler(said)
    try:
        (peanut.read(source, shots=False) | peanut.write(ours, overwrite=True)).run(progress=False)
    except Exception as error:
        said.lines.append(f"{type(error).__name__}: {error}")
    finally:
        logging.getLogger("peanut").removeHandler(said)
    return (probe(theirs) if theirs.exists() else None), (probe(ours) if ours.exists() else None), said.lines


def differences(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Of every copy: file, what, who keeps it, why not both."""
    for source in sorted(file for file in folder.rglob("*") if file.suffix in VIDEOS):
        own = probe(source)
        for suffix in (".mp4", ".mkv") if source.suffix not in WRITTEN else (source.suffix,):
            name = f"{source.relative_to(folder)} to {suffix[1:]}"
            with tempfile.TemporaryDirectory() as scratch:
                theirs, ours, said = copies(source, Path(scratch), suffix)
            if theirs is None or ours is None or own is None:
                if (theirs is None) != (ours is None):
                    yield name, "the whole", "PEANUT" if theirs is None else "ffmpeg", " ".join(said)[:160]
                continue
            for what, of in ASPECTS.items():
                kept = [of(copy) == of(own) for copy in (theirs, ours)]
                if kept[0] != kept[1]:
                    word = REASONS.get(what, "not known: a fault") if kept[0] else ""
                    yield name, what, "ffmpeg" if kept[0] else "PEANUT", word


def main(folder: Path) -> None:
    """Print the table."""
    print("| copy | what | kept by | why not by PEANUT |\n| --- | --- | --- | --- |")
    for row in differences(folder):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
