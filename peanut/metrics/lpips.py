"""LPIPS: how different two images look."""

from typing import Literal, cast, get_args

import attrs
import torch
from torch import Tensor

from peanut.devices import pick_device
from peanut.errors import UsageError
from peanut.metrics.images import PEAK, check_images, levels
from peanut.metrics.running import Mean
from peanut.networks.lpips import LPIPS, Heads, Trunk
from peanut.validators import one_of
from peanut.weights import network

TrunkName = Literal["alex", "vgg"]


def lpips(x: Tensor, y: Tensor, trunk: TrunkName = "alex", device: str | torch.device = "auto") -> Tensor:
    """Perceptual distance: weighted squared differences of the normalized features of a network, 0 for equal images.

    x, y: ... 3 h w, RGB, uint8 (0 to 255) or floating (0 to 1). trunk: "alex", which most papers report, or "vgg".
    Its weights are fetched when first asked for: `lpips-alex-head` and `lpips-alex-trunk` (244 MB), or vgg (553 MB).
    Returns ..., float64. Raises UsageError for images that do not fit each other, and without weights.
    Source: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018 (v0.1).
    """
    check_images("lpips", x, y, color=True)
    return distance(x, y, perceptual(trunk, device))


def distance(x: Tensor, y: Tensor, judge: LPIPS) -> Tensor:
    """What `lpips` gives for images of one shape, by a network that is at hand, image by image."""
    least = judge.trunk.smallest
    if min(x.shape[-2:]) < least:
        raise UsageError(f"lpips: images must be at least {least} x {least}, got {tuple(x.shape[-2:])}.")
    pairs = zip(*(image.reshape(-1, *image.shape[-3:]) for image in (x, y)), strict=True)
    with torch.inference_mode():
        found = [float(judge(*(_signed(image, judge.shift.device) for image in pair))) for pair in pairs]
    return torch.tensor(found, dtype=torch.float64).view(x.shape[:-3])


def perceptual(trunk: TrunkName = "alex", device: str | torch.device = "auto") -> LPIPS:
    """The network, with its published weights, in float32. Raises UsageError for another trunk and without weights."""
    if trunk not in get_args(TrunkName):
        raise UsageError(f"lpips: trunk must be 'alex' or 'vgg', got {trunk!r}.")
    on = pick_device(device)
    heads, body = (network(f"lpips-{trunk}-{part}", device=on, dtype=torch.float32) for part in ("head", "trunk"))
    return LPIPS(cast(Trunk, body), cast(Heads, heads)).to(on).eval()


@attrs.define
class Lpips:
    """LPIPS of a clip, frame by frame: `value` has "lpips", the mean over the frames. Holds: a sum, the network."""

    trunk: TrunkName = attrs.field(default="alex", validator=one_of("alex", "vgg"))
    device: str | torch.device = "auto"
    network: LPIPS = attrs.field(
        default=attrs.Factory(lambda self: perceptual(self.trunk, self.device), takes_self=True), repr=False
    )
    _mean: Mean = attrs.field(factory=Mean, init=False)

    def add(self, result: Tensor, truth: Tensor) -> None:
        """One frame: 3 h w each. Raises UsageError as `lpips` does."""
        check_images("Lpips", result, truth, color=True)
        self._mean.add(distance(result, truth, self.network))

    @property
    def value(self) -> dict[str, float]:
        """0 for the truth; nan before the first frame."""
        return {"lpips": self._mean.value}


def _signed(image: Tensor, device: torch.device) -> Tensor:
    """-1 to 1, as a batch of one."""
    return (levels(image.to(device)).float() * (2 / PEAK) - 1)[None]
