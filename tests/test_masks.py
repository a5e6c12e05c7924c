"""Masks that were made before: folders of pictures, patterns, videos."""

import struct
import zlib
from fractions import Fraction
from itertools import islice
from weakref import WeakSet

import attrs
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import drain, make_frames

import peanut
from peanut import Frame, UsageError

SIZE = (40, 64)


def mask_of(number: int, size=SIZE) -> np.ndarray:
    """A box whose place tells the number: h w, bool."""
    mask = np.zeros(size, bool)
    mask[8:24, 2 * number : 2 * number + 16] = True
    return mask


def folder_of(folder, masks, name="{}.png"):
    folder.mkdir()
    for number, mask in enumerate(masks):
        assert cv2.imwrite(str(folder / name.format(number)), mask.astype(np.uint8) * 255)
    return folder


def video_of(path, masks, **settings):
    frames = [
        Frame.from_numpy(np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255, index=n, time=Fraction(n, 25))
        for n, mask in enumerate(masks)
    ]
    (frames | peanut.write(path, **settings)).run(progress=False)
    return path


def bare(indices, size=SIZE) -> list[Frame]:
    """Frames without masks, of the numbers given."""
    image = torch.zeros(3, *size, dtype=torch.uint8)
    return [Frame(index=index, time=Fraction(index, 25), image=image) for index in indices]


def equal(frame: Frame, mask: np.ndarray) -> bool:
    return frame.mask is not None and torch.equal(frame.mask, torch.from_numpy(mask))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The same twelve masks, in each way they may be kept."""
    root, twelve = tmp_path_factory.mktemp("masks"), [mask_of(number) for number in range(12)]
    folder = folder_of(root / "folder", twelve)
    return {
        "folder": folder,
        "pattern": f"{folder}/*.png",
        "lossless": video_of(root / "lossless.mkv", twelve, codec="ffv1", pixel_format="gray"),
        "video": video_of(root / "video.mp4", twelve, crf=4),
    }


KINDS = ["folder", "pattern", "lossless", "video"]


@pytest.mark.parametrize("kind", KINDS)
@given(indices=st.sets(st.integers(0, 11)))
def test_the_mask_of_the_same_number_whatever_frames_are_missing(kind, sources, indices):
    frames = bare(sorted(indices))
    out = list(frames | peanut.masks(sources[kind]))
    assert [frame.index for frame in out] == sorted(indices)
    for before, frame in zip(frames, out, strict=True):
        assert frame.image is before.image
        if kind == "video":  # its codec may soften an edge
            assert (frame.mask.numpy() != mask_of(frame.index)).mean() < 0.01
        else:
            assert equal(frame, mask_of(frame.index))


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_masks_are_one_sentence_after_the_frames_that_had_one(kind, sources, caplog):
    out, error = drain(iter(bare(range(9, 17)) | peanut.masks(sources[kind])))
    assert [frame.index for frame in out] == [9, 10, 11, 12, 13]  # the last two get the mask of frame 11 again
    assert torch.equal(out[-1].mask, out[2].mask)
    assert caplog.messages == [
        f"{sources[kind]} ends before the video: frame {index} gets its last mask again." for index in (12, 13)
    ]
    assert isinstance(error, UsageError)
    assert str(error) == f"{sources[kind]} has no mask for frame 14: it ends before the video."


@pytest.mark.parametrize("kind", KINDS)
def test_masks_of_the_sources_size_are_reduced_with_the_frames(kind, sources):
    (out,) = bare([3], (20, 32)) | peanut.masks(sources[kind])
    x = torch.from_numpy(mask_of(3))[1::2, 1::2]  # nearest: no pixel between masked and not
    assert (out.mask != x).float().mean() < 0.01


@given(size=st.tuples(st.integers(8, 90), st.integers(8, 90)), max_size=st.integers(4, 89))
def test_every_size_that_max_size_gives_fits_its_masks(size, max_size, tmp_path_factory):
    folder = folder_of(tmp_path_factory.mktemp("any") / "masks", [mask_of(0, size)])
    (small,) = bare([0], size) | peanut.resize(max_size=max_size)
    (out,) = [small] | peanut.masks(folder)
    assert out.mask.shape == small.size


@pytest.mark.parametrize("size", [(40, 65), (80, 128), (20, 33), (64, 40)])
def test_masks_of_any_other_size_are_refused_with_both_sizes(size, sources):
    out, error = drain(iter(bare([2], size) | peanut.masks(sources["folder"])))
    assert (out, type(error)) == ([], UsageError)
    assert str(error) == (
        f"{sources['folder']}: the mask for frame 2 is 64x40, the frame {size[1]}x{size[0]}; masks must have the size "
        "of the frames, or that of the video before max_size."
    )


def test_masks_twice_as_large_as_a_video_that_was_not_reduced_are_refused(tmp_path, walker):
    folder = folder_of(tmp_path / "masks", [mask_of(0, (2 * 180, 2 * 320))] * walker.length)
    out, error = drain(iter(peanut.read(walker.video) | peanut.masks(folder)))
    assert (out, type(error)) == ([], UsageError)
    assert "the mask for frame 0 is 640x360, the frame 320x180" in str(error)
    (small,) = islice(peanut.read(walker.video, max_size=160) | peanut.masks(walker.masks), 1)
    assert small.mask.shape == (90, 160)
    out, error = drain(iter(peanut.read(walker.video, max_size=160) | peanut.masks(folder)))
    assert "the mask for frame 0 is 640x360, the frame 160x90" in str(error)


def test_above_127_in_the_brightest_channel_is_masked(tmp_path):
    colors = {
        (127,) * 3: False,
        (128,) * 3: True,
        (255, 255, 0): True,
        (0, 0, 255): True,
        (0, 127, 0): False,
        (255, 100, 0): True,
    }
    row = np.array([list(colors)], np.uint8)
    cv2.imwrite(str(tmp_path / "0.png"), row[..., ::-1])
    cv2.imwrite(str(tmp_path / "1.png"), np.array([[127, 128]], np.uint16) * 257)
    (out,) = bare([0], (1, 6)) | peanut.masks(tmp_path)
    assert out.mask[0].tolist() == list(colors.values())
    (out,) = bare([1], (1, 2)) | peanut.masks(tmp_path)
    assert out.mask[0].tolist() == [False, True]


def palette_png(path, entries: np.ndarray, bits: int, transparent: bool) -> None:
    """Write the entries (h w) of a palette that is nearly black throughout."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    h, w = entries.shape
    binary = np.unpackbits(entries[..., None], axis=2)[..., 8 - bits :].reshape(h, w * bits)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(binary, axis=1))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, 3, 0, 0, 0))
        + chunk(b"PLTE", bytes([0, 0, 0] + [9, 0, 0] * (2**bits - 1)))
        + (chunk(b"tRNS", b"\0") if transparent else b"")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [False, True])
