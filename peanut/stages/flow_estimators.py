"""Dense optical flow as a choice: estimators that are called alike and give the same kind of flow.

Convention: a flow is 2 h w, float32, on the CPU, in pixels; channel 0 to the right, channel 1 downwards. It names where
to look: out[p] = x[p + flow(p)], as in `peanut.ops.warp`.
"""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import attrs
import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.devices import pick_device, place
from peanut.errors import UsageError, pick
from peanut.networks.spynet import SPyNet
from peanut.ops.optical_flow import SMALLEST, dense_flow, grid, sample, within
from peanut.ops.padding import pad_to_multiple

Array = npt.NDArray[Any]
Refine = Callable[[Array, Array, Array], Array]
"""Takes a picture and another (h w, float32) and the flow so far (h w 2); gives a better flow."""

MEDIAN = 5
"""Side of the median filter that takes outliers away after every warp (Sun et al., CVPR 2010)."""
COARSEST = 16
"""Pixels of the shorter side below which no picture is halved."""
RAFT_SMALLEST = 128
"""Pixels per side below which RAFT's pyramid of correlations is empty somewhere."""


class FlowEstimator(Protocol):
    """Anything that tells, for two pictures, where each pixel of the first is found in the second.

    image, other: 3 h w, uint8, RGB, on the CPU, of one size. Returns 2 h w, float32, on the CPU, in pixels; channel 0
    to the right, channel 1 downwards: image[p] looks like other[p + flow(p)], as in `peanut.ops.warp`.
    """

    def __call__(self, image: Tensor, other: Tensor, /) -> Tensor: ...


class _Pairwise(ABC):
    """What all estimators here share: pictures are checked at the door, and tiny ones do not move."""

    def __call__(self, image: Tensor, other: Tensor, /) -> Tensor:
        name = type(self).__name__
        for picture in (image, other):
            if picture.dtype != torch.uint8 or picture.ndim != 3 or picture.shape[0] != 3:
                got = f"{str(picture.dtype).removeprefix('torch.')} {tuple(picture.shape)}"
                raise UsageError(f"{name}: pictures must be 3 h w, uint8, RGB, got {got}.")
            if picture.device.type != "cpu":
                raise UsageError(f"{name}: pictures must be on the CPU, got one on {picture.device}.")
        if image.shape != other.shape:
            sizes = f"{tuple(image.shape)} and {tuple(other.shape)}"
            raise UsageError(f"{name}: both pictures must have one size, got {sizes}.")
        if min(image.shape[1:]) < SMALLEST:
            return torch.zeros(2, *image.shape[1:])
        return self._flow(image, other)

    @abstractmethod
    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        """The flow between two pictures that were checked."""


