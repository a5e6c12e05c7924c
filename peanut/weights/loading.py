"""Published weights, ready for our networks: converted once, read without a pickle from then on."""

import hashlib
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from peanut.devices import pick_device, pick_dtype, prepare_for_inference
from peanut.errors import UsageError, pick
from peanut.weights.layouts import LAYOUTS, VERSION, convert, unwrapped
from peanut.weights.networks import expected_of, network_like
from peanut.weights.pickles import open_checkpoint
from peanut.weights.sources import sha256_of
from peanut.weights.store import is_shipped, pull, record_of, verify
from peanut.weights.table import Entry, entries

log = logging.getLogger(__name__)

T = TypeVar("T")

DIGEST = "sha256 of the tensors"
"""Where a converted file keeps the hash of what is in it."""

_SHARED: WeakValueDictionary[tuple[str, ...], nn.Module] = WeakValueDictionary()
"""Networks in use: whoever asks for one again gets the same."""
_LOCK = threading.Lock()


def load(
    name_or_path: str | Path, expected: Mapping[str, torch.Size] | None = None, *, like: str | None = None
) -> dict[str, Tensor]:
    """The weights of a checkpoint under the names of our network, on the CPU; fetched first where they are not here.

    name_or_path: a row of the table, or a file. expected: names and shapes that must be there, strictly; by default
    those of the row's network. like: for a file, the row whose network and layout it has; by default found by its
    hash, or else its tensors are given under their own names, unwrapped.
    What was converted carries the hash of its tensors; where it is another, it is made anew from the published file,
    which is verified before.
    Raises UsageError for a row whose network PEANUT does not have, for a file that does not fit, and for tensors with
    NaN or infinity in them.
    """
    if _is_path(name_or_path):
        return _finite(_from_path(Path(name_or_path), expected, like), name_or_path)
    entry = pick("weights", str(name_or_path), entries())
    expected = expected_of(entry) if expected is None else expected
    path = pull(entry.name)
    if is_shipped(entry.file):
        return _finite(_converted(entry.layout, path, expected, entry.name), entry.name)
    converted = path.with_name(f"{record_of(path)['sha256'][:16]}-{_key(entry.layout, expected)}.safetensors")
    tensors = _kept(converted)
    if tensors is None:
        verify(entry.name)
        tensors = _finite(_converted(entry.layout, path, expected, entry.name), entry.name)
        _keep(tensors, converted, {"name": entry.name, "licence": entry.licence, **record_of(path)})
    return tensors


def network(
    name_or_path: str | Path,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    like: str | None = None,
) -> nn.Module:
    """The network of a checkpoint, for inference; shared by all who ask for the same on the same device and type.

    Takes what `load` takes. A TorchScript program (`big-lama`) is verified once more, and runs because it was named.
    """
    on = pick_device(device)
    kind = pick_dtype(dtype, on)
    wanted = (str(name_or_path), _state_of(name_or_path), str(like), str(on), str(kind))
    with _LOCK:
        found = _SHARED.get(wanted)
        if found is None:
            found = _program(str(name_or_path), on) or _built(name_or_path, like, on, kind)
            _SHARED[wanted] = found
        return found


def resolve(who: str, model: object, kind: type[T], *, device: torch.device, dtype: torch.dtype | None) -> T:
    """The network of class or protocol `kind` that `model` names or is, for inference, in `dtype` (None: as it comes).

    model: what `network` takes, or a network: a module is copied and not touched, anything else is used as it is.
    Raises UsageError, in the name of `who`, for one that is not of that kind.
    """
    found: Any = model
    if isinstance(model, type):
        raise UsageError(
            f"{who}: model must be a network, got the class {model.__name__}: {model.__name__}() makes one."
        )
    if isinstance(model, str | Path):
        found = network(model, device=device, dtype=dtype or torch.float32)
    if not isinstance(found, kind):
        shown = f"{model} is a {type(found).__name__}" if found is not model else f"got a {type(model).__name__}"
        missing = [part for part in dir(kind) if not part.startswith("_") and not hasattr(found, part)]
        lacks = f", which lacks {', '.join(missing)}" if getattr(kind, "_is_protocol", False) else ""
        raise UsageError(f"{who}: model must be a {kind.__name__}; {shown}{lacks}.")
    if found is model and isinstance(found, nn.Module):
        return cast(T, prepare_for_inference(found, device, dtype))
    return found


def names_used(model: object) -> tuple[str, ...]:
    """The rows of the table that a setting `model` names: one, or none where it is a file or a network."""
    return (model,) if isinstance(model, str) and model in entries() else ()


