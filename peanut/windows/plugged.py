"""What a network that was plugged in gives, checked where a stage takes it: one sentence in place of torch's."""

from typing import Any

from torch import Tensor

from peanut.errors import UsageError


def check_sides(who: str, network: Any) -> None:
    """Raise UsageError if `multiple` or `fixed_size` of a `FillingNetwork` are no sides."""
    for name, also in (("multiple", ""), ("fixed_size", ", or None")):
        sides = getattr(network, name)
        if sides is None and also:
            continue
        if not isinstance(sides, tuple) or len(sides) != 2 or not all(_is_side(side) for side in sides):
            raise UsageError(
                f"{who}: {name} of the network must be two whole numbers above 0 (h, w){also}, got {sides!r}."
            )


def check_square(who: str, side: Any) -> None:
    """Raise UsageError if the `image_size` of a `TextMaskNetwork` is no side."""
    if not _is_side(side) or side <= 4:
        raise UsageError(f"{who}: image_size of the network must be a whole number above 4, got {side!r}.")


def check_count(who: str, part: str, given: Any, count: int) -> None:
    """Raise UsageError unless a network's part gave one for each of `count`."""
    number = len(given) if hasattr(given, "__len__") and (not isinstance(given, Tensor) or given.ndim) else None
    if number != count:
        raise UsageError(f"{who}: {part} of the network must give {count} here, one for each, got {_shown(given)}.")


def check_shape(who: str, part: str, given: Any, shape: tuple[int, ...]) -> None:
    """Raise UsageError unless a network's part gave a tensor of this shape."""
    if not isinstance(given, Tensor) or tuple(given.shape) != shape:
        raise UsageError(f"{who}: {part} of the network must give a tensor {shape} here, got {_shown(given)}.")


def check_pair(who: str, part: str, given: Any, count: int) -> None:
    """Raise UsageError unless a network's part gave two, each with one for each of `count`."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UsageError(f"{who}: {part} of the network must give two, to next and to previous, got {_shown(given)}.")
    for one in given:
        check_count(who, part, one, count)


def check_share(who: str, part: str, given: Any) -> None:
    """Raise UsageError unless a network's part gave a number from 0 to 1, or None."""
    if given is not None and not (isinstance(given, int | float) and 0 <= given <= 1):
        raise UsageError(f"{who}: {part} of the network must give a number from 0 to 1, or None, got {given!r}.")


def _is_side(side: Any) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and side > 0


def _shown(given: Any) -> str:
    if isinstance(given, Tensor):
        return f"a tensor {tuple(given.shape)}"
    return f"{len(given)}" if isinstance(given, tuple | list) else f"a {type(given).__name__}"
