"""What the licences of published checkpoints mean for a user, in one sentence each. No legal advice."""

from collections.abc import Iterator
from typing import Any

import attrs

from peanut.weights.table import entries


@attrs.frozen
class Licence:
    """A licence, by its plain consequence."""

    says: str
    commercial: bool | None
    """Whether commercial use is allowed; None: not clear, and `says` tells why."""


LICENCES = {
    "Apache": Licence("Apache 2.0: use, change and sell; keep the notice", True),
    "MIT": Licence("MIT: use, change and sell; keep the notice", True),
    "BSD2": Licence("BSD 2-clause: use, change and sell; keep the notice", True),
    "BSD3": Licence("BSD 3-clause: use, change and sell; keep the notice", True),
    "SAM": Licence(
        "SAM licence: commercial use allowed, no military use, pass the licence on; access is granted per account", True
    ),
    "NC": Licence("CC BY-NC 4.0: non-commercial use only, with attribution", False),
    "SLAB": Licence("S-Lab 1.0: non-commercial use only; commercial use on written permission", False),
    "SPY": Licence(
        "contains SPyNet (Max Planck, 2016): its licence says non-commercial research, education and art only; "
        "whether that follows the trained weights is a lawyer's question",
        None,
    ),
    "TV": Licence("torchvision (BSD 3-clause): the training data may bring terms of their own", None),
}


def consequence(keys: str) -> str:
    """What a row's licences ("Apache, SPY") mean."""
    return "; ".join(LICENCES[key].says for key in keys.split(", "))


def licence(pipeline: Any) -> str:
    """What the published weights in a pipeline together allow, and because of which.

    pipeline: a pipeline, a stage, or the name of a checkpoint. A stage tells its weights by `weights` (names in the
    table), or by `model`, where that is one. Branches of `tap` and `merge` count.

    >>> licence("e2fgvi-hq")
    'non-commercial, because of e2fgvi-hq (CC BY-NC 4.0: non-commercial use only, with attribution)'
    """
    names = list(dict.fromkeys(_names(pipeline)))
    kinds = {name: [LICENCES[key] for key in entries()[name].licence.split(", ")] for name in names}
    for commercial, verdict in ((False, "non-commercial"), (None, "commercial use is not clear")):
        reasons = [f"{name} ({one.says})" for name in names for one in kinds[name] if one.commercial is commercial]
        if reasons:
            return f"{verdict}, because of {', '.join(reasons)}"
    if not names:
        return "no published weights: nothing to observe"
    return f"any use, commercial too; keep the notices of {', '.join(names)}"


def _names(part: Any) -> Iterator[str]:
    """The rows of the table that a pipeline uses."""
    if isinstance(part, str):
        yield from [part] if part in entries() else []
        return
    told = getattr(part, "weights", None) or getattr(part, "model", None)
    for one in [told] if isinstance(told, str) else told if isinstance(told, list | tuple) else []:
        yield from _names(one)
    for inner in (*getattr(part, "stages", ()), *getattr(part, "branches", {}).values()):
        yield from _names(inner)