def _at_least(least: float) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    def check(instance: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
        kind, wanted = (int, "a whole number") if field.type is int else (int | float, "a number")
        if not isinstance(value, kind) or not least <= value < float("inf"):
            raise UsageError(f"{type(instance).__name__}: {field.name} must be {wanted} from {least}, got {value!r}.")

    return check


def _one_of(*known: str) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    def check(_: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
        pick(field.name, value, dict.fromkeys(known))

    return check


def _given(model: Any) -> str:
    return repr(model) if isinstance(model, str) else "..."


@attrs.frozen
class DIS(_Pairwise):
    """Patches matched from coarse to fine, made dense: fast, and good enough for most. On grey pictures.

    preset: "ultrafast", "fast" or "medium". The same pictures give the same flow, on any number of threads.
    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016 (OpenCV's).
    Raises UsageError for another preset, and for pictures that do not fit.
    """

    preset: Literal["ultrafast", "fast", "medium"] = attrs.field(
        default="medium", validator=_one_of("ultrafast", "fast", "medium")
    )

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        return _tensor(dense_flow(_grey(image), _grey(other), self.preset))


@attrs.frozen
class Farneback(_Pairwise):
    """Quadratic polynomials fitted to neighbourhoods, compared from coarse to fine: smooth. On grey pictures.

    levels: pictures in the pyramid, each half as large. window: pixels over which the motion is averaged.
    iterations: per level. neighbourhood, sigma: pixels that a polynomial is fitted to, and the width of their weights.
    Source: Farnebäck, Two-Frame Motion Estimation Based on Polynomial Expansion, SCIA 2003 (OpenCV's).
    Raises UsageError for settings out of range, and for pictures that do not fit.
    """

    levels: int = attrs.field(default=5, validator=_at_least(1))
    window: int = attrs.field(default=15, validator=_at_least(2))
    iterations: int = attrs.field(default=3, validator=_at_least(1))
    neighbourhood: int = attrs.field(default=7, validator=_at_least(3))
    sigma: float = attrs.field(default=1.5, validator=_at_least(0.1))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        settings = self.levels, self.window, self.iterations, self.neighbourhood, self.sigma
        start = np.zeros((*image.shape[1:], 2), np.float32)
        return _tensor(cv2.calcOpticalFlowFarneback(_grey(image), _grey(other), start, 0.5, *settings, 0))


@attrs.frozen
class LucasKanade(_Pairwise):
    """One motion for each window, by least squares; for every pixel, coarse to fine with warping. On grey pictures.

    radius: of the window, which is square, in pixels of every level. iterations: warps per level.
    damping: pull towards the flow so far, in squared grey levels per pixel: what holds where nothing has texture.
    Source: Lucas and Kanade, An Iterative Image Registration Technique, IJCAI 1981; with a median filter between
    warps (Sun et al., Secrets of Optical Flow Estimation, CVPR 2010).
    Raises UsageError for settings out of range, and for pictures that do not fit.
    """

    radius: int = attrs.field(default=4, validator=_at_least(1))
    iterations: int = attrs.field(default=5, validator=_at_least(1))
    damping: float = attrs.field(default=2.0, validator=_at_least(0.01))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        return _tensor(_coarse_to_fine(_grey(image), _grey(other), self.iterations, self._refine))

    def _refine(self, image: Array, other: Array, flow: Array) -> Array:
        """The u that is best for the window: min_u sum (g u + rest)^2 + damping |u - flow|^2, with its 2x2 matrix."""
        gradient, rest = _linearised(image, other, flow)
        x, y = gradient[..., 0], gradient[..., 1]
        side = 2 * self.radius + 1
        xx, xy, yy, xr, yr = (cv2.blur(product, (side, side)) for product in (x * x, x * y, y * y, x * rest, y * rest))
        xx, yy = xx + self.damping, yy + self.damping
        right, down = self.damping * flow[..., 0] - xr, self.damping * flow[..., 1] - yr
        determinant = xx * yy - xy * xy
        return np.asarray(np.dstack([yy * right - xy * down, xx * down - xy * right]) / determinant[..., None])


@attrs.frozen
class HornSchunck(_Pairwise):
    """The smoothest flow that keeps grey levels constant; coarse to fine with warping. On grey pictures.

    smoothness: the weight of smoothness against constancy, in grey levels. warps: per level. iterations: of Jacobi's
    method, per warp.
    Source: Horn and Schunck, Determining Optical Flow, Artificial Intelligence 1981; with a median filter between
    warps (Sun et al., Secrets of Optical Flow Estimation, CVPR 2010).
    Raises UsageError for settings out of range, and for pictures that do not fit.
    """

    smoothness: float = attrs.field(default=12.0, validator=_at_least(0.1))
    warps: int = attrs.field(default=5, validator=_at_least(1))
    iterations: int = attrs.field(default=15, validator=_at_least(1))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        return _tensor(_coarse_to_fine(_grey(image), _grey(other), self.warps, self._refine))

    def _refine(self, image: Array, other: Array, flow: Array) -> Array:
        gradient, rest = _linearised(image, other, flow)
        step = gradient / (self.smoothness**2 + (gradient**2).sum(axis=2, keepdims=True))
        around = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]], np.float32) / 12
        for _ in range(self.iterations):
            mean = np.asarray(cv2.filter2D(flow, -1, around, borderType=cv2.BORDER_REPLICATE))
            wrong = gradient[..., 0] * mean[..., 0] + gradient[..., 1] * mean[..., 1] + rest
            flow = mean - step * wrong[..., None]
        return flow


@attrs.frozen
class SPyNetFlow(_Pairwise):
    """SPyNet, the learned pyramid inside BasicVSR, BasicVSR++ and E2FGVI: small, and used to compressed video.

    model: a name in the table of weights, fetched on first use, a file, or a network. device: "auto" takes the fastest
    that is there; it computes in float32.
    Source: Ranjan and Black, Optical Flow Estimation using a Spatial Pyramid Network, CVPR 2017.
    Raises UsageError for weights that are not there or not SPyNet's, and for pictures that do not fit.
    """

    model: str | Path | SPyNet = attrs.field(default="spynet-reds4", repr=_given)
    device: str | torch.device = "auto"
    _network: SPyNet = attrs.field(init=False, repr=False, eq=False)
    _device: torch.device = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        from peanut import weights

        on, network = pick_device(self.device), self.model
        if isinstance(network, str | Path):
            network = weights.network(network, device=on, dtype=torch.float32)  # type: ignore[assignment]
        if not isinstance(network, SPyNet):
            raise UsageError(f"SPyNetFlow: model must be a SPyNet, got {type(network).__name__}.")
        object.__setattr__(self, "_network", place(network, on, torch.float32))
        object.__setattr__(self, "_device", on)

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        with torch.no_grad():
            pair = [picture[None].to(self._device).float() / 255 for picture in (image, other)]
            flow: Tensor = self._network(*pair)
        return flow[0].cpu()