def test_any_entry_but_the_first_of_a_palette_is_masked(bits, transparent, tmp_path):
    entries = np.random.default_rng(bits).integers(0, 2**bits, (9, 13), dtype=np.uint8)
    palette_png(tmp_path / "0.png", entries, bits, transparent)
    (out,) = bare([0], (9, 13)) | peanut.masks(tmp_path)
    assert equal(out, entries > 0)


def test_a_picture_that_cannot_be_read_is_refused_if_its_frame_comes(tmp_path):
    folder_of(tmp_path / "masks", [mask_of(number) for number in range(3)])
    broken = tmp_path / "masks" / "1.png"
    broken.write_bytes(broken.read_bytes()[:30])
    assert [frame.index for frame in bare([0, 2]) | peanut.masks(tmp_path / "masks")] == [0, 2]
    _, error = drain(iter(bare([0, 1, 2]) | peanut.masks(tmp_path / "masks")))
    assert str(error) == f"{broken} cannot be read as a picture."


def test_a_mask_that_is_lost_in_its_video_is_missed_at_its_frame(tmp_path):
    video = video_of(tmp_path / "masks.mov", [mask_of(number) for number in range(6)], codec="png", pixel_format="gray")
    data = bytearray(video.read_bytes())
    at = [place for place in range(len(data)) if data.startswith(b"\x89PNG", place)]
    data[at[3] : at[3] + 4] = b"none"
    video.write_bytes(data)
    assert all(equal(frame, mask_of(frame.index)) for frame in bare([0, 1, 2, 4, 5]) | peanut.masks(video))
    out, error = drain(iter(bare(range(6)) | peanut.masks(video)))
    assert [frame.index for frame in out] == [0, 1, 2]
    assert str(error) == f"{video} has no mask for frame 3."


def test_what_has_no_masks_is_refused_when_the_stage_is_built(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video at all")
    for name, sentence in {
        "gone": "no such file or folder of masks.",
        "empty": "has no pictures",
        "*.png": "has no pictures",
        "text.mp4": "cannot be read as a video",
    }.items():
        with pytest.raises(UsageError) as refused:
            peanut.masks(tmp_path / name)
        assert str(refused.value).startswith(str(tmp_path / name))
        assert sentence in str(refused.value)


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path):
    folder = folder_of(tmp_path / "take[1]", [mask_of(number) for number in range(2)])
    assert all(equal(frame, mask_of(frame.index)) for frame in bare(range(2)) | peanut.masks(folder))


def test_masks_take_the_place_of_those_that_were_there(sources):
    (out,) = make_frames([1], SIZE) | peanut.masks(sources["folder"])
    assert equal(out, mask_of(0))


@pytest.mark.parametrize("kind", ["folder", "lossless"])
def test_one_mask_is_held_at_a_time_and_none_is_read_ahead(kind, sources):
    asked, alive = [], WeakSet()

    def frames():
        for frame in bare(range(12)):
            asked.append(frame.index)
            yield frame

    for frame in peanut.masks(sources[kind])(frames()):
        assert frame.index == asked[-1]
        alive.add(frame.mask)
        assert len(alive) <= 2


def test_one_stage_serves_two_runs_at_once(sources):
    stage = peanut.masks(sources["lossless"])
    a, b = iter(bare(range(4)) | stage), iter(bare(range(8, 12)) | stage)
    for x, y in zip(a, b, strict=True):
        assert equal(x, mask_of(x.index))
        assert equal(y, mask_of(y.index))


def test_what_write_masks_keeps_is_what_masks_gives(tmp_path):
    frames = [attrs.evolve(frame, mask=torch.from_numpy(mask_of(frame.index))) for frame in bare(range(6))]
    kept = tmp_path / "found.mkv"
    (frames | peanut.write_masks(kept)).run(progress=False)
    assert all(equal(frame, mask_of(frame.index)) for frame in bare(range(6)) | peanut.masks(kept))
