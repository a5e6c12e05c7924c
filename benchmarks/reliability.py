"""What is on the disk after everything that can befall a run that writes: the table of docs/reliability.md.

    python -m benchmarks.reliability        makes the page anew: some minutes, Linux or macOS

Every row happened: processes are killed by real signals, files stop growing at a limit of the system's.
"""

import io
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

import peanut
from peanut import Frame, StageError, UsageError

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"
MARK = "<!-- made by python -m benchmarks.reliability -->\n"
COUNT = 60

Row = tuple[str, str, str, str]
"""What happened, how the run ended, what is there, what was said."""


def drawn(count: int) -> Iterator[Frame]:
    noise = np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for number in range(count):
        yield Frame.from_numpy(np.roll(noise, 3 * number, axis=1), index=number, time=Fraction(number, 25))


def readable(path: Path | io.BytesIO) -> int:
    """Frames that a new run reads from what is left; 0 where it is no video yet."""
    try:
        return sum(1 for _ in peanut.read(path, shots=False))
    except (UsageError, StageError):
        return 0


def there(folder: Path) -> str:
    """The files in which a run left something, with the frames that can be read from them."""
    videos = sorted(path for path in folder.iterdir() if path.name.startswith("clean"))
    return "; ".join(f"`{_steady(path.name)}`: {readable(path)} frames" for path in videos) or "nothing"


def _steady(text: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"(partial|replaced)-[0-9a-f]{4}", r"\1-3f2a", text)


def said(error: BaseException | None, folder: Path) -> str:
    if error is None:
        return ""
    lines = [str(error), *getattr(error, "__notes__", ())]
    return _steady(" / ".join(line for line in lines if not line.startswith("in write(")).replace(f"{folder}/", ""))


def command(folder: Path, name: str = "clean.mp4") -> list[str]:
    return [sys.executable, "-m", "peanut", "erase", f"{folder}/street.mp4", "-o", f"{folder}/{name}", "--moving"]


