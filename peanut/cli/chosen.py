"""A stage that an option chooses, built when all options are known to fit."""

from collections.abc import Callable
from typing import Any, get_args

import attrs

from peanut.errors import UsageError


@attrs.frozen
class Chosen:
    """A stage that an option chooses. It is built when all options are known to fit: building may fetch weights."""

    option: str
    make: Callable[..., Any]
    settings: dict[str, Any] = attrs.field(factory=dict)
    args: tuple[Any, ...] = ()
    learned: bool = False
    """A network computes, so that it has a device."""
    live: dict[str, Any] = attrs.field(factory=dict)
    """Of a stage without presets: settings that `--preset live` means for it."""

    @property
    def presets(self) -> tuple[str, ...]:
        """The names of its presets."""
        fields = attrs.fields_dict(self.make) if isinstance(self.make, type) and attrs.has(self.make) else {}
        return get_args(fields["preset"].type) if "preset" in fields else ()


def built(*chosen: Chosen, device: str | None, preset: str | None) -> list[Any]:
    """The stages. Raises UsageError where none of them has a device or a preset, or one has no preset of that name."""
    with_presets = [one for one in chosen if one.presets]
    if device is not None and not any(one.learned for one in chosen):
        raise UsageError(
            "--device is for networks, and none runs here: --prompt, --model nof, --restore and --upscale have one."
        )
    if preset is not None and not with_presets and not (preset == "live" and any(one.live for one in chosen)):
        raise UsageError("--preset goes with --moving, --prompt, --model flow or --model nof; nothing here has one.")
    for one in with_presets if preset is not None else ():
        if preset not in one.presets:
            raise UsageError(f"--preset {preset}: {one.option} knows {' and '.join(_listed(one.presets))}.")
    stages = []
    for one in chosen:
        settings = dict(one.settings)
        settings |= {"device": device} if device is not None and one.learned else {}
        settings |= {"preset": preset} if preset is not None and one.presets else {}
        settings |= one.live if preset == "live" else {}
        stages.append(one.make(*one.args, **settings))
    return stages


def _listed(names: tuple[str, ...]) -> list[str]:
    return [", ".join(names[:-1]), names[-1]]
