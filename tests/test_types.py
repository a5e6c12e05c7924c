"""What users write is checked as strictly as what we write: the examples and the README's snippets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    for number, text in enumerate(SNIPPETS):
        (folder / f"snippet_{number}.py").write_text(text)
    for example in (ROOT / "examples").glob("*.py"):
        (folder / example.name).write_text(example.read_text())
    return folder


def check(*command):
    done = subprocess.run([sys.executable, "-m", *map(str, command)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_strict_finds_nothing(written):
    pytest.importorskip("mypy")
    check("mypy", "--strict", "--follow-imports=silent", *sorted(written.glob("*.py")))


@pytest.mark.slow
def test_pyright_finds_nothing(written):
    pytest.importorskip("pyright")
    check("pyright", "--pythonpath", sys.executable, *sorted(written.glob("*.py")))