@attrs.frozen
class RAFT(_Pairwise):
    """RAFT as torchvision has it: correlations of all pairs, looked up again and again; slow on a CPU.

    small: the small network, or the large one. weights: a name among torchvision's for it, taken from torch hub's cache
    or fetched, or a ready network (then `small` means nothing). updates: of the flow. device: "auto" takes the fastest
    that is there; it computes in float32. Pictures are extended to multiples of 8, at least 128.
    Source: Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020.
    Raises UsageError for weights that cannot be loaded, and for pictures that do not fit.
    """

    small: bool = True
    weights: str | nn.Module = attrs.field(default="DEFAULT", repr=_given)
    updates: int = attrs.field(default=12, validator=_at_least(1))
    device: str | torch.device = "auto"
    _network: nn.Module = attrs.field(init=False, repr=False, eq=False)
    _device: torch.device = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        on = pick_device(self.device)
        network = self.weights if isinstance(self.weights, nn.Module) else _raft(self.small, self.weights)
        object.__setattr__(self, "_network", place(network, on, torch.float32))
        object.__setattr__(self, "_device", on)

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        h, w = image.shape[1:]
        with torch.no_grad():
            pair = [_extended(picture[None].to(self._device).float() / 127.5 - 1) for picture in (image, other)]
            flow: Tensor = self._network(*pair, num_flow_updates=self.updates)[-1]
        return flow[0, :, :h, :w].cpu().contiguous()


def _raft(small: bool, name: str) -> nn.Module:
    """torchvision's network, filled."""
    from torchvision.models import optical_flow

    build = optical_flow.raft_small if small else optical_flow.raft_large
    known = optical_flow.Raft_Small_Weights if small else optical_flow.Raft_Large_Weights
    chosen = pick("weights of RAFT", name, known.__members__)
    try:
        network: nn.Module = build(weights=chosen, progress=False)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        file, reason = chosen.url.rpartition("/")[2], (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"RAFT: {file} can neither be read from {torch.hub.get_dir()}/checkpoints nor fetched"
            f" ({reason.rstrip('.')}): put the file there, or give weights= a network."
        ) from error
    return network


def _extended(x: Tensor) -> Tensor:
    """A picture, b c h w, extended with its border to the least that RAFT takes, and to multiples of 8."""
    below, right = (max(0, RAFT_SMALLEST - side) for side in x.shape[-2:])
    return pad_to_multiple(F.pad(x, (0, right, 0, below), mode="replicate"), 8)


@attrs.frozen
class NvidiaFlow(_Pairwise):
    """The optical flow engine of NVIDIA's processors (Turing and newer), where OpenCV was built with CUDA.

    preset: "slow" (the best), "medium" or "fast". grid: pixels per side that share a vector, 4, 2 or 1; Turing has 4
    alone. Vectors are enlarged to the size of the picture. On grey pictures.
    Source: NVIDIA Optical Flow SDK 2, by OpenCV's `cuda.NvidiaOpticalFlow_2_0`.
    Raises UsageError where there is no such OpenCV or GPU, and for pictures that do not fit.
    """

    preset: Literal["slow", "medium", "fast"] = attrs.field(default="slow", validator=_one_of("slow", "medium", "fast"))
    grid: int = attrs.field(default=4)
    _engines: dict[tuple[int, int], Any] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    @grid.validator
    def _is_a_grid(self, _: Any, grid: int) -> None:
        if grid not in (1, 2, 4):
            raise UsageError(f"NvidiaFlow: grid must be 1, 2 or 4, got {grid!r}.")

    def __attrs_post_init__(self) -> None:
        cuda = getattr(cv2, "cuda", None)
        if not hasattr(cuda, "NvidiaOpticalFlow_2_0_create"):
            raise UsageError("NvidiaFlow needs an OpenCV built with CUDA, and this one is not: DIS() runs everywhere.")
        if cuda.getCudaEnabledDeviceCount() == 0:  # type: ignore[union-attr]
            raise UsageError("NvidiaFlow needs an NVIDIA GPU, and OpenCV finds none: DIS() runs everywhere.")

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        h, w = image.shape[1:]
        engine = self._engine(h, w)
        raw = engine.calc(_grey(image), _grey(other), None)[0]
        flow = np.asarray(engine.convertToFloat(raw, None), np.float32)
        return _tensor(flow if flow.shape[:2] == (h, w) else np.asarray(cv2.resize(flow, (w, h))))

    def _engine(self, h: int, w: int) -> Any:
        """The engine for a size; the one for the size before is given back."""
        if (h, w) not in self._engines:
            for engine in self._engines.values():
                engine.collectGarbage()
            self._engines.clear()
            preset = {"slow": 5, "medium": 10, "fast": 20}[self.preset]  # the SDK's numbers
            create = cv2.cuda.NvidiaOpticalFlow_2_0_create  # type: ignore[attr-defined]
            self._engines[h, w] = create((w, h), perfPreset=preset, outputGridSize=self.grid)
        return self._engines[h, w]


