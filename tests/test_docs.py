"""What the README, the docs and the examples show runs, just as it stands there."""

import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from itertools import cycle
from pathlib import Path

import cv2
import pytest

import peanut

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"(<!-- not run: .*? -->\n)?```python\n(.*?)```", re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, walker, tmp_path):
    code = [text for excused, text in CODE.findall(page.read_text()) if not excused]
    if not code:
        pytest.skip("no Python on this page")
    shutil.copy(walker.video, tmp_path / "street.mp4")
    shutil.copytree(walker.masks, tmp_path / "masks")
    if 'read("clean.mp4")' in "".join(code):  # a page that goes on where another ended
        (peanut.read(walker.video, stop="0.2", max_size=96) | peanut.write(tmp_path / "clean.mp4")).run()
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_name_has_an_example_that_runs():
    code = [text for page in PAGES for excused, text in CODE.findall(page.read_text()) if not excused]
    code += [example.read_text() for example in (ROOT / "examples").glob("*.py")]
    assert [name for name in peanut.__all__ if not re.search(rf"\bpeanut\.{name}\b", "".join(code))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_the_files_that_the_page_of_the_paper_names_are_there():
    named = re.findall(
        r"`((?:peanut|tests|benchmarks|examples|docs)/[\w./]+)`", (ROOT / "docs" / "paper.md").read_text()
    )
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []


def example(name, *words):
    done = subprocess.run([sys.executable, ROOT / "examples" / name, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_example_that_composes(walker, tmp_path):
    example("compose.py", walker.video, tmp_path / "clean.mp4")
    for name in ("clean.mp4", "clean-masks.mp4"):
        assert len(list(peanut.read(tmp_path / name))) == walker.length


@pytest.mark.slow
def test_the_example_of_the_cascade(walker, tmp_path):
    """The walker is no man: what a sentence means is found nowhere, and the run says so."""
    short = tmp_path / "short.mp4"
    (peanut.read(walker.video, stop="0.3", max_size=96) | peanut.write(short)).run()
    try:
        peanut.URNet("basicvsr-reds4", device="cpu")
    except peanut.UsageError as error:
        pytest.skip(f"the weights cannot be fetched: {error}")
    told = example("cascade.py", short, tmp_path / "sharp.mp4", "the man")
    assert "nothing was removed" in told
    assert {frame.size[1] for frame in peanut.read(tmp_path / "sharp.mp4")} == {4 * 96}


@pytest.mark.slow
def test_the_example_with_a_stage_of_its_own(walker, tmp_path):
    assert f"{walker.length} frames" in example("own_stage.py", walker.video, tmp_path / "clean.mp4")


@pytest.mark.slow
def test_the_example_with_a_camera(walker):
    assert example("live_camera.py", walker.video, 5).count("% erased") == 5


@pytest.mark.slow
def test_the_example_with_a_server(walker, free_port):
    process = subprocess.Popen([sys.executable, ROOT / "examples" / "server.py", str(free_port)])
    try:
        frames = cycle(peanut.read(walker.video, max_size=160))
        pngs = (cv2.imencode(".png", frame.numpy(bgr=True))[1].tobytes() for frame in frames)
        answers = [post(f"http://127.0.0.1:{free_port}", next(pngs), patient=True)]
        while answers[-1][0] == 204 and len(answers) < 100:
            answers.append(post(f"http://127.0.0.1:{free_port}", next(pngs), patient=False))
        assert answers[0] == (204, b"")
        status, png = answers[-1]
        assert status == 200
        assert png.startswith(b"\x89PNG")
    finally:
        process.kill()
        process.wait()


def post(address, data, patient):
    for _ in range(200 if patient else 1):
        try:
            with urllib.request.urlopen(address, data=data, timeout=60) as answer:
                return answer.status, answer.read()
        except ConnectionError:
            pass
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
        time.sleep(0.1)
    raise TimeoutError(address)
