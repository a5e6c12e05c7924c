"""Datasets: each is read from a tiny tree in the layout in which it is published."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from trees import SIZE, frames, labels, masks

import peanut
from peanut.data import Davis, Folder, Reds4, Referring, Vid4, Vimeo90K, YouTubeVOS, open_dataset


def greys(pipeline):
    """The grey of each frame."""
    return [int(frame.image[0, 0, 0]) for frame in pipeline]


@pytest.fixture
def davis(tmp_path):
    for name in ("bear", "camel"):
        frames(tmp_path / "JPEGImages/480p" / name, range(4))
        masks(tmp_path / "Annotations/480p" / name, {n: labels(1, 2) if n < 3 else labels(2) for n in range(4)})
        masks(tmp_path / "Annotations_unsupervised/480p" / name, {n: labels(3) for n in range(4)})
    for year, names in ((2017, "camel\nbear\n"), (2016, "bear\n")):
        (tmp_path / f"ImageSets/{year}").mkdir(parents=True)
        (tmp_path / f"ImageSets/{year}/val.txt").write_text(names)
    return tmp_path


def test_davis(davis):
    dataset = Davis(davis)
    assert [clip.name for clip in dataset] == ["bear", "camel"]
    bear = dataset["bear"]
    assert bear.objects == (1, 2)
    assert bear.annotations.frames == (0, 1, 2, 3)
    assert greys(bear.frames) == [0, 7, 14, 21]
    last = list(bear.masked())[3]
    assert torch.equal(last.mask, torch.from_numpy(labels(2) > 0))
    assert not last.layers["object: 1"].any()
    assert [frame.time for frame in bear.frames][1] * 24 == 1


def test_davis_with_one_object_and_unsupervised(davis):
    (clip,) = Davis(davis, year=2016)
    assert clip.objects == (1,)
    assert torch.equal(clip.annotations.at(0)[1], torch.from_numpy(labels(1, 2) > 0))
    assert Davis(davis, task="unsupervised")[0].objects == (3,)


def test_davis_2016_lists_its_frames(davis):
    (davis / "ImageSets/2016/val.txt").unlink()
    (davis / "ImageSets/480p").mkdir()
    (davis / "ImageSets/480p/val.txt").write_text(
        "".join(f"/JPEGImages/480p/camel/{n:05d}.jpg /Annotations/480p/camel/{n:05d}.png\n" for n in range(4))
    )
    assert [clip.name for clip in Davis(davis, year=2016)] == ["camel"]


def test_masked_takes_the_objects_asked_for(davis):
    clip = Davis(davis)["bear"]
    (first, *_) = clip.masked((2,))
    assert torch.equal(first.mask, torch.from_numpy(labels(2) > 0))
    with pytest.raises(peanut.UsageError, match=r"the clip bear has the objects \[1, 2\], not \[5\]\."):
        clip.masked((5,))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(peanut.UsageError, match=r"JPEGImages/480p is not there: DAVIS 2017 val has it in the layout"):
        list(Davis(tmp_path))
    with pytest.raises(peanut.UsageError, match=r"no clip of DAVIS 2017 val called 'bare', did you mean 'bear'\?"):
        frames(tmp_path / "JPEGImages/480p/bear", range(2))
        masks(tmp_path / "Annotations/480p/bear", {0: labels(1)})
        (tmp_path / "ImageSets/2017").mkdir(parents=True)
        (tmp_path / "ImageSets/2017/val.txt").write_text("bear")
        Davis(tmp_path)["bare"]


@pytest.fixture
def youtube(tmp_path):
    frames(tmp_path / "train/JPEGImages/003", range(5, 26, 5))
    frames(tmp_path / "train_all_frames/JPEGImages/003", range(5, 26))
    masks(tmp_path / "train/Annotations/003", {n: labels(1, 3) for n in range(5, 26, 5)})
    told = {"videos": {"003": {"objects": {"1": {"category": "cat"}, "3": {"category": "dog"}}}}}
    (tmp_path / "train/meta.json").write_text(json.dumps(told))
    return tmp_path


def test_youtube_vos_matches_sparse_masks_by_file_number(youtube):
    (sparse,) = YouTubeVOS(youtube, split="train")
    (dense,) = YouTubeVOS(youtube, split="train", frames="all")
    assert sparse.annotations.frames == (0, 1, 2, 3, 4)
    assert dense.annotations.frames == (0, 5, 10, 15, 20)
    assert sparse.objects == dense.objects == (1, 3)
    assert greys(dense.frames)[5] == greys(sparse.frames)[1]
    assert [frame.mask is None for frame in dense.masked()] == [n % 5 != 0 for n in range(21)]


def test_a_mask_whose_number_no_frame_has(youtube):
    masks(youtube / "train/Annotations/003", {7: labels(1)})
    with pytest.raises(peanut.UsageError, match=r"no frame in .*003 has the number of 00007.png"):
        list(YouTubeVOS(youtube, split="train"))


def test_ref_youtube_vos(tmp_path):
    frames(tmp_path / "train/JPEGImages/0a", range(0, 15, 5))
    masks(tmp_path / "train/Annotations/0a", {n: labels(1, 2) for n in range(0, 15, 5)})
    said = {"10": {"exp": "the cat", "obj_id": "2"}, "2": {"exp": "a dog", "obj_id": "1"}}
    (tmp_path / "meta_expressions/train").mkdir(parents=True)
    told = {"videos": {"0a": {"expressions": said, "frames": ["00000", "00005", "00010"]}}}
    (tmp_path / "meta_expressions/train/meta_expressions.json").write_text(json.dumps(told))
    (clip,) = Referring(tmp_path, split="train")
    assert [(one.name, one.text, one.objects) for one in clip.expressions] == [
        ("2", "a dog", (1,)),
        ("10", "the cat", (2,)),
    ]


def test_a_split_whose_masks_its_owners_keep(tmp_path):
    frames(tmp_path / "valid/JPEGImages/0a", range(0, 15, 5))
    (tmp_path / "meta_expressions/valid").mkdir(parents=True)
    told = {"videos": {"0a": {"expressions": {"0": {"exp": "a dog"}}, "frames": ["00000"]}}}
    (tmp_path / "meta_expressions/valid/meta_expressions.json").write_text(json.dumps(told))
    (clip,) = Referring(tmp_path)
    assert clip.annotations is None
    assert clip.expressions[0].objects == ()
    with pytest.raises(peanut.UsageError, match="the clip 0a has no masks"):
        clip.masked()


def test_ref_davis_reads_what_two_persons_wrote(davis):
    (davis / "davis_text_annotations").mkdir()
    for file, said in (("annot1", "a brown bear"), ("annot1_full_video", "a bear that walks"), ("annot2", "bear")):
        text = f'bear 1 "{said}"\nbear 2 "its shadow"\ncamel 1 "a camel"\n'
        (davis / f"davis_text_annotations/Davis17_{file}.txt").write_text(text)
    bear = Referring(davis, kind="ref-davis")["bear"]
    assert {one.annotator for one in bear.expressions} == {"annot1", "annot1_full_video", "annot2"}
    assert [one.text for one in bear.expressions if one.objects == (1,)] == [
        "a brown bear",
        "a bear that walks",
        "bear",
    ]
    (davis / "davis_text_annotations/Davis17_annot1.txt").write_text("bear one\n")
    with pytest.raises(peanut.UsageError, match=r'line 1 is not `video object "sentence"`'):
        list(Referring(davis, kind="ref-davis"))


def test_mevis_has_sentences_of_several_objects(tmp_path):
    coco = pytest.importorskip("pycocotools.mask")
    frames(tmp_path / "valid_u/JPEGImages/9f", range(3))
    packed = coco.encode(np.asfortranarray((labels(1) > 0).astype(np.uint8)))
    plain = {"size": list(SIZE), "counts": [0, SIZE[0] * SIZE[1]]}
    run = {"size": packed["size"], "counts": packed["counts"].decode()}
    (tmp_path / "valid_u/mask_dict.json").write_text(json.dumps({"12": [run, None, run], "40": [None, plain, None]}))
    said = {"0": {"exp": "birds", "obj_id": [0, 1], "anno_id": [12, 40]}, "1": {"exp": "a bird", "anno_id": [12]}}
    told = {"videos": {"9f": {"expressions": said, "frames": ["00000", "00001", "00002"]}}}
    (tmp_path / "valid_u/meta_expressions.json").write_text(json.dumps(told))
    (clip,) = Referring(tmp_path, kind="mevis", split="valid_u")
    assert clip.objects == (12, 40)
    assert clip.expressions[0].objects == (12, 40)
    assert torch.equal(clip.annotations.at(0)[12], torch.from_numpy(labels(1) > 0))
    assert list(clip.annotations.at(1)) == [40]
    assert clip.annotations.at(1)[40].all()
    assert torch.equal(list(clip.masked((12,)))[2].mask, torch.from_numpy(labels(1) > 0))


def test_mevis_with_damaged_run_lengths(tmp_path):
    pytest.importorskip("pycocotools.mask")
    frames(tmp_path / "valid_u/JPEGImages/9f", range(1))
    (tmp_path / "valid_u/mask_dict.json").write_text(json.dumps({"12": [{"size": [2], "counts": "x"}]}))
    told = {"videos": {"9f": {"expressions": {"0": {"exp": "a bird", "anno_id": [12]}}, "frames": ["00000"]}}}
    (tmp_path / "valid_u/meta_expressions.json").write_text(json.dumps(told))
    (clip,) = Referring(tmp_path, kind="mevis", split="valid_u")
    with pytest.raises(peanut.UsageError, match="run lengths of object 12 in frame 0 cannot be decoded"):
        clip.annotations.at(0)


def test_sets_for_enlarging(tmp_path):
    for name in ("000", "011", "015", "020"):
        frames(tmp_path / "reds/train_sharp" / name, range(3), digits=8, suffix=".png")
        frames(tmp_path / "reds/train_sharp_bicubic/X4" / name, range(3), digits=8, size=(6, 8), suffix=".png")
    frames(tmp_path / "vid/GT/walk", range(2), suffix=".png")
    frames(tmp_path / "vid/BDx4/walk", range(2), size=(6, 8), suffix=".png")
    reds, (blurred,), (alone,) = (
        Reds4(tmp_path / "reds"),
        Vid4(tmp_path / "vid", degradation="BD"),
        Vid4(tmp_path / "vid"),
    )
    assert [clip.name for clip in reds] == ["000", "011", "015", "020"]
    assert [next(iter(reds[0].frames)).size, next(iter(reds[0].true_frames())).size] == [(6, 8), SIZE]
    assert next(iter(blurred.frames)).size == (6, 8)
    assert alone.truth is None
    assert next(iter(alone.frames)).size == SIZE


def test_vimeo_lists_its_septuplets(tmp_path):
    for name in ("00001/0002", "00001/0001"):
        folder = tmp_path / "vimeo_septuplet/sequences" / name
        folder.mkdir(parents=True)
        for n in range(1, 8):
            Image.new("RGB", (32, 24), (n,) * 3).save(folder / f"im{n}.png")
    (tmp_path / "vimeo_septuplet/sep_testlist.txt").write_text("00001/0002\n00001/0001\n\n")
    dataset = Vimeo90K(tmp_path)
    assert [clip.name for clip in dataset] == ["00001/0001", "00001/0002"]
    assert greys(dataset[0].frames) == [1, 2, 3, 4, 5, 6, 7]


def test_a_folder_of_clips(tmp_path):
    frames(tmp_path / "street/frames", range(4), suffix=".png")
    masks(tmp_path / "street/masks", {0: labels(1), 2: labels(2)})
    frames(tmp_path / "street/truth", range(4), suffix=".png")
    frames(tmp_path / "plain", range(3), suffix=".png")
    (tmp_path / "empty").mkdir()
    plain, street = Folder(tmp_path)
    assert (plain.name, plain.annotations, plain.truth) == ("plain", None, None)
    assert street.annotations.frames == (0, 2)
    assert street.objects == (1, 2)
    assert len(list(street.true_frames())) == 4
    assert [clip.name for clip in Folder(tmp_path / "street")] == ["street"]
    with pytest.raises(peanut.UsageError, match="has no clips"):
        list(Folder(tmp_path / "empty"))


def test_white_on_black_is_one_object(tmp_path):
    frames(tmp_path / "frames", range(2), suffix=".png")
    (tmp_path / "masks").mkdir()
    for n in range(2):
        Image.fromarray(((labels(1) > 0) * 255).astype(np.uint8)).save(tmp_path / f"masks/{n}.png")
    (clip,) = Folder(tmp_path)
    assert clip.objects == (1,)
    assert int(clip.annotations.at(1)[1].sum()) == 36


def test_a_range_of_frames_is_numbered_anew(tmp_path):
    frames(tmp_path / "all", range(9))
    clip = peanut.data.Clip(name="part", path=str(tmp_path / "all"), start=3, length=4)
    assert greys(clip.frames) == [21, 28, 35, 42]
    assert [(frame.index, frame.time * 25) for frame in clip.frames] == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert len(list(clip.frames)) == 4


def test_datasets_by_name(davis):
    assert open_dataset(f"davis:{davis}").name == "DAVIS 2017 val"
    assert open_dataset(f"davis-2016:{davis}", split="val").year == 2016
    assert open_dataset(str(davis / "JPEGImages/480p"))[0].name == "bear"
    with pytest.raises(peanut.UsageError, match="no kind of dataset called 'daves', did you mean 'davis'"):
        open_dataset("daves:x")
    with pytest.raises(peanut.UsageError, match="has no splits; leave 'val' out"):
        open_dataset(f"folder:{davis}", split="val")
