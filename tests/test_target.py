"""Where an output goes: nothing that was there is destroyed, nothing that was written is lost, and it is said where."""

import errno
import io
import os
import re
import shutil
import signal
import sys
from fractions import Fraction

import attrs
import pytest
from clips import drawn, partial, read
from faults import FullDisk
from strategies import breaking, drain

import peanut
from peanut import Frame, StageError, UsageError

resource = pytest.importorskip("resource", reason="limits of a process are those of Unix")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Twelve frames, as mp4."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    (drawn(12) | peanut.write(path)).run()
    return path


@pytest.fixture
def here(clip, tmp_path, monkeypatch):
    """A folder to work in, with `clip.mp4` in it."""
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(run):
    """The sentence of a refusal that comes before a frame does."""
    out, error = drain(iter(run))
    assert out == []
    assert isinstance(error, UsageError)
    return str(error)


def test_a_partial_file_can_be_worked_on_and_its_like_stays(here):
    (here / "clip.mp4").rename(here / "out.partial.mp4")  # as it was called before, and as others may call theirs
    before = (here / "out.partial.mp4").read_bytes()
    (here / "out.partial").mkdir()
    (here / "out.partial" / "precious.txt").write_text("mine")
    drain(iter(breaking(drawn(9), 5) | peanut.write("out.mp4")))
    first = partial(here, "out.mp4")
    rescued = first.read_bytes()
    drain(iter(breaking(drawn(9), 7) | peanut.write("out.mp4")))
    (peanut.read(first) | peanut.write("out.mp4")).run()
    (peanut.read("out.partial.mp4") | peanut.write("out/")).run()
    assert (here / "out.partial.mp4").read_bytes() == before
    assert first.read_bytes() == rescued
    assert (here / "out.partial" / "precious.txt").read_text() == "mine"
    assert len(list(here.glob("out.partial-*.mp4"))) == 2
    assert (len(read("out.mp4")), len(read("out/"))) == (5, 12)


@pytest.mark.parametrize("how", ["same", "dot", "absolute", "hard link", "symbolic link", "folder link"])
def test_what_is_read_is_not_written_over_whatever_it_is_called(how, here):
    before = (here / "clip.mp4").read_bytes()
    os.link("clip.mp4", "hard.mp4")
    os.symlink("clip.mp4", "soft.mp4")
    os.symlink(here, "folder")
    name = {
        "same": "clip.mp4",
        "dot": "./clip.mp4",
        "absolute": str(here / "clip.mp4"),
        "hard link": "hard.mp4",
        "symbolic link": "soft.mp4",
        "folder link": "folder/clip.mp4",
    }[how]
    sentence = f"{name} exists already and is what this run reads (clip.mp4); choose another output."
    assert refused(peanut.read("clip.mp4") | peanut.prefetch() | peanut.write(name, overwrite=True)) == sentence
    unknown = (frame for frame in peanut.read("clip.mp4", shots=False))  # the source shows with the first frame
    assert refused(unknown | peanut.write(name, overwrite=True)) == sentence
    with open("clip.mp4", "rb") as opened:
        assert refused(peanut.read(opened) | peanut.write(name, overwrite=True)) == sentence
    by_address = peanut.read(f"file://{here}/clip.mp4") | peanut.write(name, overwrite=True)
    assert refused(by_address).startswith(f"{name} exists already and is what this run reads (file://")
    for branching in (peanut.tap, lambda branch: peanut.merge(None, branch)):
        out, error = drain(iter(peanut.read("clip.mp4") | branching(peanut.write(name, overwrite=True))))
        assert str(error) == sentence
        assert len(out) <= 1  # what a branch fails with comes up with the next frame
    with open(name, "r+b") as opened:
        told = refused(peanut.read("clip.mp4") | peanut.write(opened))
        assert told == f"{name} is what this run reads (clip.mp4); choose another output."
    assert (here / "clip.mp4").read_bytes() == before
    assert names(here) == ["clip.mp4", "folder", "hard.mp4", "soft.mp4"]


@pytest.mark.parametrize("name", ["masks.mkv", "masks/"])
def test_masks_that_are_read_are_not_written_over(name, here):
    frames = [frame.with_mask(frame.image[0] > 9) for frame in drawn(3)]
    (frames | peanut.write_masks(name)).run()
    kept = [frame.image for frame in read(name)]
    given = peanut.masks(name.removesuffix("/"))
    for run in (frames | given, frames | peanut.tap(given), frames | peanut.merge(None, given)):
        assert "is what this run reads (masks" in refused(run | peanut.write(name, overwrite=True))
    assert all((a.image == b).all() for a, b in zip(read(name), kept, strict=True))