def _built(name_or_path: str | Path, like: str | None, device: torch.device, dtype: torch.dtype) -> nn.Module:
    try:
        return prepare_for_inference(network_like(load(name_or_path, like=like)), device, dtype)
    except (RuntimeError, KeyError) as error:  # of a file with names of its own
        raise UsageError(f"{name_or_path} fits no network of ours ({str(error).splitlines()[0]}).") from error


def _program(name: str, device: torch.device) -> nn.Module | None:
    """A published program, verified just before it runs; None if `name` is none."""
    if name not in entries() or entries()[name].layout != "JIT":
        return None
    path = pull(name)
    verify(name)
    program: nn.Module = torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
    _finite(program.state_dict(), name)
    return program


def _is_path(name: str | Path) -> bool:
    return isinstance(name, Path) or (name not in entries() and (os.sep in name or os.path.exists(name)))


def _state_of(name_or_path: str | Path) -> str:
    """What tells a changed file from the one before."""
    path = Path(name_or_path)
    return str(path.stat().st_mtime_ns) if _is_path(name_or_path) and path.exists() else ""


def _key(layout: str, expected: Mapping[str, torch.Size]) -> str:
    """Names a conversion: of which layout, by which version, and for which network."""
    wanted = repr(sorted((name, tuple(size)) for name, size in expected.items()))
    return f"{layout.replace(' ', '-')}-v{VERSION}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def _converted(layout: str, path: Path, expected: Mapping[str, torch.Size], name: str) -> dict[str, Tensor]:
    state = open_checkpoint(path, pick("layout", layout, LAYOUTS).ignored)
    try:
        return convert(layout, state, expected)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def _finite(tensors: dict[str, Tensor], name: str | Path) -> dict[str, Tensor]:
    """The tensors. Raises UsageError if there is NaN or infinity in one: whatever they compute would be, too."""
    wrong = [key for key, x in tensors.items() if x.is_floating_point() and not x.isfinite().all()]
    if wrong:
        raise UsageError(
            f"{name}: there is NaN or infinity in {wrong[0]} ({len(wrong)} of {len(tensors)} tensors): these weights"
            " compute nothing; fetch or train them anew."
        )
    return tensors


def _kept(converted: Path) -> dict[str, Tensor] | None:
    """What was converted before, if it still is what was written; None otherwise."""
    from safetensors import safe_open

    if not converted.exists():
        return None
    try:
        tensors = dict(open_checkpoint(converted))
        with safe_open(converted, "pt") as file:
            about = file.metadata() or {}
    except UsageError as error:
        log.warning("%s It is made anew.", error)
        return None
    if about.get(DIGEST) == _digest(tensors):
        return tensors
    log.warning("%s is not as it was written, or by an older version; it is made anew.", converted)
    return None


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 of names, types, shapes and values."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        values: Any = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
        found.update(values)
    return found.hexdigest()


def _keep(tensors: Mapping[str, Tensor], converted: Path, about: Mapping[str, Any]) -> None:
    """Write what was converted, whole or not at all; a cache that cannot be written (shared, read-only) is said."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    partial = converted.with_suffix(f".{os.getpid()}.tmp")
    try:
        own = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
        save_file(own, partial, {key: str(value) for key, value in {**about, DIGEST: _digest(own)}.items()})
        partial.replace(converted)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        log.warning("%s cannot be written (%s): the checkpoint is converted at every start.", converted, error)


def check_fit(path: Path, entry: Entry) -> None:
    """Raises UsageError if a file has not the tensors of an entry's network; nothing where that is none of ours."""
    try:
        expected = expected_of(entry)
    except UsageError:
        return
    _finite(_converted(entry.layout, path, expected, entry.name), entry.name)


def _from_path(path: Path, expected: Mapping[str, torch.Size] | None, like: str | None) -> dict[str, Tensor]:
    """A file of the user's."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file of weights.")
    entry = pick("weights", like, entries()) if like is not None else _published(path)
    if entry is not None:
        return _converted(entry.layout, path, expected_of(entry) if expected is None else expected, str(path))
    try:
        tensors = _bare(open_checkpoint(path))
        return tensors if expected is None else convert("PLAIN", tensors, expected)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _bare(state: Any) -> dict[str, Tensor]:
    """The tensors of a file in one of the wrappings that published files have, under their own names."""
    tensors = unwrapped(state)
    for prefix in ("generator_ema.", "generator."):
        if any(name.startswith(prefix) for name in tensors):
            return {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}
    return tensors


def _published(path: Path) -> Entry | None:
    """The row whose file this is, by its hash; the first, where several rows share it."""
    found = sha256_of(path)
    return next((entry for entry in entries().values() if entry.file.sha256 == found), None)
