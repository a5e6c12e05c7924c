"""On what something was measured: versions, weights, the machine."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import peanut
from peanut.weights.store import here, kept_at, record_of
from peanut.weights.table import entries

PACKAGES = ("torch", "torchvision", "numpy", "opencv-python-headless", "av", "sam2", "transformers")


def machine(pipelines: Iterable[Any] = ()) -> dict[str, Any]:
    """Versions of what computes, the sha256 of the published weights that pipelines use, and the machine."""
    return {
        "peanut": peanut.__version__,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "weights": {name: _sha256(name) for made in pipelines for name in _weights(made)},
        "machine": f"{_processor()}, threads: {torch.get_num_threads()}; {_accelerator()}",
        "python": platform.python_version(),
    }


def _weights(made: Any) -> tuple[str, ...]:
    """Those in the table that a pipeline says it uses; of a class nobody knows before it is built."""
    told = getattr(made, "weights", ())
    return tuple(name for name in told if name in entries()) if isinstance(told, tuple) else ()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _sha256(name: str) -> str:
    """Of the file of a checkpoint: as published, else as it was seen here first."""
    entry = entries()[name]
    if len(entry.file.sha256) == 64:
        return entry.file.sha256
    return str(record_of(kept_at(entry, entry.file)).get("sha256", "")) if here(name) else ""


def _processor() -> str:
    """The processor's name, with the instructions that networks gain by."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in told.split("\n\n")[0].splitlines() if ":" in line)
    found = {key.strip(): value.strip() for key, value in fields.items()}
    name = found.get("model name", platform.machine())
    flags = found.get("flags", "").split()
    kind = next((kind for kind in ("avx512_bf16", "avx512f", "avx2") if kind in flags), "")
    return f"{name} ({kind.upper()})" if kind else name


def _accelerator() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "MPS" if torch.backends.mps.is_available() else "no accelerator"