def test_a_source_that_shows_with_a_later_frame_is_not_written_over_either(here):
    """A generator of the user's joins two videos, and nothing but its frames tells which."""
    (drawn(3) | peanut.write("other.mp4")).run()
    before = (here / "clip.mp4").read_bytes()

    def joined():
        yield from peanut.read("other.mp4", shots=False)
        for frame in peanut.read("clip.mp4", shots=False):
            yield attrs.evolve(frame, index=3 + frame.index, time=1 + frame.time)

    out, error = drain(iter(peanut.Pipeline(source=joined()) | peanut.write("./clip.mp4", overwrite=True)))
    assert str(error) == "./clip.mp4 exists already and is what this run reads (clip.mp4); choose another output."
    assert len(out) == len(read(partial(here, "clip.mp4"))) == 3
    assert (here / "clip.mp4").read_bytes() == before


@pytest.mark.parametrize("source", ["pictures", "pictures/*.png", "pictures/%06d.png", "pictures/000001.png"])
def test_a_folder_that_is_read_is_not_written_into(source, here):
    (drawn(3) | peanut.write("pictures/")).run()
    assert "is what this run reads" in refused(peanut.read(source) | peanut.write("./pictures", overwrite=True))
    assert len(read("pictures")) == 3


def test_a_folder_is_replaced_only_if_it_holds_what_write_makes(here):
    (drawn(3) | peanut.write("o/")).run()
    for name in ("photo.png", "1.png"):
        (here / "o" / name).write_bytes(b"mine")
        told = refused(drawn(2) | peanut.write("o/", overwrite=True))
        assert told == f"o/ holds {name}, which write did not make, and is not replaced; choose another folder."
        (here / "o" / name).unlink()
    (here / "real").mkdir()
    os.symlink("real", "link")
    (drawn(2) | peanut.write("link/", overwrite=True)).run()
    (drawn(1) | peanut.write("o/", overwrite=True)).run()
    assert (len(read("o")), len(read("real"))) == (1, 2)
    assert (here / "link").is_symlink()
    assert names(here) == ["clip.mp4", "link", "o", "real"]


def test_two_runs_onto_one_output_do_not_meet(here):
    first = iter(drawn(5) | peanut.write("o.mp4"))
    next(first)
    sentence = "./o.mp4 is being written by another run: wait for it, or choose another output."
    assert refused(drawn(5) | peanut.write("./o.mp4", overwrite=True)) == sentence
    assert len(list(first)) == 4
    assert len(read("o.mp4")) == 5
    assert names(here) == ["clip.mp4", "o.mp4"]


def test_a_lock_that_was_left_behind_is_none(here):
    (here / ".o.mp4.peanut-lock").touch()  # of a run that was killed
    (drawn(3) | peanut.write("o.mp4")).run()
    assert names(here) == ["clip.mp4", "o.mp4"]


def meanwhile(frames, act, at=3):
    for number, frame in enumerate(frames):
        if number == at:
            act()
        yield frame


