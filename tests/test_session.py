import gc
import subprocess
import sys
import threading
from fractions import Fraction

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import Breaks, brighter, make_frames, shot_lengths, stages, windowed

from peanut import Frame, Pipeline, Session, Source, StageError, UsageError, merge, prefetch, stage, tap


@stage
def fails_at(frames, at):
    for frame in frames:
        if frame.index == at:
            raise Breaks(f"broken at {at}")
        yield frame


def sessions_at_work():
    return [thread for thread in threading.enumerate() if thread.name == "peanut-session"]


def push_all(pipeline, frames):
    with pipeline.session() as session:
        out = [frame for given in frames for frame in session.push(given)]
        return out + session.flush()


@given(lengths=shot_lengths, parts=st.lists(st.one_of(stages, st.builds(prefetch, st.integers(1, 3))), max_size=4))
def test_pushed_equals_pulled(lengths, parts):
    frames, pipeline = make_frames(lengths), Pipeline(stages=tuple(parts))
    for pulled, pushed in zip(pipeline(frames), push_all(pipeline, frames), strict=True):
        assert (pulled.index, pulled.time, pulled.shot) == (pushed.index, pushed.time, pushed.shot)
        assert torch.equal(pulled.image, pushed.image)


@given(radius=st.integers(0, 5), n=st.integers(1, 4))
def test_a_frame_comes_out_with_the_push_that_lets_it(radius, n):
    with (prefetch(n) | windowed(radius=radius)).session() as session:
        for frame in make_frames([20]):
            assert [out.index for out in session.push(frame)] == [frame.index - radius][: frame.index >= radius]
        assert [out.index for out in session.flush()] == list(range(20 - radius, 20))


def test_two_sessions_of_one_pipeline_do_not_mix():
    pipeline = Pipeline() | windowed(radius=2)
    with pipeline.session() as one, pipeline.session() as other:
        for frame in make_frames([6]):
            assert [f.index for f in one.push(frame)] == [f.index for f in other.push(frame)]
        assert len(one.flush()) == len(other.flush()) == 2


def test_pictures_are_numbered_and_timed_by_arrival():
    rate = Fraction(30000, 1001)
    picture = np.zeros((4, 6, 3), dtype=np.uint8)
    with (Pipeline() | brighter()).session(fps=rate) as session:
        out = [
            *session.push(picture),
            *session.push(torch.zeros(3, 4, 6, dtype=torch.uint8)),
            *session.push(Frame.from_numpy(picture)),
            *session.push(Frame.from_numpy(picture, index=10, time=Fraction(3))),
            *session.push(Frame.from_numpy(picture)),
        ]
    assert [frame.index for frame in out] == [0, 1, 2, 10, 11]
    assert [frame.time for frame in out] == [0, 1 / rate, 2 / rate, 3, 3 + 1 / rate]


@given(at=st.integers(0, 19), radius=st.integers(0, 4))
def test_after_a_failure_push_gives_what_came_out_and_the_next_call_raises(at, radius):
    out = []
    with (fails_at(at) | windowed(radius=radius)).session() as session:
        with pytest.raises(StageError, match=f"broken at {at}"):
            for frame in make_frames([20]):
                out += session.push(frame)
            session.flush()
    assert [frame.index for frame in out] == list(range(at))


def test_a_failure_while_flushing_is_raised_and_nothing_is_lost():
    @stage
    def fails_at_the_end(frames):
        yield from frames
        raise Breaks("at the end")

    with (windowed(radius=3) | fails_at_the_end() | windowed(radius=2)).session() as session:
        out = [frame for given in make_frames([9]) for frame in session.push(given)]
        with pytest.raises(StageError, match="at the end"):
            session.flush()
        out += session.flush()
    assert [frame.index for frame in out] == list(range(9))


def test_a_failure_that_nobody_asked_for_is_raised_at_the_end():
    with pytest.raises(StageError, match="broken at 0"), (Pipeline() | fails_at(0)).session() as session:
        session.push(make_frames([1])[0])


@pytest.mark.parametrize("error", [None, RuntimeError("the caller's")])
def test_leaving_without_flush_closes_and_flushes_nothing(error):
    ends = []

    @stage
    def notes_its_end(frames):
        try:
            yield from frames
            ends.append("flushed")
        finally:
            ends.append("closed")

    def leave():
        with (windowed(radius=3) | notes_its_end()).session() as session:
            session.push(make_frames([1])[0])
            if error:
                raise error

    if error:
        with pytest.raises(RuntimeError, match="the caller's"):
            leave()
    else:
        leave()
    assert ends == ["closed"]
    assert not sessions_at_work()


@stage(drops=True)
def head(frames, n):
    for frame in frames:
        yield frame
        if frame.index == n - 1:
            return


