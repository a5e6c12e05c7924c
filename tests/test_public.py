"""The public names and their signatures: what users build on changes only on purpose, here and in the changelog."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import peanut

FROZEN = Path(__file__).parent / "public_api.txt"


def described(name):
    """One line a name: its signature, and for a class the public methods and properties of its own."""
    value = getattr(peanut, name)
    call = value.__wrapped__ if hasattr(value, "__wrapped__") else value
    lines = [name if isinstance(value, type) and issubclass(value, Exception) else f"{name}{inspect.signature(call)}"]
    if inspect.isclass(value):
        for member, what in sorted(vars(value).items()):
            if not member.startswith("_") and (callable(what) or isinstance(what, property | classmethod)):
                lines.append(
                    f"    .{member}{'' if isinstance(what, property) else inspect.signature(getattr(value, member))}"
                )
    return [re.sub(r" at 0x\w+", "", line) for line in lines]


def test_public_names_and_signatures_are_frozen():
    """If a change is meant: python tests/test_public.py writes the file anew."""
    now = [line for name in sorted(peanut.__all__) for line in described(name)]
    assert now == FROZEN.read_text().splitlines()


def test_everything_public_is_documented():
    for name in peanut.__all__:
        assert getattr(peanut, name).__doc__, name


def test_dir_shows_what_is_public():
    done = subprocess.run(
        [sys.executable, "-c", "import peanut; print(dir(peanut) == peanut.__all__)"], capture_output=True
    )
    assert done.stdout == b"True\n"


if __name__ == "__main__":
    FROZEN.write_text("".join(f"{line}\n" for name in sorted(peanut.__all__) for line in described(name)))