@pytest.mark.parametrize("name", ["o.mp4", "o/"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_target_that_comes_or_changes_while_running_is_not_replaced(name, overwrite, here):
    if overwrite:
        (drawn(2) | peanut.write(name)).run()

    def come():
        if name == "o.mp4":
            (here / "new").write_text("theirs")
            (here / "new").rename(here / "o.mp4")
        else:
            (here / "o").mkdir(exist_ok=True)
            (here / "o" / "000099.png").write_text("theirs")

    out, error = drain(iter(meanwhile(drawn(5), come) | peanut.write(name, overwrite=overwrite)))
    assert len(out) == 5
    assert str(error) == f"{name} was made or changed by another program meanwhile and is not replaced."
    left = partial(here, name.removesuffix("/"))
    assert f"5 frames are in {left.name}" in error.__notes__
    assert len(read(left)) == 5
    kept = here / "o.mp4" if name == "o.mp4" else here / "o" / "000099.png"
    assert kept.read_text() == "theirs"


def test_a_target_that_goes_while_running_is_written_all_the_same(here):
    (drawn(2) | peanut.write("o.mp4")).run()
    (meanwhile(drawn(5), (here / "o.mp4").unlink) | peanut.write("o.mp4", overwrite=True)).run()
    assert len(read("o.mp4")) == 5


@pytest.mark.parametrize("name", ["o.mp4", "o/"])
def test_a_partial_that_somebody_removed_is_told(name, here):
    def remove():
        path = partial(here, name.removesuffix("/"))
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    _, error = drain(iter(meanwhile(drawn(30), remove, at=20) | peanut.write(name)))
    count = 30 if name == "o.mp4" else 20
    told = rf"o\.partial-\w+(\.mp4)? was removed by another program while it was written: its {count} frames are gone"
    assert any(re.fullmatch(told, note) for note in error.__notes__)


def test_a_source_that_takes_the_name_of_the_target_is_not_written_over(here):
    (drawn(2) | peanut.write("o.mp4")).run()
    before = (here / "clip.mp4").read_bytes()
    frames = meanwhile(peanut.read("clip.mp4"), lambda: (here / "clip.mp4").rename(here / "o.mp4"))
    _, error = drain(iter(peanut.Pipeline(source=frames) | peanut.write("o.mp4", overwrite=True)))
    assert str(error) == "o.mp4 is now what this run reads (clip.mp4); choose another output."
    assert (here / "o.mp4").read_bytes() == before


def test_a_source_that_is_written_into_while_it_is_read_is_told(here, caplog):
    def grow():
        with open("clip.mp4", "ab") as opened:
            opened.write(bytes(8))

    @peanut.stage
    def growing(frames):
        yield from meanwhile(frames, grow)

    (peanut.read("clip.mp4") | growing() | peanut.write("o.mp4")).run()
    assert caplog.messages == ["clip.mp4 was changed while it was read: o.mp4 may hold some of both."]
    assert len(read("o.mp4")) == 12


def test_a_source_that_is_replaced_while_it_is_read_stays_what_it_was(here, caplog):
    @peanut.stage
    def replacing(frames):
        yield from meanwhile(frames, lambda: (here / "other.mp4").rename(here / "clip.mp4"))

    (drawn(3, size=(16, 16)) | peanut.write("other.mp4")).run()
    (peanut.read("clip.mp4") | replacing() | peanut.write("o.mp4")).run()
    assert {frame.size for frame in read("o.mp4")} == {(64, 96)}
    assert len(read("o.mp4")) == 12
    assert caplog.messages == []


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_a_full_disk_leaves_what_reached_it_and_says_how_much(suffix, tmp_path):
    """The real thing: the system lets no file grow beyond a limit."""
    frames = drawn(40)
    (frames | peanut.write(tmp_path / f"whole.{suffix}")).run()
    size = (tmp_path / f"whole.{suffix}").stat().st_size
    most = 0
    for limit in (10, size // 3, size * 2 // 3, size - 600, size - 1):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            _, error = drain(iter(frames | peanut.write(tmp_path / f"clean.{suffix}")))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert isinstance(error, StageError)
        assert "File too large" in str(error)
        if error.__notes__[0].startswith("no frame"):
            assert error.__notes__ == [f"no frame could be finished: {tmp_path / f'clean.{suffix}'} is not written"]
            assert most == 0
        else:
            left = partial(tmp_path, f"clean.{suffix}")
            kept = len(read(left))
            assert error.__notes__ == [f"{kept} frames are in {left}"]
            assert kept >= most
            most = kept
            left.unlink()
        assert names(tmp_path) == [f"whole.{suffix}"]
    assert most >= 39


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_very_end_loses_nothing(call, here, monkeypatch):
    (drawn(2) | peanut.write("o.mp4")).run()
    before = (here / "o.mp4").read_bytes()

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, fail)  # no device at hand fails just here
    _, error = drain(iter(drawn(5) | peanut.write("o.mp4", overwrite=True)))
    monkeypatch.undo()
    assert error.__notes__ == [f"5 frames are in {partial(here, 'o.mp4').name}"]
    assert len(read(partial(here, "o.mp4"))) == 5
    assert (here / "o.mp4").read_bytes() == before


def test_a_file_object_that_is_full_says_how_much_went_to_it():
    _, error = drain(iter(drawn(30) | peanut.write(FullDisk(2))))
    assert re.fullmatch(r"at most \d+ frames went to full\.mp4", error.__notes__[0])


def test_an_error_that_takes_no_notes_leaves_the_word_in_the_log(here, caplog):
    class Bare(BaseException):
        def __setattr__(self, *_):
            raise AttributeError("frozen")

    def broken():
        yield from drawn(4)
        raise Bare

    with pytest.raises(Bare):
        for _ in broken() | peanut.write("o.mp4"):
            pass
    assert caplog.messages == [f"4 frames are in {partial(here, 'o.mp4').name}"]


@pytest.mark.parametrize("early", [False, True])
def test_an_interrupt_while_a_file_is_closed_waits_until_it_is(early, here):
    """The second Ctrl-C of an impatient user, and the first one at the wrong moment."""

    class Closing(io.BytesIO):
        name = "closing.mkv"
        closing = False

        def write(self, data):
            if self.closing:
                self.closing = False
                signal.raise_signal(signal.SIGINT)
            return super().write(data)

    target = Closing()

    def frames():
        yield from drawn(12)
        target.closing = True
        if early:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        for _ in frames() | peanut.write(target):
            pass
    told = "12 frames went to closing.mkv" if early else "closing.mkv is complete: 12 frames"
    assert caught.value.__notes__ == [told]
    assert len(read(io.BytesIO(target.getvalue()))) == 12
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_colon_in_a_name_is_no_protocol(here):
    (peanut.read("clip.mp4") | peanut.write("out:1.mp4")).run()
    assert names(here) == ["clip.mp4", "out:1.mp4"]
    assert len(read(here / "out:1.mp4")) == 12


def test_what_is_no_file_is_refused_by_its_name(here):
    os.mkfifo("pipe.mp4")
    os.symlink("nowhere.mp4", "link.mp4")
    for name, told in (
        ("pipe.mp4", "is a pipe (FIFO), not a file; `-` writes to standard output."),
        ("/dev/null", "is a device, not a file; `-` writes to standard output."),
        ("link.mp4", "is a link that leads nowhere and cannot be replaced."),
        (f"{300 * 'x'}.mp4", "cannot be written: File name too long."),
    ):
        assert refused(drawn(1) | peanut.write(name, overwrite=True)) == f"{name} {told}"
    closed = open("closed.mp4", "wb")  # noqa: SIM115
    closed.close()
    assert refused(drawn(1) | peanut.write(closed)) == "closed.mp4 is closed; nothing can be written to it."
    assert names(here) == ["clip.mp4", "closed.mp4", "link.mp4", "pipe.mp4"]


def test_standard_output_takes_a_video(tmp_path, monkeypatch):
    for number in range(2):
        with (tmp_path / "out.mkv").open("w") as opened:
            monkeypatch.setattr(sys, "stdout", opened)
            (drawn(30) | peanut.write("-" if number else sys.stdout.buffer)).run()
        assert [frame.time for frame in read(tmp_path / "out.mkv")] == [Fraction(number, 25) for number in range(30)]


def test_a_standard_output_that_nobody_reads_is_told(monkeypatch):
    reader, writer = os.pipe()
    opened = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", opened)
    _, error = drain(iter(meanwhile(drawn(90), lambda: os.close(reader)) | peanut.write("-")))
    os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # so that what is left can be flushed
    opened.close()
    assert str(error.__cause__) == "the program that read standard output has ended."
    assert re.fullmatch(r"at most \d+ frames went to standard output", error.__notes__[-1])
    sentence = "write: standard output is closed; nothing can be written to it."
    assert refused(drawn(1) | peanut.write("-")) == sentence
    monkeypatch.setattr(sys, "stdout", None)
    assert refused(drawn(1) | peanut.write("-")) == sentence


def test_a_terminal_is_no_place_for_a_video(monkeypatch):
    terminal, other = os.openpty()
    with os.fdopen(other, "w") as opened:
        monkeypatch.setattr(sys, "stdout", opened)
        told = "standard output is a terminal: send the video into a file or a pipe (-o - > clean.mkv)."
        assert refused(drawn(1) | peanut.write("-")) == told
        assert refused(drawn(1) | peanut.write(opened.buffer)) == told
    os.close(terminal)


def test_sessions_write_with_the_same_care(here):
    for end in ("flush", "close"):
        with (peanut.Pipeline() | peanut.write("o.mp4")).session() as session:
            session.push(Frame.from_numpy(drawn(1)[0].numpy()))
            assert names(here) == [".o.mp4.peanut-lock", "clip.mp4", partial(here, "o.mp4").name]
            getattr(session, end)()
        assert names(here) == ["clip.mp4", "o.mp4" if end == "flush" else partial(here, "o.mp4").name]
        (here / "o.mp4").unlink(missing_ok=True)


@pytest.mark.parametrize(
    "compose",
    [
        lambda masks, write: masks | peanut.tap(write),
        lambda masks, write: write | masks,
        lambda masks, write: peanut.merge(masks, write),
        lambda masks, write: peanut.merge(None, write) | masks,
    ],
)
def test_masks_that_a_run_reads_are_not_replaced_wherever_they_stand(compose, tmp_path):
    path = tmp_path / "masks.mkv"
    (drawn(5) | peanut.write(path, codec="ffv1")).run()
    before = path.read_bytes()
    pipeline = drawn(5) | compose(peanut.masks(path), peanut.write(path, overwrite=True))
    with pytest.raises(UsageError, match=r"masks\.mkv"):
        pipeline.run()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