def test_a_stage_that_ends_by_itself_is_named_when_more_is_pushed():
    frames = make_frames([8])
    with (head(3) | windowed(radius=1)).session() as session:
        assert [[out.index for out in session.push(frame)] for frame in frames[:3]] == [[], [0], [1, 2]]
        assert session.ended_early == "head(n=3) ended at frame 2"
        for frame in frames[3:]:
            with pytest.raises(
                UsageError, match=r"^head\(n=3\) ended at frame 2: nothing comes any more, flush and begin"
            ):
                session.push(frame)
        assert session.flush() == []


def test_a_side_that_ends_by_itself_gets_no_more_and_the_tap_goes_on():
    assert [frame.index for frame in (Pipeline() | tap(head(3)))(make_frames([8]))] == list(range(8))


@pytest.mark.parametrize("held", [0, 3])
def test_after_a_failure_every_push_and_flush_raises_it(held):
    frames = make_frames([9])
    with (fails_at(2) | windowed(radius=held)).session() as session:
        assert [frame.index for given in frames[:3] for frame in session.push(given)] == [0, 1]
        depths = []
        for call in (lambda: session.push(frames[3]), session.flush) * 3:
            with pytest.raises(StageError, match="broken at 2") as caught:
                call()
            depths.append(len(caught.traceback))
        assert max(depths) <= depths[0] + 1  # the traceback does not grow


def test_a_failure_while_flushing_is_raised_again_when_all_is_out():
    @stage
    def fails_at_the_end(frames):
        yield from frames
        raise Breaks("at the end")

    with (fails_at_the_end() | windowed(radius=2)).session() as session:
        came = [frame for given in make_frames([9]) for frame in session.push(given)]
        with pytest.raises(StageError, match="at the end"):
            session.flush()
        assert len(came + session.flush()) == 9
        for _ in range(2):
            with pytest.raises(StageError, match="at the end"):
                session.flush()
            with pytest.raises(StageError, match="at the end"):
                session.push(make_frames([1])[0])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"time": Fraction(1, 25)}, r"push got frame 2 at 0\.04 s after frame 1 at 0\.04 s: the times of "),
        ({"time": Fraction(-3)}, r"push got frame 2 at -3 s after frame 1 at 0\.04 s: the times of "),
        ({"time": float("nan")}, r"push got frame 2 with the time nan: it must be a Fraction of seconds"),
        ({"time": float("inf")}, r"push got frame 2 with the time inf: it must be a Fraction of seconds"),
        ({"time": 0.08}, r"push got frame 2 with the time 0\.08: it must .*, such as Fraction\(2, 25\)\."),
        ({"time": None}, r"push got frame 2 with the time None"),
        ({"index": 1, "source": Source(path="x")}, r"push got frame 1 twice: the numbers of frames must grow\."),
        ({"index": 0, "source": Source(path="x")}, r"push got frame 0 after frame 1: the numbers "),
        ({"index": 2.5}, r"push got a frame with the number 2\.5: it must be a whole number\."),
    ],
)
def test_what_is_out_of_order_is_refused_at_the_push_and_the_session_goes_on(wrong, sentence):
    frames = make_frames([4])
    with (Pipeline() | windowed(radius=1)).session() as session:
        out = [frame for given in frames[:2] for frame in session.push(given)]
        with pytest.raises(UsageError, match=f"^{sentence}"):
            session.push(attrs.evolve(frames[2], **wrong))
        out += [frame for given in frames[2:] for frame in session.push(given)] + session.flush()
    assert [frame.index for frame in out] == [0, 1, 2, 3]


@pytest.mark.parametrize("wrong", [None, "frame.png", [1, 2]])
def test_what_is_no_picture_is_refused_at_the_push(wrong):
    with Pipeline().session() as session:
        with pytest.raises(UsageError, match=f"push takes a Frame, an array .*, not {type(wrong).__name__}"):
            session.push(wrong)


