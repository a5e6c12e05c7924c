"""What measures hold does not grow with the clip."""

import gc

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from peanut.metrics import (
    EndpointError,
    Flicker,
    Lpips,
    Mean,
    NeighborFlows,
    Niqe,
    Psnr,
    Segmentation,
    Ssim,
    Stc,
    Vfid,
    WarpingError,
)
from peanut.networks.lpips import LPIPS, Heads, alexnet

H, W = 96, 112


def held(measure):
    """Containers and bytes that a measure leads to."""
    seen, todo, size = set(), [measure], 0
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, int | float | str | type):
            continue
        seen.add(id(one))
        data = isinstance(one, torch.Tensor | np.ndarray)
        size += one.nbytes if data else 0
        todo += [] if data or callable(one) else gc.get_referents(one)
    return len(seen), size


def clip(length):
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(length, 3, H, W, generator=generator) * 255).byte()


def random_lpips():
    body = alexnet()
    return Lpips(network=LPIPS(body, Heads(body.channels)).eval(), device="cpu")


def corner(video):
    return F.pad(video[:, 0, :, 0, 0], (0, 1021))


FLOW, MASK = torch.zeros(2, H, W), torch.arange(W).expand(H, W) < 30
MEASURES = {
    "PSNR": (Psnr, lambda measure, image, moved: measure.add(image, 255 - image, MASK)),
    "SSIM": (Ssim, lambda measure, image, moved: measure.add(image, 255 - image)),
    "LPIPS": (random_lpips, lambda measure, image, moved: measure.add(image, 255 - image)),
    "VFID": (lambda: Vfid(corner, device="cpu"), lambda measure, image, moved: measure.add(image[None], image[None])),
    "E_warp": (WarpingError, lambda measure, image, moved: measure.add(image, moved)),
    "STC": (Stc, lambda measure, image, moved: measure.add(image, moved)),
    "flicker": (Flicker, lambda measure, image, moved: measure.add(image, image, MASK, moved)),
    "J and F": (lambda: Segmentation("inner"), lambda measure, image, moved: measure.add(image[0] > 9, MASK)),
    "endpoint error": (EndpointError, lambda measure, image, moved: measure.add(FLOW + 1, FLOW)),
    "NIQE": (Niqe, lambda measure, image, moved: measure.add(image)),
}


@pytest.mark.parametrize("name", MEASURES)
def test_a_longer_clip_is_held_in_no_more_memory(name, one_thread):
    build, add = MEASURES[name]
    measure, flows, after = build(), NeighborFlows(), []
    for number, image in enumerate(clip(9)):
        add(measure, image, flows.add(image))
        if number >= 3:
            after.append((*held(measure), *held(flows)))
    assert len(set(after)) == 1
    assert all(np.isfinite(figure) for figure in measure.value.values())


def test_nothing_to_measure_is_left_out_of_a_mean():
    mean = Mean()
    assert np.isnan(mean.value)
    mean.add(torch.tensor([[1.0, float("nan")], [3.0, 5.0]]))
    assert (mean.value, mean.count) == (3, 3)
