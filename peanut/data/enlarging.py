"""Sets for video super-resolution: sharp clips, and the same four times smaller."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs

from peanut.data.clip import Clip
from peanut.data.dataset import Dataset
from peanut.data.layout import folder, lines, names
from peanut.errors import UsageError
from peanut.validators import one_of

Degradation = Literal["BI", "BD"]
"""How the small images were made: bicubic (BI), or Gaussian blur and every fourth pixel (BD)."""


@attrs.frozen
class Reds4(Dataset):
    """The four clips of REDS' training set on which enlarging is measured: 000, 011, 015 and 020, 100 frames each.

    root: has `train_sharp` and `train_sharp_bicubic/X4`, as REDS is published, or `GT` and `sharp_bicubic`. Where the
    small images are missing, `truth` is None, and whoever measures reduces the frames. Measured in RGB.
    Source: Nah et al., CVPRW 2019; the choice of clips: EDVR, Wang et al., CVPRW 2019.
    """

    root: str | Path

    @property
    def name(self) -> str:
        return "REDS4"

    def read_clips(self) -> Sequence[Clip]:
        sharp = _first(self.root, ("train_sharp", "GT"), self.name)
        small = _first(self.root, ("train_sharp_bicubic/X4", "train_sharp_bicubic", "sharp_bicubic", "BIx4"), None)
        return [_clip(name, sharp, small, self.name) for name in ("000", "011", "015", "020")]


@attrs.frozen
class Vid4(Dataset):
    """calendar, city, foliage and walk. root: has `GT`, and `BIx4` or `BDx4`. Measured on Y of BT.601.

    Where the small images are missing, `truth` is None, and whoever measures reduces the frames.
    Source: Liu and Sun, TPAMI 2013.
    """

    root: str | Path
    degradation: Degradation = attrs.field(default="BI", validator=one_of("BI", "BD"))

    @property
    def name(self) -> str:
        return "Vid4"

    def read_clips(self) -> Sequence[Clip]:
        sharp = _first(self.root, ("GT",), self.name)
        small = _first(self.root, (f"{self.degradation}x4",), None)
        return [_clip(name, sharp, small, self.name) for name in names(sharp)]


@attrs.frozen
class Vimeo90K(Dataset):
    """The test septuplets of Vimeo-90K; of each the fourth frame is measured, on Y of BT.601.

    root: has `vimeo_septuplet/sequences` and `vimeo_septuplet/sep_testlist.txt`, and the small images in
    `vimeo_septuplet_matlabLRx4/sequences` (BI) or `vimeo_septuplet_BDLRx4/sequences` (BD); the part of the names before
    the slash may be left out. Where the small images are missing, `truth` is None, and whoever measures reduces the
    frames. split: "test", or "train" for `sep_trainlist.txt`. Source: Xue et al., IJCV 2019.
    """

    root: str | Path
    degradation: Degradation = attrs.field(default="BI", validator=one_of("BI", "BD"))
    split: Literal["train", "test"] = attrs.field(default="test", validator=one_of("train", "test"))

    @property
    def name(self) -> str:
        return "Vimeo-90K"

    def read_clips(self) -> Sequence[Clip]:
        whole = _first(self.root, ("vimeo_septuplet", "."), self.name)
        sharp = folder(whole, "sequences", of=self.name)
        reduced = {"BI": "vimeo_septuplet_matlabLRx4", "BD": "vimeo_septuplet_BDLRx4"}[self.degradation]
        small = _first(self.root, (f"{reduced}/sequences", reduced), None)
        listed = lines(whole / f"sep_{self.split}list.txt", self.name)
        return [_clip(name, sharp, small, self.name) for name in sorted(listed)]


def _first(root: str | Path, among: Sequence[str], of: str | None) -> Path:
    """The first of these folders that is there. None of them: raises UsageError; without `of`, the last one's path."""
    for one in among:
        if Path(root, one).is_dir():
            return Path(root, one)
    if of is None:
        return Path(root, among[-1])
    raise UsageError(f"{root} has none of the folders {', '.join(among)} that {of} has where it is published.")


def _clip(name: str, sharp: Path, small: Path, of: str) -> Clip:
    truth = folder(sharp, name, of=of)
    if not (small / name).is_dir():
        return Clip(name=name, path=str(truth))
    return Clip(name=name, path=str(small / name), truth=str(truth))
