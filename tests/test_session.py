import threading
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import Breaks, brighter, make_frames, shot_lengths, stages, windowed

from peanut import Frame, Pipeline, StageError, UsageError, merge, prefetch, stage, tap


@stage
def fails_at(frames, at):
    for frame in frames:
        if frame.index == at:
            raise Breaks(f"broken at {at}")
        yield frame


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
    assert [frame.time for frame in out] == [0, 1 / rate, 2 / rate, 3, 11 / rate]


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
    assert not [thread for thread in threading.enumerate() if thread.name == "peanut-session"]


def test_a_stage_that_ends_by_itself_ends_the_session_quietly():
    @stage
    def head(frames, n):
        for frame in frames:
            yield frame
            if frame.index == n - 1:
                return

    assert [frame.index for frame in push_all(Pipeline() | head(3), make_frames([8]))] == [0, 1, 2]


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
