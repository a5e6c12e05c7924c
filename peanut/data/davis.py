"""DAVIS: densely annotated videos, one object each (2016) or several (2017)."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import attrs

from peanut.data.annotations import OneObject
from peanut.data.clip import Clip
from peanut.data.dataset import Dataset
from peanut.data.layout import folder, label_pictures, lines
from peanut.validators import one_of


@attrs.frozen
class Davis(Dataset):
    """DAVIS as it is published: `JPEGImages`, `Annotations` and `ImageSets` in `root`.

    split: a list in `ImageSets/<year>`: "train", "val", "test-dev" and so on; of 2016's "trainval", too.
    year: 2016 gives every clip one object, the union of all; 2017 tells objects apart.
    resolution: "480p" or "Full-Resolution". task: "unsupervised" takes the masks of `Annotations_unsupervised`.

    Every frame is annotated, at 24 frames per second; of "test-dev" only the first. Raises UsageError, when its clips
    are asked for, for folders that are not there. Source: Perazzi et al., CVPR 2016; Pont-Tuset et al., 2017 and, for
    the unsupervised masks, Caelles et al., 2019.
    """

    root: str | Path
    split: str = "val"
    year: Literal[2016, 2017] = attrs.field(default=2017, validator=one_of(2016, 2017))
    resolution: str = "480p"
    task: Literal["semi-supervised", "unsupervised"] = attrs.field(
        default="semi-supervised", validator=one_of("semi-supervised", "unsupervised")
    )

    @property
    def name(self) -> str:
        return f"DAVIS {self.year} {self.split}"

    def read_clips(self) -> Sequence[Clip]:
        images = folder(self.root, "JPEGImages", self.resolution, of=self.name)
        masks = "Annotations_unsupervised" if self.task == "unsupervised" else "Annotations"
        annotated = folder(self.root, masks, self.resolution, of=self.name)
        return [self._clip(name, images / name, annotated / name) for name in self._names()]

    def _clip(self, name: str, frames: Path, masks: Path) -> Clip:
        annotations: Any = label_pictures(folder(frames, of=self.name), masks)
        if annotations is not None and self.year == 2016:
            annotations = OneObject(annotations)
        return Clip(name=name, path=str(frames), fps=Fraction(24), split=self.split, annotations=annotations)

    def _names(self) -> list[str]:
        """The clips of the split; 2016's own archive lists the frames of `ImageSets/480p` instead."""
        listed = Path(self.root, "ImageSets", str(self.year), f"{self.split}.txt")
        if self.year == 2016 and not listed.exists():
            listed = Path(self.root, "ImageSets", self.resolution, f"{self.split}.txt")
        found = lines(listed, self.name)
        return sorted({Path(line.split()[0]).parent.name if "/" in line else line for line in found})
