"""The main job, whole, through the public API."""

import ast
import subprocess
import sys

import pytest
import torch
from clips import psnr

import peanut


def test_the_walker_is_gone_and_the_rest_is_untouched(walker, tmp_path):
    clean = tmp_path / "clean.mp4"
    (peanut.read(walker.video) | peanut.masks(walker.masks) | peanut.FlowEraser() | peanut.write(clean)).run()
    before, after = list(peanut.read(walker.video)), list(peanut.read(clean))
    assert [frame.time for frame in after] == [frame.time for frame in before]
    masks = peanut.read(walker.masks, shots=False)
    for old, new, background, mask in zip(before, after, walker.background, masks, strict=True):
        hole = mask.image[0] > 127
        assert psnr(new.image[:, hole], background[:, hole]) > 32  # dB: what stood behind is back
        assert psnr(new.image[:, ~hole], old.image[:, ~hole]) > 38  # the loss of the codec, no more


@pytest.mark.slow
def test_what_moves_is_found_and_the_street_is_left_alone(walker):
    """The walker and the ball move against the camera's motion; the street under the drifting camera does not."""
    covered, false = [], []
    frames = peanut.read(walker.video) | peanut.MovingObjects()
    for found, mask in zip(frames, peanut.read(walker.masks, shots=False), strict=True):
        hole = mask.image[0] > 127
        assert found.mask is not None
        covered.append((found.mask & hole).sum() / hole.sum())
        false.append((found.mask & ~hole).float().mean())
    assert torch.stack(covered).mean() > 0.9
    assert torch.stack(false).mean() < 0.04  # the ball is 0.4 % of the picture


@pytest.mark.slow
@pytest.mark.parametrize("n", [0, 3])
def test_the_whole_job_gives_the_same_bits_pulled_pushed_and_prefetched(walker, n):
    job = peanut.MovingObjects() | peanut.FlowEraser()
    frames = list(peanut.read(walker.video))[:14]
    pulled = [frame.image for frame in (peanut.prefetch(n) | job | peanut.prefetch(n) if n else job)(frames)]
    with job.session() as session:
        pushed = [out.image for frame in frames for out in session.push(frame)]
        pushed += [out.image for out in session.flush()]
    assert all(torch.equal(a, b) for a, b in zip(pulled, pushed, strict=True))


def test_import_brings_in_nothing_heavy():
    code = (
        "import sys, torch; before = set(sys.modules); import peanut;"
        "print({name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    brought_in = ast.literal_eval(done.stdout)
    assert not brought_in & {
        "av",
        "cv2",
        "gdown",
        "huggingface_hub",
        "safetensors",
        "sam2",
        "scenedetect",
        "transformers",
    }
