"""YouTube-VOS: many short videos, every fifth frame annotated."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import attrs

from peanut.data.clip import Clip
from peanut.data.dataset import Dataset
from peanut.data.layout import folder, label_pictures, names, table
from peanut.errors import UsageError
from peanut.validators import one_of


@attrs.frozen
class YouTubeVOS(Dataset):
    """YouTube-VOS as it is published: `<split>/JPEGImages`, `<split>/Annotations` and `<split>/meta.json` in `root`.

    split: "train", "valid" or "test"; of the last two only the frames in which an object comes first are annotated.
    frames: "annotated", the archive with every fifth frame (6 per second); or "all" (30 per second), in
        `<split>_all_frames/JPEGImages`: masks are matched by file number.

    Raises UsageError, when its clips are asked for, for folders that are not there. Source: Xu et al., ECCV 2018.
    """

    root: str | Path
    split: str = "valid"
    frames: Literal["annotated", "all"] = attrs.field(default="annotated", validator=one_of("annotated", "all"))

    @property
    def name(self) -> str:
        return f"YouTube-VOS {self.split}"

    def read_clips(self) -> Sequence[Clip]:
        every = self.split if self.frames == "annotated" else f"{self.split}_all_frames"
        images = folder(self.root, every, "JPEGImages", of=self.name)
        objects = self._objects()
        return [self._clip(name, images / name, objects.get(name)) for name in names(images)]

    def _clip(self, name: str, frames: Path, objects: tuple[int, ...] | None) -> Clip:
        masks = Path(self.root, self.split, "Annotations", name)
        rate = Fraction(6) if self.frames == "annotated" else Fraction(30)
        annotations = label_pictures(frames, masks, objects)
        return Clip(name=name, path=str(frames), fps=rate, split=self.split, annotations=annotations)

    def _objects(self) -> dict[str, tuple[int, ...]]:
        """The numbers of the objects of each clip, from `meta.json` where there is one."""
        path = Path(self.root, self.split, "meta.json")
        if not path.exists():
            return {}
        videos = table(path, self.name).get("videos", {})
        try:
            return {name: tuple(sorted(map(int, one["objects"]))) for name, one in videos.items() if "objects" in one}
        except (TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"{path} does not list videos with numbers of objects.") from error
