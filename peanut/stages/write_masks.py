"""Writing masks, to look at and to use again."""

from pathlib import Path

from peanut.errors import UsageError
from peanut.pipeline import Pipeline
from peanut.stages.mask_images import mask_images
from peanut.video.write import write


def write_masks(path: str | Path, *, overwrite: bool = False) -> Pipeline:
    """Write the masks, lossless, white = remove: `masks(path)` reads the same masks back.

    path: mkv (FFV1), `-` (the same, to standard output), mp4 (H.264, lossless), or a folder of PNG. Passes on the masks
    as pictures. Raises as `write`.
    """
    suffix = ".mkv" if path == "-" else Path(path).suffix.lower()
    if suffix in ("", ".mkv", ".mp4"):
        codec, pixel_format = {".mkv": ("ffv1", "gray"), ".mp4": ("libx264", "gray")}.get(suffix, (None, None))
        stage = write(
            path,
            codec=codec,
            pixel_format=pixel_format,
            crf=0,
            audio=False,
            subtitles=False,
            metadata=False,
            overwrite=overwrite,
        )
        return mask_images() | stage
    raise UsageError(f"write_masks: masks are written lossless to mkv, mp4 or a folder of PNG, not to {suffix}.")
