"""How settings are checked: attrs validators that say in one sentence what was wrong and what would work.

All raise UsageError when the object is built.
"""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

import attrs
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def at_least(least: float, *, also: tuple[Any, ...] = ()) -> Validator:
    """A finite number from `least` on, whole where `least` is an int; or one of `also` (None, a word).

    >>> @attrs.frozen
    ... class Blur:
    ...     radius: int = attrs.field(default=2, validator=at_least(1))
    >>> Blur(radius=0)
    Traceback (most recent call last):
    peanut.errors.UsageError: Blur: radius must be at least 1, got 0.
    """
    return _number(f"at least {least:g}", lambda value: value >= least, isinstance(least, int), also)


def between(least: float, most: float, *, also: tuple[Any, ...] = ()) -> Validator:
    """A number from `least` to `most`, whole where both are ints; or one of `also`."""
    whole = isinstance(least, int) and isinstance(most, int)
    return _number(f"{least:g} to {most:g}", lambda value: least <= value <= most, whole, also)


def above(least: float) -> Validator:
    """A finite number greater than `least`."""
    return _number(f"above {least:g}", lambda value: value > least, False, ())


def one_of(*known: Any) -> Validator:
    """One of these values."""
    names = [one for one in known if isinstance(one, str)]

    def check(instance: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
        if any(value is one or (type(value) is type(one) and value == one) for one in known):
            return
        near = get_close_matches(value, names, n=1) if isinstance(value, str) else []
        hint = f": did you mean {near[0]!r}?" if near else "."
        raise UsageError(f"{_who(instance)}: {field.name} must be {_either(map(repr, known))}, got {value!r}{hint}")

    return check


def flag(instance: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
    """True or False."""
    if not isinstance(value, bool):
        raise UsageError(f"{_who(instance)}: {field.name} must be True or False, got {value!r}.")


def from_preset(presets: Mapping[str, Any], name: str, validator: Validator | None, **more: Any) -> Any:
    """A field whose default is what the stage's `preset` says of it."""

    def of(stage: Any) -> Any:
        return getattr(presets.get(stage.preset), name, None)  # an unknown preset is refused by its own validator

    return attrs.field(default=attrs.Factory(of, takes_self=True), validator=validator, **more)


def mask_of(frame: Frame, who: str) -> Tensor:
    """The mask of a frame that `who` needs. Raises UsageError if it is not known."""
    if frame.mask is None:
        raise UsageError(f"{who} needs masks: put masks(path), MovingObjects() or PMask(prompt) before it.")
    return frame.mask


def _number(wanted: str, fits: Callable[[Any], bool], whole: bool, also: tuple[Any, ...]) -> Validator:
    kind: Any = int if whole else int | float
    choices = _either([wanted, *map(repr, also)])

    def check(instance: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
        if any(value is one or (isinstance(one, str) and value == one) for one in also):
            return
        number = isinstance(value, kind) and not isinstance(value, bool)
        if not number or not isfinite(value) or not fits(value):
            first = "" if number else f"a {'whole ' if whole else ''}number, "
            raise UsageError(f"{_who(instance)}: {field.name} must be {first}{choices}, got {value!r}.")

    return check


def _either(choices: Iterable[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def _who(instance: Any) -> str:
    return type(instance).__name__
