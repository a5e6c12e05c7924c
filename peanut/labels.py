"""How stages and sources are shown: in pipelines, diagrams, statistics and errors."""

from typing import Any

import attrs


def label(part: Any) -> str:
    """How a stage or a source is shown: as it says itself, or its name with those settings that are not the default."""
    kind: Any = type(part)
    if attrs.has(kind):
        return with_settings(part) if kind.__str__ is object.__str__ else str(part)
    return str(getattr(part, "__name__", kind.__name__))


def with_settings(part: Any) -> str:
    """`Name(setting=value)` of an object of an attrs class: the settings that are not the default.

    >>> @attrs.frozen
    ... class Blur:
    ...     radius: int = 2
    ...     sigma: float = 1.0
    >>> with_settings(Blur(radius=3))
    'Blur(radius=3)'
    """
    told = []
    for field in attrs.fields(type(part)):
        value = getattr(part, field.name)
        if field.init and field.repr and repr(value) != repr(_default(field, part)):
            shown = field.repr(value) if callable(field.repr) else _brief(value)
            told.append(f"{field.alias}={shown}")
    return f"{type(part).__name__}({', '.join(told)})"


def _brief(value: Any) -> str:
    """A value in one line: of a network, what it is."""
    text = repr(value)
    return f"{type(value).__name__}(...)" if "\n" in text else text


def _default(field: "attrs.Attribute[Any]", part: Any) -> Any:
    default: Any = field.default
    if not isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return default
    return default.factory(part) if default.takes_self else default.factory()
