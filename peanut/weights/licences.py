"""What the licences of published checkpoints mean for a user, in one sentence each. No legal advice."""

import attrs


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
