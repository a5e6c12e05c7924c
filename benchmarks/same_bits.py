"""Whether this version computes, bit for bit, what another one computes: the demo clip and every conformance case.

python -m benchmarks.same_bits REVISION [FOLDER OF CASES] [--ellipse]

Both versions run in processes of their own, one after the other, on this machine; the other one in a work tree of its
own. --ellipse: masks are grown by OpenCV's ellipse here, as they were before they grew by an exact disc: what else
changed is seen alone. Exit status 1 if anything differs.
"""

import json
import os
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DEMO = {"start": "7.48", "stop": "9.68"}  # seconds of the clip
PRESETS = {"quality": ("quality",), "fast": ("fast", "live")}  # "live" was what the fast one was called
OFFLINE = {**os.environ, "PEANUT_FAST_PATHS": "0"}  # with them a stopwatch picks one of the ways


def grow_by_ellipse() -> None:
    """Replace the exact disc by what it replaced, before anything imports it."""
    import cv2
    import numpy as np

    from peanut.vision import morphology

    def grown(mask: Any, pixels: int) -> Any:
        if pixels < 1 or not mask.any():
            return mask
        ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
        return np.asarray(cv2.dilate(mask.astype(np.uint8), ellipse) > 0)

    morphology.grow_mask = grown


def demo(names: tuple[str, ...]) -> str:
    """The hash of what is found and filled on the demo clip, by the preset that has one of these names."""
    import peanut
    from peanut.data.packages import bikes

    finder, eraser = (_first_known(stage, names) for stage in (_finder, peanut.FlowEraser))
    found = sha256()
    for frame in peanut.read(bikes(), **DEMO) | finder | eraser:
        for tensor in (frame.image, frame.mask, frame.layers.get("filled_from")):
            found.update(b"none" if tensor is None else tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def _finder(preset: str) -> Any:
    import peanut

    return peanut.MovingObjects(grow=4, preset=preset)


def _first_known(build: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        try:
            return build(preset=name)
        except ValueError:
            if name == names[-1]:
                raise
    return None


def case(name: str, folder: Path) -> dict[str, str]:
    """The hash of every array that a conformance case gives."""
    import torch

    from peanut import conformance

    spec, arrays = conformance.load(name, folder)
    with torch.no_grad():
        run = conformance.RUNNERS[spec["network"]]
        results = run(spec, conformance.checkpoint(spec), arrays, torch.device("cpu"))
    return {
        f"{name} {array}": sha256(result.contiguous().numpy().tobytes()).hexdigest()
        for array, result in results.items()
    }


def hashes(cases: Path) -> dict[str, str]:
    """Everything that is compared, by the installation that runs this."""
    found = {f"demo {name}": demo(names) for name, names in PRESETS.items()}
    for path in sorted(cases.glob("*.json")):
        if path.with_suffix(".npz").exists():
            found |= case(path.stem, cases)
    return found


def _run_in(root: Path, cases: Path, *options: str) -> dict[str, str]:
    """What the version in a folder computes."""
    command = [sys.executable, str(Path(__file__).resolve()), "--hashes", str(cases), *options]
    done = subprocess.run(
        command, env={**OFFLINE, "PYTHONPATH": str(root)}, cwd=root, check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    options = [word for word in sys.argv[1:] if word == "--ellipse"]
    words = [word for word in sys.argv[1:] if word not in options]
    if words[0] == "--hashes":
        if options:
            grow_by_ellipse()
        print(json.dumps(hashes(Path(words[1]))))
        return 0
    revision, cases = words[0], Path(*words[1:2] or [ROOT / "tests" / "conformance"]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", folder, revision], check=True)
        try:
            before = _run_in(Path(folder), cases)
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)
    after = _run_in(ROOT, cases, *options)
    for name, digest in after.items():
        verdict = "the same bits" if before.get(name) == digest else "NOT the same bits"
        print(f"{name:45} {digest[:16]}  {verdict}")
    same = before == after
    print(f"{len(after)} results, {'all' if same else 'NOT all'} as of {revision}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
