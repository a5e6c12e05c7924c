"""Mask pictures as people have them: palettes, labels, 0 and 1, alpha, 16 bits, noise; what was understood is said."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image
from strategies import drain

import peanut
from peanut import Frame, UsageError

SIZE = (24, 40)
TRUTH = [np.zeros(SIZE, bool) for _ in range(4)]
for number, truth in enumerate(TRUTH):
    truth[4:14, 3 * number : 3 * number + 12] = True
EVERYWHERE = np.ones(SIZE, bool)


def bare(count=4):
    image = torch.zeros(3, *SIZE, dtype=torch.uint8)
    return [Frame(index=index, time=Fraction(index, 25), image=image) for index in range(count)]


def grey(mask, white=255, dtype=np.uint8):
    return Image.fromarray((mask * np.array(white)).astype(dtype))


def color_map():
    """The palette of VOC, DAVIS and YouTube-VOS: the bits of the number, spread over red, green and blue."""
    colors = np.zeros((256, 3), np.uint8)
    for number in range(256):
        for bit in range(8):
            for channel in range(3):
                if number >> (3 * (bit % 3) + channel) & 1 and 3 * (bit % 3) + channel < 8:
                    colors[number, channel] |= 1 << (7 - bit % 3)
    return colors


def labels(mask, number=1, palette=None):
    picture = Image.fromarray((mask * np.array(number)).astype(np.uint8))
    picture.putpalette((color_map() if palette is None else np.array(palette, np.uint8)).ravel().tolist())
    return picture


def white_first(mask):
    picture = grey(mask).convert("RGB").quantize(2)
    assert picture.getpalette()[:3] == [255, 255, 255]
    return picture


def noisy(mask):
    """As a lossy codec leaves it: not quite black, not quite white, hardly colored."""
    noise = np.random.default_rng(0).integers(-9, 10, (*SIZE, 3))
    return np.clip(mask[..., None] * 255 + noise, 0, 255).astype(np.uint8)


def web_palette(mask):
    """Black is the tenth entry and not the first."""
    return grey(mask).convert("RGB").convert("P")


PLAIN = {
    "grey": grey,
    "bool": Image.fromarray,
    "16 bits": lambda mask: grey(mask, 65535, np.uint16),
    "8 bits in 16": lambda mask: grey(mask, 255, np.uint16),
    "grey and alpha": lambda mask: Image.merge("LA", [grey(mask), grey(EVERYWHERE)]),
    "grey and an alpha channel that was forgotten": lambda mask: Image.merge("LA", [grey(mask), grey(~EVERYWHERE)]),
    "red": lambda mask: Image.merge("RGB", [grey(mask), grey(~EVERYWHERE), grey(~EVERYWHERE)]),
    "dark blue": lambda mask: Image.merge("RGB", [grey(~EVERYWHERE), grey(~EVERYWHERE), grey(mask, 128)]),
    "palette of greys": lambda mask: grey(mask).convert("P"),
    "palette, white first": white_first,
    "palette, black in the middle": lambda mask: labels(~mask, 1, [[255, 255, 255], [0, 0, 0], [128, 128, 128]]),
    "palette of noise": lambda mask: Image.fromarray(noisy(mask)).quantize(32),
    "noise": lambda mask: Image.fromarray(noisy(mask)),
}
TOLD = {
    "values 0 and 1": (lambda mask: grey(mask, 1), "no value in it is above 1, so every value but 0 is masked"),
    "values 0 and 1 in 16 bits": (
        lambda mask: grey(mask, 1, np.uint16),
        "no value in it is above 1, so every value but 0 is masked",
    ),
    "values 0 and 3": (lambda mask: grey(mask, 3), "no value in it is above 3, so every value but 0 is masked"),
    "labels": (labels, "label pictures, masked is every object in them"),
    "labels, dark": (lambda mask: labels(mask, 8), "label pictures, masked is every object in them"),
    "labels, grey": (lambda mask: labels(mask, 7), "label pictures, masked is every object in them"),
    "web palette": (web_palette, "label pictures, masked is every object in them"),
    "more labels than colors": (
        lambda mask: labels(mask, 3, [[0, 0, 0], [255, 0, 0]]),
        "label pictures, masked is every object in them",
    ),
    "alpha under black": (
        lambda mask: Image.merge("LA", [grey(~EVERYWHERE), grey(mask)]),
        "the colors say nothing, so masked is what is opaque",
    ),
    "alpha under white": (
        lambda mask: Image.merge("RGBA", [*[grey(EVERYWHERE)] * 3, grey(mask)]),
        "the colors say nothing, so masked is what is opaque",
    ),
    "alpha of a photograph that was cut out": (
        lambda mask: Image.merge("RGBA", [*[grey(EVERYWHERE, np.arange(40, 200, 4))] * 3, grey(mask)]),
        "the colors say nothing, so masked is what is opaque",
    ),
}


def folder_of(folder, make, suffix="png", masks=TRUTH):
    folder.mkdir()
    for number, mask in enumerate(masks):
        make(mask).save(folder / f"{number:05d}.{suffix}")
    return folder


@pytest.mark.parametrize("kind", PLAIN)
def test_what_is_white_on_black_in_any_form_is_masked_and_nothing_is_said(kind, tmp_path, caplog):
    out = list(bare() | peanut.masks(folder_of(tmp_path / "masks", PLAIN[kind])))
    assert [np.array_equal(frame.mask, mask) for frame, mask in zip(out, TRUTH, strict=True)] == [True] * 4
    assert caplog.messages == []


@pytest.mark.parametrize("suffix", ["bmp", "tif", "jpg", "webp"])
def test_other_formats(suffix, tmp_path, caplog):
    for number, make in enumerate([grey] if suffix in ("jpg", "webp") else [grey, Image.fromarray]):
        out = list(bare() | peanut.masks(folder_of(tmp_path / f"{number}", make, suffix)))
        wrong = [(frame.mask.numpy() != mask).mean() for frame, mask in zip(out, TRUTH, strict=True)]
        assert max(wrong) <= (0.02 if suffix in ("jpg", "webp") else 0)
    assert caplog.messages == []


@pytest.mark.parametrize("kind", TOLD)
def test_what_is_not_white_on_black_is_understood_and_said(kind, tmp_path, caplog):
    make, sentence = TOLD[kind]
    folder = folder_of(tmp_path / "masks", make)
    out = list(bare() | peanut.masks(folder))
    assert [np.array_equal(frame.mask, mask) for frame, mask in zip(out, TRUTH, strict=True)] == [True] * 4
    assert caplog.messages[0] == f"{folder}: {sentence}."
    assert caplog.messages[1].endswith(" 0 % of frames empty.")
    assert len(caplog.messages) == 2


def test_floating_point_pictures_are_0_to_1(tmp_path):
    folder = folder_of(tmp_path / "masks", lambda mask: Image.fromarray(mask.astype(np.float32)), "tif")
    assert all(np.array_equal(f.mask, mask) for f, mask in zip(bare() | peanut.masks(folder), TRUTH, strict=True))


def test_a_little_noise_in_a_folder_that_has_white_is_noise(tmp_path, caplog):
    """The first picture holds nothing above 1; the last shows that this is not how the folder is meant."""
    masks = [TRUTH[0], TRUTH[1], TRUTH[2]]
    folder = folder_of(tmp_path / "masks", lambda mask: grey(mask, 1 if mask is not TRUTH[2] else 255), masks=masks)
    out = list(bare(3) | peanut.masks(folder))
    assert [bool(frame.mask.any()) for frame in out] == [False, False, True]
    assert caplog.messages == []


def test_grey_that_is_neither_white_nor_a_number_is_said(tmp_path, caplog):
    folder = folder_of(tmp_path / "masks", lambda mask: grey(mask, 100))
    assert not any(frame.mask.any() for frame in bare() | peanut.masks(folder))
    assert caplog.messages == [
        f"{folder}: nothing in it is above half of white (the brightest is 100 of 255).",
        f"{folder}: all masks were empty: nothing was removed.",
    ]


def two_objects(mask):
    """Object 1 where the mask is, object 2 in the last rows, in the first three pictures alone."""
    numbers = mask.astype(np.uint8)
    numbers[-4:] = 2 if any(mask is truth for truth in TRUTH[:3]) else 0
    return numbers


@pytest.mark.parametrize(
    "make", [lambda mask: labels(two_objects(mask)), lambda mask: Image.fromarray(two_objects(mask))]
)
def test_objects_are_layers_and_one_or_several_can_be_chosen(make, tmp_path, caplog):
    folder = folder_of(tmp_path / "masks", make, masks=[*TRUTH, ~EVERYWHERE])
    out = list(bare(5) | peanut.masks(folder))
    assert [list(frame.layers) for frame in out] == [["object: 1", "object: 2"]] * 3 + [["object: 1"], []]
    for frame, mask in zip(out, TRUTH, strict=False):
        assert np.array_equal(frame.layers["object: 1"], mask)
        assert np.array_equal(frame.mask, two_objects(mask) > 0)
    assert caplog.messages[-1].endswith(", 2 objects, 20 % of frames empty.")
    chosen = list(bare(5) | peanut.masks(folder, object=2))
    assert [int(frame.mask.sum()) for frame in chosen] == [160, 160, 160, 0, 0]
    assert [list(frame.layers) for frame in chosen] == [["object: 2"]] * 3 + [[], []]
    both = list(bare(5) | peanut.masks(folder, object=[2, 1]))
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(out, both, strict=True))
    list(bare(5) | peanut.masks(folder, object=(2, 7)))
    assert f"{folder}: no mask has object 7; there are 1, 2." in caplog.messages


def test_what_has_no_objects_is_refused_where_one_is_asked_for(tmp_path):
    folder = folder_of(tmp_path / "masks", grey)
    out, error = drain(iter(bare() | peanut.masks(folder, object=1)))
    assert (out, type(error)) == ([], UsageError)
    assert str(error) == f"{folder}/00000.png is no label picture: it has no objects to choose from."
    for wrong in (0, "two", [], [1, -1]):
        with pytest.raises(UsageError) as refused:
            peanut.masks(folder, object=wrong)
        assert str(refused.value) == f"masks: object is the number of an object from 1 on, or several, got {wrong!r}."
    assert str(peanut.masks(folder, object=2)) == f"masks('{folder}', object=2)"


def test_layers_are_reduced_with_the_frames(tmp_path):
    folder = folder_of(tmp_path / "masks", labels)
    (out, *_) = [frame.resized((12, 20)) for frame in bare()] | peanut.masks(folder)
    assert out.layers["object: 1"].shape == (12, 20)
    assert torch.equal(out.layers["object: 1"], out.mask)


@pytest.mark.parametrize(
    ("mask", "first", "end"),
    [
        (
            ~EVERYWHERE,
            "the first 25 masks are all empty: nothing is removed so far.",
            "all masks were empty: nothing was removed.",
        ),
        (
            EVERYWHERE,
            "the first 25 masks all cover the whole picture.",
            "all masks covered the whole picture; white = remove, and invert() turns masks round.",
        ),
    ],
)
def test_masks_that_are_all_empty_or_full_are_told_at_the_first_frames_and_at_the_end(
    mask, first, end, tmp_path, caplog
):
    folder = folder_of(tmp_path / "masks", grey, masks=[mask] * 26)
    run = iter(bare(26) | peanut.masks(folder))
    for _ in range(25):
        next(run)
    assert caplog.messages == [f"{folder}: {first}"]
    assert len(list(run)) == 1
    assert caplog.messages == [f"{folder}: {first}", f"{folder}: {end}"]


@pytest.mark.parametrize("black_and_white", [(0, 255), (16, 235)])
@pytest.mark.parametrize("range_", [0, 1, 2])
@pytest.mark.parametrize(("codec", "pixels"), [("ffv1", "gray"), ("ffv1", "yuv420p"), ("libx264", "yuv420p")])
def test_a_masks_video_in_limited_or_full_range_tagged_or_not(codec, pixels, range_, black_and_white, tmp_path):
    path = tmp_path / "masks.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], pixels
        stream.codec_context.color_range = range_
        for mask in TRUTH:
            grey_values = np.where(mask, black_and_white[1], black_and_white[0]).astype(np.uint8)
            values = grey_values if pixels == "gray" else np.vstack([grey_values, np.full_like(grey_values[:12], 128)])
            picture = av.VideoFrame.from_ndarray(values, format=pixels)
            picture.color_range = range_
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    wrong = [
        (frame.mask.numpy() != mask).mean() for frame, mask in zip(bare() | peanut.masks(path), TRUTH, strict=True)
    ]
    assert max(wrong) <= (0.02 if codec == "libx264" else 0)
