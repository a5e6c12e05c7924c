"""What the published weights in a pipeline together allow."""

from peanut.errors import pick
from peanut.pipeline import Stage
from peanut.weights.licences import LICENCES
from peanut.weights.table import entries


def licence(used: Stage | str) -> str:
    """What the published weights in a pipeline together allow, and because of which. No legal advice.

    used: a pipeline, a stage, or the name of a checkpoint. Branches of `tap` and `merge` count.

    >>> licence("e2fgvi-hq")
    'non-commercial, because of e2fgvi-hq (CC BY-NC 4.0: non-commercial use only, with attribution)'
    """
    names = (used,) if isinstance(used, str) else tuple(dict.fromkeys(used.weights))
    kinds = {name: [LICENCES[key] for key in pick("weights", name, entries()).licence.split(", ")] for name in names}
    for commercial, verdict in ((False, "non-commercial"), (None, "commercial use is not clear")):
        reasons = [f"{name} ({one.says})" for name in names for one in kinds[name] if one.commercial is commercial]
        if reasons:
            return f"{verdict}, because of {', '.join(reasons)}"
    if not names:
        return "no published weights: nothing to observe"
    return f"any use, commercial too; keep the notices of {', '.join(names)}"
