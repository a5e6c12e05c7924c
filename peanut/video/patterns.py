"""Names that stand for many files: `frames/*.png` as shells have it, `frames/%05d.png` as FFmpeg does."""

import glob
import os
import re

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
"""How the names of pictures end."""
VIDEOS = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob"),
    *(".wmv", ".flv", ".3gp", ".ogv", ".mxf", ".y4m"),
}
"""How the names of videos end."""
NUMBER = re.compile(r"%(?:0?\d{1,2})?d")


def is_pattern(path: str) -> bool:
    """Whether a path names files by a pattern; a file that is there may well have `[` or `%d` in its name.

    >>> [is_pattern(path) for path in ("nowhere/*.png", "nowhere/%05d.png", "nowhere/50%done.mp4", "http://a/*.png")]
    [True, True, False, False]
    """
    return not os.path.exists(path) and "://" not in path and (glob.has_magic(path) or _is_numbered(path))


def matching(path: str) -> list[str]:
    """The files that a pattern names, in any order. Of `%05d` those whose number is written with five digits or more.

    Source: the patterns of FFmpeg's image2 demuxer, with one number in the name of the file; gaps are passed over.
    """
    if not _is_numbered(path):
        return glob.glob(path)
    folder, name = os.path.split(path)
    number = NUMBER.findall(name)[0]
    wanted = re.compile(r"(\d+)".join(map(re.escape, name.split(number))))
    names = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    found = ((one, wanted.fullmatch(one)) for one in names)
    return [os.path.join(folder, one) for one, fits in found if fits and number % int(fits[1]) == fits[1]]


def _is_numbered(path: str) -> bool:
    """Whether the name of a picture, not that of its folder, has one number in it: `%d`, `%05d`."""
    stem, suffix = os.path.splitext(os.path.basename(path))
    return suffix.lower() in SUFFIXES and len(NUMBER.findall(stem)) == 1 and not glob.has_magic(stem)