def started(folder: Path) -> "subprocess.Popen[str]":
    """A run of the command line, some frames of which have reached the disk."""
    (drawn(600) | peanut.write(folder / "street.mp4")).run(progress=False)
    process = subprocess.Popen(
        command(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    while not any(path.stat().st_size > 20_000 for path in folder.glob("clean.partial-*.mp4")):
        time.sleep(0.02)
        if process.poll() is not None:
            raise RuntimeError(f"the run ended by itself: {process.communicate()[1]}")
    return process


def told(text: str, folder: Path) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and "in write(" not in line]
    return _steady(" / ".join(lines).replace(f"{folder}/", ""))


def by_signal(number: signal.Signals, folder: Path) -> Row:
    process = started(folder)
    process.send_signal(number)
    text = told(process.communicate()[1], folder)
    names = {signal.SIGKILL: "`kill -9`", signal.SIGTERM: "SIGTERM (`kill`, `docker stop`)", signal.SIGINT: "Ctrl-C"}
    status = "killed" if process.returncode < 0 else f"status {process.returncode}"
    return names[number], status, there(folder), text


def two_writers(folder: Path) -> Row:
    process = started(folder)
    second = subprocess.run(command(folder), stderr=subprocess.PIPE, text=True)
    process.send_signal(signal.SIGINT)
    process.communicate()
    row = f"second: status {second.returncode}, first goes on"
    return "a second run onto the same output", row, "what the first writes", told(second.stderr, folder)


def run(frames: Iterator[Frame], folder: Path, name: str = "clean.mp4", overwrite: bool = False) -> tuple[str, str]:
    """How a run inside this process ended, and what it said."""
    try:
        (peanut.Pipeline(source=frames) | peanut.write(folder / name, overwrite=overwrite)).run(progress=False)
    except (StageError, UsageError) as error:
        return type(error).__name__, said(error, folder)
    return "done", ""


def meanwhile(act: Callable[[], object], frames: Iterator[Frame] | None = None) -> Iterator[Frame]:
    for frame in drawn(COUNT) if frames is None else frames:
        if frame.index == COUNT // 2:
            act()
        yield frame


def full_file_object(_: Path) -> Row:
    sys.path.insert(0, str(ROOT / "tests"))
    from faults import FullDisk

    n, kept, over = 0, [], 0
    while True:
        disk = FullDisk(n)
        try:
            (drawn(COUNT) | peanut.write(disk)).run(progress=False)
            break
        except StageError as error:
            most = re.search(r"at most (\d+) frames went to full.mp4", str(error.__notes__))
            kept.append(readable(io.BytesIO(disk.file.getvalue())))
            over += most is None or int(most[1]) < kept[-1]
        n += 1
    ends = f"n = 0 to {n - 1}: StageError every time"
    return (
        "disk full at the n-th write (file object), for every n",
        ends,
        f"{kept[0]} to {kept[-1]} frames, more with every write that succeeded: "
        f"{'yes' if kept == sorted(kept) else 'NO'}",
        f"No space left on device / at most N frames went to full.mp4 (fewer than are there: {over} times)",
    )


def full_disk(suffix: str, folder: Path) -> Row:
    """Files cannot grow beyond a limit: some 30 limits from nothing to one byte too few."""
    (drawn(COUNT) | peanut.write(folder / f"whole.{suffix}")).run(progress=False)
    size = (folder / f"whole.{suffix}").stat().st_size
    kept, wrong = [], 0
    for limit in range(size - 1, 0, -(size // 30)):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            text = run(drawn(COUNT), folder, f"clean.{suffix}")[1]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        left = list(folder.glob("clean*"))
        kept.append(readable(left[0]) if left else 0)
        number = re.search(r"(\d+) frames are in clean\.partial-3f2a", text)
        wrong += (int(number[1]) if number else 0) != kept[-1]
        for path in left:
            path.unlink()
    return (
        f"disk full after any number of bytes ({suffix}, {len(kept)} limits)",
        "StageError every time",
        f"`clean.partial-3f2a.{suffix}`: {kept[-1]} to {kept[0]} frames; no file where none reached the disk",
        f"File too large / N frames are in clean.partial-3f2a.{suffix} (not what can be read: {wrong} times)",
    )


def target_deleted(folder: Path) -> Row:
    (drawn(5) | peanut.write(folder / "clean.mp4")).run(progress=False)
    ended, text = run(meanwhile((folder / "clean.mp4").unlink), folder, overwrite=True)
    return "target deleted while it is being replaced", ended, there(folder), text


def target_made(folder: Path) -> Row:
    ended, text = run(meanwhile(lambda: (folder / "clean.mp4").write_text("theirs")), folder)
    kept = (folder / "clean.mp4").read_text()
    return "another program makes the target meanwhile", ended, f"`clean.mp4`: {kept}; " + there(folder), text


def partial_deleted(folder: Path) -> Row:
    ended, text = run(meanwhile(lambda: next(folder.glob("clean.partial-*")).unlink()), folder)
    return "the partial file is deleted", ended, there(folder), text


def source_replaced(folder: Path) -> Row:
    (drawn(COUNT) | peanut.write(folder / "street.mp4")).run(progress=False)
    (drawn(5) | peanut.write(folder / "other.mp4")).run(progress=False)
    source = iter(peanut.read(folder / "street.mp4", shots=False))
    ended, text = run(meanwhile(lambda: (folder / "other.mp4").replace(folder / "street.mp4"), source), folder)
    return "source replaced by another file while it is read", ended, there(folder) + ", all of the old one", text


def source_is_target(folder: Path) -> Row:
    (drawn(COUNT) | peanut.write(folder / "clean.mp4")).run(progress=False)
    source = iter(peanut.read(folder / "clean.mp4", shots=False))
    ended, text = run(source, folder, overwrite=True)
    return "source and target are one file, `overwrite=True`", ended, there(folder), text


CASES: list[Callable[[Path], Row]] = [
    lambda folder: by_signal(signal.SIGINT, folder),
    lambda folder: by_signal(signal.SIGTERM, folder),
    lambda folder: by_signal(signal.SIGKILL, folder),
    two_writers,
    full_file_object,
    lambda folder: full_disk("mp4", folder),
    lambda folder: full_disk("mkv", folder),
    target_deleted,
    target_made,
    partial_deleted,
    source_replaced,
    source_is_target,
]


def main() -> None:
    lines = ["| what happens | the run | on the disk afterwards | what is said |", "| --- | --- | --- | --- |"]
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            lines.append("| " + " | ".join(case(Path(folder))) + " |")
        print(lines[-1], flush=True)
    head, _, rest = PAGE.read_text().partition(MARK)
    tail = rest.partition(MARK)[2]
    PAGE.write_text(head + MARK + "\n" + "\n".join(lines) + "\n\n" + MARK + tail)


if __name__ == "__main__":
    main()
