"""Opening published files: tensors and nothing else ever comes out of a pickle."""

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from peanut.errors import UsageError

_LOCK = threading.Lock()
"""What is allowed is allowed in the whole process for the length of a load: one load at a time."""


def _empty(name: str) -> type:
    """A class that stands in for the type of that full name, which a file holds and nobody needs: it keeps nothing."""
    module, _, own = name.rpartition(".")
    ignore = {"__init__": lambda self, *_: None, "__setstate__": lambda self, _: None}
    return type(own, (), {"__module__": module, **ignore})


def open_checkpoint(path: Path, ignored: Sequence[str] = ()) -> Any:
    """What a file holds: nested dicts of tensors, on the CPU. Raises UsageError if it is damaged or could run.

    ignored: full names of types that the file may hold beside tensors, such as "argparse.Namespace": they are read as
    empty objects, the real ones are never imported.
    """
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise UsageError(f"{path.name} cannot be read: {error}.") from error
    stubs: list[Any] = [_empty(name) for name in ignored]
    try:
        with _LOCK, torch.serialization.safe_globals(stubs):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # a damaged or hostile file can bring torch's reader to raise anything
        raise UsageError(f"{path.name} is refused: {_reason(str(error))}.") from error


def _reason(message: str) -> str:
    """Why torch's reader would not have a file, in a few words."""
    if found := re.search(r"GLOBAL (\S+)", message):
        return f"it holds {found[1]}, and nothing but tensors is read"
    if "TorchScript" in message:
        return "it is a TorchScript program, and nothing but tensors is read"
    first = next((line for line in message.splitlines() if line.strip()), "no more is known")
    first = first.partition("In PyTorch 2.6")[0]  # torch's advice after it, to read such a file anyway, is none of ours
    return f"it holds more than tensors, or is damaged ({first.strip().rstrip('.')})"
