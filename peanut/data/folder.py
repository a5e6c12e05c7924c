"""A folder of clips of one's own."""

from collections.abc import Sequence
from pathlib import Path

import attrs

from peanut.data.clip import Clip
from peanut.data.dataset import Dataset
from peanut.data.layout import label_pictures, names
from peanut.errors import UsageError
from peanut.video.patterns import SUFFIXES, VIDEOS


@attrs.frozen
class Folder(Dataset):
    """A folder of clips: each a folder with `frames`, and `masks` and `truth` if there are any; or of pictures alone.

    Videos in it are clips, too; a folder that has `frames` itself is one clip. Masks are pictures, matched by file
    number: white on black, or label pictures with a number for each object. `truth` holds the frames without the
    objects. Raises UsageError, when its clips are asked for, if there is none.
    """

    root: str | Path

    @property
    def name(self) -> str:
        return Path(self.root).name

    def read_clips(self) -> Sequence[Clip]:
        root = Path(self.root)
        if not root.is_dir():
            what = "is a file" if root.exists() else "is not there"
            raise UsageError(f"{root} {what}: a folder of clips, a manifest (.toml) or KIND:PATH is wanted.")
        if (root / "frames").is_dir():
            return [_clip(root)]
        found = [_clip(root / name) for name in names(root) if _has_clip(root / name)]
        videos = sorted(path for path in root.iterdir() if path.suffix.lower() in VIDEOS)
        found += [Clip(name=path.name, path=str(path)) for path in videos]
        if not found:
            raise UsageError(
                f"{root} has no clips: folders with `frames` (`masks`, `truth`) in them, folders of pictures, videos."
            )
        return found


def _has_clip(path: Path) -> bool:
    return (path / "frames").is_dir() or any(one.suffix.lower() in SUFFIXES for one in path.iterdir())


def _clip(path: Path) -> Clip:
    frames = path / "frames" if (path / "frames").is_dir() else path
    truth = path / "truth"
    return Clip(
        name=path.name,
        path=str(frames),
        annotations=label_pictures(frames, path / "masks"),
        truth=str(truth) if truth.is_dir() else None,
    )