def test_threads_that_push_at_the_same_time_take_turns():
    picture, came, errors = np.zeros((4, 6, 3), dtype=np.uint8), [], []

    def pushes(session):
        try:
            for _ in range(50):
                came.extend(session.push(picture))
        except Exception as error:
            errors.append(error)

    with (brighter() | windowed(radius=2)).session() as session:
        threads = [threading.Thread(target=pushes, args=(session,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        came += session.flush()
    assert errors == []
    assert sorted(frame.index for frame in came) == list(range(200))


@pytest.mark.parametrize("call", [lambda session: session.push(make_frames([1])[0]), Session.flush, Session.close])
def test_a_stage_cannot_push_into_its_own_session(call):
    sessions = []

    @stage
    def calls_back(frames):
        for frame in frames:
            call(sessions[0])
            yield frame

    with (Pipeline() | calls_back()).session() as session:
        sessions.append(session)
        session.push(make_frames([1])[0])
        with pytest.raises(UsageError, match="a stage cannot push into, flush or close its own session"):
            session.flush()


def test_a_session_is_entered_once():
    with Pipeline().session() as session:
        with pytest.raises(UsageError, match="a session is entered once"):
            session.__enter__()


def test_a_dropped_session_ends_its_thread_and_closes_its_stages():
    closed = []

    @stage
    def notes(frames):
        try:
            yield from frames
        finally:
            closed.append(True)

    session = (windowed() | notes()).session().__enter__()
    (thread,) = sessions_at_work()
    session.push(make_frames([1])[0])
    del session
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()
    assert closed == [True]


def test_a_session_that_is_open_when_the_program_ends_is_closed():
    program = """
import peanut, numpy, time
@peanut.stage
def notes(frames):
    try:
        yield from frames
    finally:
        time.sleep(0.2)
        print("closed", flush=True)
session = (peanut.Pipeline() | notes()).session().__enter__()
session.push(numpy.zeros((4, 6, 3), numpy.uint8))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr, done.returncode) == ("closed\n", "", 0)


def test_misuse_of_a_session():
    frames = make_frames([2])
    with pytest.raises(UsageError, match="leave the source away"):
        (frames | windowed()).session()
    with pytest.raises(UsageError, match="fps must be above 0"):
        Pipeline().session(fps=0)
    session = Pipeline().session()
    with pytest.raises(UsageError, match="not open"):
        session.push(frames[0])
    with session:
        session.flush()
        with pytest.raises(UsageError, match="not open"):
            session.push(frames[0])


@given(lengths=shot_lengths, radii=st.lists(st.integers(0, 6), min_size=2, max_size=2))
def test_merge_joins_by_index_whatever_the_latencies(lengths, radii):
    frames = make_frames(lengths)
    a, b = (windowed(radius=radius) | brighter(by=by) for by, radius in enumerate(radii, start=1))
    pipeline = Pipeline() | merge(a, b, join=lambda a, b: a.with_layer("other", b.image))
    for out in (list(pipeline(frames)), push_all(pipeline, frames)):
        assert [frame.index for frame in out] == [frame.index for frame in frames]
        for frame, old in zip(out, frames, strict=True):
            assert torch.equal(frame.image, old.image + 1)
            assert torch.equal(frame.layers["other"], old.image + 2)


def test_merge_takes_the_mask_of_the_second_by_default_and_none_is_the_frames_as_they_are():
    @stage
    def masked(frames):
        for frame in frames:
            yield frame.with_mask(frame.image[0] >= 0)

    out = list((Pipeline() | merge(None, brighter() | masked()))(make_frames([4])))
    assert all(frame.mask.all() for frame in out)
    assert [int(frame.image[0, 0, 0]) for frame in out] == [0, 1, 2, 3]


@pytest.mark.parametrize("first", [True, False])
def test_merge_refuses_a_branch_that_leaves_frames_out(first):
    @stage
    def drops(frames, which):
        for frame in frames:
            if frame.index not in which:
                yield frame

    for which, missing in (([2], 2), ([7], 7)):
        branches = (drops(which), None) if first else (None, drops(which))
        out = []
        with pytest.raises(UsageError, match=f"frame {missing} is missing from the branch drops"):
            for frame in (Pipeline() | merge(*branches))(make_frames([8])):
                out.append(frame.index)
        assert out == list(range(missing))


@given(st.integers(0, 9))
def test_a_tap_gives_every_frame_to_its_side_and_fails_with_it(at):
    seen = []

    @stage
    def sees(frames):
        for frame in frames:
            seen.append(frame.index)
            yield frame

    assert len(list((Pipeline() | tap(windowed(radius=2) | sees()))(make_frames([9])))) == 9
    assert seen == list(range(9))
    out = []
    with pytest.raises(StageError, match=f"broken at {at}"):
        for frame in (Pipeline() | tap(windowed(radius=1) | fails_at(at)))(make_frames([10])):
            out.append(frame.index)
    assert out == list(range(min(at + 2, 10)))  # the side fails one frame later: its window looks one ahead


def test_a_branch_sees_that_the_stream_broke():
    errors = []

    @stage
    def sink(frames):
        yield from frames
        errors.append(frames.error)

    pipeline = fails_at(5) | windowed() | tap(windowed(radius=3) | sink()) | merge(None, windowed() | sink())
    with pytest.raises(StageError, match="broken at 5") as caught:
        list(pipeline(make_frames([9])))
    assert errors == [caught.value, caught.value]


def test_branches_are_drawn():
    pipeline = make_frames([1]) | tap(brighter()) | merge(None, windowed())
    assert str(pipeline) == "list | tap(brighter()) | merge(None, windowed())"
    drawn = pipeline.mermaid()
    assert all(
        f'["{box}"]' in drawn for box in ("list", "tap", "side", "brighter()", "merge", "b", "windowed()", "join")
    )


def test_a_branch_has_no_source_of_its_own():
    with pytest.raises(UsageError, match="can only stand first"):
        tap(make_frames([1]) | brighter())
