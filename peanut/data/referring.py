"""Referring video segmentation: sentences that mean objects of a clip."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import attrs

from peanut.data.annotations import RunLengths
from peanut.data.clip import Annotations, Clip, Expression
from peanut.data.dataset import Dataset
from peanut.data.davis import Davis
from peanut.data.layout import folder, label_pictures, lines, table
from peanut.errors import UsageError
from peanut.validators import one_of

Kind = Literal["ref-youtube-vos", "ref-davis", "mevis"]
NAMES = {"ref-youtube-vos": "Ref-YouTube-VOS", "ref-davis": "Ref-DAVIS17", "mevis": "MeViS"}
ANNOTATORS = 4
"""Ref-DAVIS17: two persons described every object, each from its first frame and from the whole video."""


@attrs.frozen
class Referring(Dataset):
    """A set for referring video segmentation as it is published; each clip has its sentences.

    kind: which set, and with it the layout of `root`:
        "ref-youtube-vos": `meta_expressions/<split>/meta_expressions.json`, `<split>/JPEGImages`,
            `<split>/Annotations`. A sentence means one object.
        "ref-davis": DAVIS 2017 (480p), and beside it `davis_text_annotations/Davis17_annot1.txt`, `..._annot2.txt` and
            the two `..._full_video.txt`; or what is made of these in the layout of "ref-youtube-vos".
        "mevis": `<split>/meta_expressions.json`, `<split>/JPEGImages`, `<split>/mask_dict.json`. A sentence means one
            object or several; objects have the numbers of their annotations.
    split: "train" or "valid"; "valid_u" is the split of MeViS whose masks are public. Where a split's masks are kept
        by the owners, sentences have no objects and clips no annotations: predictions are measured by their server.

    Raises UsageError, when its clips are asked for, for what is not there. Source: Seo et al., ECCV 2020; Khoreva et
    al., ACCV 2018; Ding et al., ICCV 2023.
    """

    root: str | Path
    kind: Kind = attrs.field(default="ref-youtube-vos", validator=one_of(*NAMES))
    split: str = "valid"

    @property
    def name(self) -> str:
        return f"{NAMES[self.kind]} {self.split}"

    def read_clips(self) -> Sequence[Clip]:
        if self.kind == "mevis":
            return self._mevis()
        if self.kind == "ref-davis" and not Path(self.root, "meta_expressions").is_dir():
            return self._davis()
        return self._youtube_vos()

    def _youtube_vos(self) -> list[Clip]:
        root, of = Path(self.root), self.name
        path = root / "meta_expressions" / self.split / "meta_expressions.json"
        videos = _videos(path, of)
        images = folder(root, self.split, "JPEGImages", of=of)
        sparse = self.kind == "ref-youtube-vos"
        clips = []
        for name, video in sorted(videos.items()):
            frames = folder(images, name, of=of)
            annotations = label_pictures(frames, root / self.split / "Annotations" / name)
            said = [
                Expression(
                    name=number,
                    text=text,
                    objects=objects,
                    annotator="" if sparse else f"annotator {place % ANNOTATORS + 1}",
                )
                for place, (number, text, objects) in enumerate(_said(path, name, video, "obj_id"))
            ]
            rate = Fraction(6) if sparse else Fraction(24)
            clips.append(self._clip(name, frames, rate, annotations, said))
        return clips

    def _davis(self) -> list[Clip]:
        root = Path(self.root)
        texts = sorted(folder(root, "davis_text_annotations", of=self.name).glob("Davis17_annot*.txt"))
        if not texts:
            raise UsageError(f"{root / 'davis_text_annotations'} has no Davis17_annot*.txt.")
        said: dict[str, list[Expression]] = {}
        for text in texts:
            for number, line in enumerate(lines(text, self.name)):
                video, expression = _of_line(line, text, number)
                said.setdefault(video, []).append(expression)
        videos = Davis(root, split={"valid": "val"}.get(self.split, self.split))
        return [attrs.evolve(clip, expressions=tuple(said.get(clip.name, ()))) for clip in videos]

    def _mevis(self) -> list[Clip]:
        root, of = Path(self.root, self.split), self.name
        videos = _videos(root / "meta_expressions.json", of)
        images = folder(root, "JPEGImages", of=of)
        masks = table(root / "mask_dict.json", of) if (root / "mask_dict.json").exists() else {}
        clips = []
        for name, video in sorted(videos.items()):
            said = [
                Expression(name=number, text=text, objects=objects)
                for number, text, objects in _said(root / "meta_expressions.json", name, video, "anno_id")
            ]
            meant = sorted({number for one in said for number in one.objects})
            known = {number: masks[str(number)] for number in meant if isinstance(masks.get(str(number)), list)}
            annotations = RunLengths(known) if known else None
            clips.append(self._clip(name, folder(images, name, of=of), Fraction(6), annotations, said))
        return clips

    def _clip(
        self, name: str, frames: Path, fps: Fraction, annotations: Annotations | None, said: Sequence[Expression]
    ) -> Clip:
        return Clip(
            name=name,
            path=str(frames),
            fps=fps,
            split=self.split,
            annotations=annotations,
            expressions=tuple(said),
        )


def _videos(path: Path, of: str) -> Mapping[str, Any]:
    """The table of the videos. Raises UsageError where it is not as published."""
    videos = table(path, of).get("videos")
    if not isinstance(videos, dict):
        raise UsageError(f"{path} does not list videos with their expressions.")
    for name, video in videos.items():
        if not isinstance(video, dict) or not isinstance(video.get("expressions"), dict):
            raise UsageError(f"{path}: the video {name} has no table of expressions.")
    return videos


def _said(path: Path, name: str, video: Mapping[str, Any], key: str) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Each sentence about a video: its number, its text, its objects (by `key`). Raises UsageError for what is none."""
    for number, one in _by_number(video["expressions"]):
        try:
            objects = one.get(key, ())
            several = objects if isinstance(objects, list | tuple) else (objects,)
            yield number, str(one["exp"]), tuple(map(int, several))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"{path}: expression {number} of {name} is no text (exp) with the numbers of its objects: {one!r}."
            ) from error


def _by_number(expressions: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(expressions.items(), key=lambda one: (0, int(one[0]), "") if one[0].isdigit() else (1, 0, one[0]))


def _of_line(line: str, path: Path, number: int) -> tuple[str, Expression]:
    """A line `video object "sentence"` of Ref-DAVIS17's text files."""
    found = re.fullmatch(r"(\S+)\s+(\d+)\s+[\"“]?(.*?)[\"”]?", line)
    if found is None:
        raise UsageError(f'{path}: line {number + 1} is not `video object "sentence"`: {line!r}.')
    video, thing, text = found.groups()
    annotator = path.stem.removeprefix("Davis17_")
    return video, Expression(name=f"{annotator}-{number}", text=text, objects=(int(thing),), annotator=annotator)