def _grey(image: Tensor) -> Array:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), cv2.COLOR_RGB2GRAY))


def _tensor(flow: Array) -> Tensor:
    """A flow h w 2 as 2 h w."""
    return torch.from_numpy(np.ascontiguousarray(flow.transpose(2, 0, 1), np.float32))


def _coarse_to_fine(image: Array, other: Array, warps: int, refine: Refine) -> Array:
    """A flow, h w 2, refined `warps` times on every level of a pyramid; it starts from none on the coarsest."""
    pyramid: list[tuple[Array, ...]] = [(image.astype(np.float32), other.astype(np.float32))]
    while min(pyramid[-1][0].shape) >= 2 * COARSEST:
        h, w = pyramid[-1][0].shape
        size = -(-w // 2), -(-h // 2)
        pyramid.append(tuple(np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_AREA)) for x in pyramid[-1]))
    flow: Array = np.zeros((*pyramid[-1][0].shape, 2), np.float32)
    for here, there in reversed(pyramid):
        (h, w), (from_h, from_w) = here.shape, flow.shape[:2]
        flow = cv2.resize(flow, (w, h)) * np.array([w / from_w, h / from_h], np.float32)
        for _ in range(warps):
            flow = np.dstack([cv2.medianBlur(part, MEDIAN) for part in cv2.split(refine(here, there, flow))])
    return flow


_DERIVATIVE = np.array([[1, -8, 0, 8, -1]], np.float32) / 12


def _linearised(image: Array, other: Array, flow: Array) -> tuple[Array, Array]:
    """Constancy of grey levels around a flow: gradient u + rest = 0 for the whole flow u (not for its change).

    Returns gradient, h w 2, and rest, h w; both are 0 where the flow leaves the picture.
    """
    h, w = image.shape
    at = grid(slice(0, h), slice(0, w)) + flow
    warped = sample(other, at)
    mean = (image + warped) / 2
    gradient = np.dstack([cv2.filter2D(mean, -1, kernel) for kernel in (_DERIVATIVE, _DERIVATIVE.T)])
    gradient *= within(at, (h, w))[..., None]
    change = (warped - image) * within(at, (h, w))
    return gradient, change - (gradient * flow).sum(axis=2)


WHEEL = ((255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255), (255, 0, 0))
"""The corners of the wheel: red, yellow, green, cyan, blue, magenta, and red again."""
STEPS = (15, 6, 4, 11, 13, 6)
"""How many of the 55 colours lie between neighbouring corners: as many as eyes tell apart."""


def flow_picture(flow: Tensor, largest: float | None = None) -> Tensor:
    """A flow as colours: hue tells the direction, saturation the length. 2 h w, pixels -> 3 h w, uint8.

    Right is red, down yellow, left between cyan and blue, up violet; no motion is white. largest: the length in pixels
    that is fully saturated, by default that of the longest vector; longer ones are darker. What is no number is black.
    Source: Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011.
    Raises UsageError for another shape, and a `largest` that is not above 0.

    >>> right, still = torch.tensor([[[3.0]], [[0.0]]]), torch.zeros(2, 1, 1)
    >>> flow_picture(torch.cat([right, still], dim=2))[:, 0].T.tolist()
    [[255, 0, 0], [255, 255, 255]]
    """
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise UsageError(f"flow_picture: a flow must be 2 h w, got {tuple(flow.shape)}.")
    if largest is not None and not largest > 0:
        raise UsageError(f"flow_picture: largest must be above 0, got {largest}.")
    known = flow.isfinite().all(dim=0).cpu().numpy()
    x, y = np.where(known, flow.detach().cpu().double().numpy(), 0)
    length = np.hypot(x, y)
    length /= (length.max(initial=0) or 1) if largest is None else largest
    turn = np.arctan2(y, x) / (2 * np.pi) % 1  # from right over down
    corners = np.cumsum((0, *STEPS)) / sum(STEPS)
    colour = np.stack([np.interp(turn, corners, channel) for channel in np.transpose(WHEEL)])
    colour = np.where(length <= 1, 255 - length * (255 - colour), 0.75 * colour) * known
    return torch.from_numpy(np.rint(colour).astype(np.uint8))
