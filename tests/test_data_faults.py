"""Datasets whose files are damaged, misnamed or of other types: one sentence that says where, nothing read wrong."""

import json

import numpy as np
import pytest
from PIL import Image
from trees import frames, labels, masks

import peanut
from peanut.data import Folder, Manifest, Referring, YouTubeVOS, open_dataset
from peanut.data.verify import verify


def plain(folder, *drawn):
    """Masks in plain grey, without a palette."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, one in enumerate(drawn):
        Image.fromarray(one).save(folder / f"{n:05d}.png")


def object_of(level, kind=np.uint8):
    return ((labels(1) > 0) * level).astype(kind)


@pytest.mark.parametrize("masks", [object_of(100), object_of(300, np.uint16)])
def test_grey_pictures_that_are_neither_white_nor_numbers(tmp_path, masks):
    frames(tmp_path / "a/frames", range(2))
    plain(tmp_path / "a/masks", masks, masks)
    with pytest.raises(peanut.UsageError, match=r"00000\.png: its values, up to [13]00, are neither white nor numbers"):
        list(Folder(tmp_path)[0].masked())


def test_a_faint_frame_among_white_masks_has_no_numbers(tmp_path):
    frames(tmp_path / "a/frames", range(2))
    plain(tmp_path / "a/masks", object_of(255), object_of(40))
    clip = Folder(tmp_path)[0]
    assert clip.objects == (1,)
    assert [bool(frame.mask.any()) for frame in clip.masked()] == [True, False]


def test_masks_of_16_bits(tmp_path):
    frames(tmp_path / "a/frames", range(2))
    plain(tmp_path / "a/masks", object_of(65535, np.uint16), object_of(65535, np.uint16))
    assert all(bool(frame.mask.any()) for frame in Folder(tmp_path)[0].masked())


def test_masks_as_jpg_and_names_of_all_kinds(tmp_path):
    frames(tmp_path / "ü | b/frames", range(2))
    Image.fromarray(object_of(255)).save(frames(tmp_path / "ü | b/masks", ()) / "00000.jpg", quality=95)
    (clip,) = Folder(tmp_path)
    assert clip.name == "ü | b"
    first, second = clip.masked()
    assert first.mask[10, 5]
    assert second.mask is None


def test_a_damaged_mask(tmp_path):
    frames(tmp_path / "a/frames", range(1))
    frames(tmp_path / "a/masks", ())
    (tmp_path / "a/masks/00000.png").write_bytes(b"no picture")
    with pytest.raises(peanut.UsageError, match=r"00000\.png cannot be read as a picture"):
        list(Folder(tmp_path)[0].masked())


def test_a_dataset_that_is_no_folder(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"")
    with pytest.raises(
        peanut.UsageError, match=r"clip.mp4 is a file: a folder of clips, a manifest \(.toml\) or KIND:"
    ):
        list(open_dataset(str(tmp_path / "clip.mp4")))
    with pytest.raises(peanut.UsageError, match="nowhere is not there: a folder of clips, a manifest"):
        list(open_dataset(str(tmp_path / "nowhere")))


GOOD = {"exp": "the ball", "obj_id": "1", "anno_id": ["1"]}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([GOOD], "the video a has no table of expressions"),
        (
            {"0": {**GOOD, "obj_id": "x", "anno_id": ["x"]}},
            "expression 0 of a is no text .exp. with the numbers of its objects",
        ),
        ({"0": {**GOOD, "obj_id": None, "anno_id": None}}, "expression 0 of a is no text"),
        ({"0": {"obj_id": "1"}}, "expression 0 of a is no text"),
        ({"0": "the ball"}, "expression 0 of a is no text"),
    ],
)
@pytest.mark.parametrize("kind", ["ref-youtube-vos", "mevis"])
def test_expressions_of_other_types(tmp_path, said, why, kind):
    frames(tmp_path / "valid/JPEGImages/a", range(1))
    folder = tmp_path / ("valid" if kind == "mevis" else "meta_expressions/valid")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta_expressions.json").write_text(json.dumps({"videos": {"a": {"expressions": said}}}))
    with pytest.raises(peanut.UsageError, match=f"meta_expressions.json: {why}"):
        list(Referring(tmp_path, kind))


@pytest.mark.parametrize("videos", [[], {"a": {"objects": ["x"]}}, {"a": 3}, {"a": {"objects": 3}}])
def test_meta_of_other_types(tmp_path, videos):
    frames(tmp_path / "valid/JPEGImages/a", range(1))
    (tmp_path / "valid/meta.json").write_text(json.dumps({"videos": videos}))
    with pytest.raises(peanut.UsageError, match=r"meta\.json does not list videos with numbers of objects"):
        list(YouTubeVOS(tmp_path))


ENTRY = {"name": "n", "clip": "a", "masks": "m", "expression": "it", "object": 1, "ability": "time", "licence": "CC0"}


def manifest(folder, **changed):
    path = folder / "set.toml"
    path.write_text("[[entry]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in {**ENTRY, **changed}.items()))
    return path


@pytest.mark.parametrize("key", ["clip", "masks", "truth"])
def test_paths_of_a_manifest_are_relative(tmp_path, key):
    with pytest.raises(peanut.UsageError, match=f"entry n: {key} must be relative to the folder of the manifest"):
        list(Manifest(manifest(tmp_path, **{key: "/etc"})))


def test_masks_of_a_video_that_count_from_1_are_told(tmp_path):
    path = tmp_path / "a.mp4"
    (peanut.read(str(frames(tmp_path / "f", range(3)))) | peanut.write(path)).run(progress=False)
    masks(tmp_path / "m", {n: labels(1) for n in (1, 2, 3)})
    told = verify(manifest(tmp_path, clip="a.mp4"))
    assert "n: there is a mask of frame 3, the last frame is 2: masks count from 0." in told
