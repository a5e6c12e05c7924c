import threading
from fractions import Fraction
from itertools import islice

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Breaks, breaking, brighter, chunked, drain, make_frames, shot_lengths, stages, windowed
from tqdm import tqdm

import peanut
from peanut import Pipeline, Source, Stage, StageError, UsageError, grow, map, prefetch, stage
from peanut.buffers import sliding
from peanut.progress import Progress


@stage
def fails_at(frames, at, error=Breaks):
    for frame in frames:
        if frame.index == at:
            raise error(f"broken at {at}")
        yield frame


@stage
def every_second(frames):
    for frame in frames:
        if frame.index % 2 == 0:
            yield frame


@attrs.frozen
class Plain(Stage):
    n: int = 2
    name: str = "x"

    def __call__(self, frames):
        return frames


@stage
def slow(frames):
    for frame in frames:
        torch.randn(400, 400).matrix_exp()
        yield frame


def numbers(frames):
    return [frame.index for frame in frames]


@given(lengths=shot_lengths, parts=st.lists(stages, max_size=4))
def test_every_frame_comes_out_once_in_order(lengths, parts):
    frames = make_frames(lengths)
    out = list(Pipeline(stages=tuple(parts))(frames))
    assert [(f.index, f.time, f.shot) for f in out] == [(f.index, f.time, f.shot) for f in frames]


@given(lengths=shot_lengths, parts=st.lists(stages, max_size=3), n=st.integers(1, 3))
def test_prefetch_changes_no_bit(lengths, parts, n):
    frames = make_frames(lengths)
    plain = Pipeline(stages=tuple(parts))
    fetched = prefetch(n) | plain | prefetch(n)
    for one, other in zip(plain(frames), fetched(frames), strict=True):
        assert one.index == other.index
        assert torch.equal(one.image, other.image)


@given(at=st.integers(0, 60), radii=st.lists(st.integers(0, 20), max_size=3), n=st.integers(0, 3))
def test_a_source_that_breaks_loses_no_frame_before_it(at, radii, n):
    pipeline = Pipeline(stages=tuple(windowed(radius=radius) for radius in radii))
    pipeline = pipeline | prefetch(n) if n else pipeline
    out, error = drain(pipeline(breaking(make_frames([30, 30]), at)))
    assert numbers(out) == list(range(at))
    assert isinstance(error, StageError)
    assert isinstance(error.__cause__, Breaks)
    assert (error.stage, error.frame) == ("breaking", at - 1 if at else None)


@given(at=st.integers(0, 29), before=st.integers(0, 9), after=st.integers(0, 9))
def test_a_stage_that_fails_loses_only_what_it_holds(at, before, after):
    run = (windowed(radius=before) | fails_at(at) | windowed(radius=after))(make_frames([30]))
    out, error = drain(run)
    assert numbers(out) == list(range(at))
    assert (error.stage, error.frame) == (f"fails_at(at={at})", at)
    assert str(error) == f"fails_at(at={at}) failed at frame {at}: Breaks: broken at {at}"


def test_the_first_error_wins_and_later_ones_become_notes():
    @stage
    def needs_ten(frames):
        count = 0
        for frame in frames:
            count += 1
            yield frame
        if count < 10:
            raise ValueError(f"only {count} frames")

    _, error = drain((fails_at(5) | needs_ten())(make_frames([20])))
    assert error.stage == "fails_at(at=5)"
    assert error.__notes__ == ["needs_ten() then failed too: ValueError: only 5 frames"]


def test_usage_errors_pass_unwrapped_with_a_note():
    _, error = drain((windowed() | fails_at(7, error=UsageError))(make_frames([20])))
    assert type(error) is UsageError
    assert error.__notes__ == ["in fails_at(at=7, error=<class 'peanut.errors.UsageError'>), at frame 7"]


def test_a_stage_sees_what_ended_its_frames():
    seen = []

    @stage
    def sink(frames):
        yield from frames
        seen.append(frames.error)

    drain((windowed(radius=3) | sink())(make_frames([5])))
    _, error = drain((fails_at(2) | windowed(radius=3) | sink())(make_frames([5])))
    assert seen == [None, error]


def test_a_pipeline_inside_a_stage_fails_as_itself():
    @stage
    def outer(frames):
        yield from (windowed(radius=2) | fails_at(4))(frames)

    out, error = drain((outer() | windowed())(make_frames([9])))
    assert numbers(out) == [0, 1, 2, 3]
    assert error.stage == "fails_at(at=4)"
    out, error = drain((outer() | windowed())(breaking(make_frames([9]), 3)))
    assert numbers(out) == [0, 1, 2]
    assert error.stage == "breaking"


@given(taken=st.integers(0, 20), n=st.integers(0, 2))
def test_a_consumer_that_stops_early_closes_every_stage_from_the_last_up(taken, n):
    closed = []

    @stage
    def closes(frames, name):
        try:
            yield from frames
        finally:
            closed.append(name)

    parts = [closes("a"), windowed(radius=3), *([prefetch(n)] if n else []), closes("b")]
    before = threading.active_count()
    for count, _ in enumerate(Pipeline(stages=tuple(parts))(make_frames([40])), start=1):
        if count >= taken:
            break
    assert closed == ["b", "a"]
    assert threading.active_count() == before


def test_an_interrupt_does_not_flush():
    held = []

    @stage
    def keeps(frames):
        try:
            for frame in frames:
                held.append(frame.index)
                yield frame
        except KeyboardInterrupt:
            held.append("interrupted")
            raise

    out = []
    with pytest.raises(KeyboardInterrupt):
        for frame in (fails_at(9, error=KeyboardInterrupt) | windowed(radius=4) | keeps())(make_frames([20])):
            out.append(frame.index)
    assert out == [0, 1, 2, 3, 4]
    assert held == [0, 1, 2, 3, 4, "interrupted"]


def test_an_error_while_closing_is_raised():
    @stage
    def cannot_close(frames):
        try:
            yield from frames
        finally:
            raise OSError("disk full")

    run = (windowed() | cannot_close())(make_frames([9]))
    next(run)
    with pytest.raises(StageError, match=r"cannot_close\(\) failed at frame 0: OSError: disk full"):
        run.close()
    run.close()  # once is enough


def test_a_pipeline_runs_again_and_twice_at_once():
    pipeline = make_frames([12]) | windowed(radius=3) | brighter()
    assert [numbers(pair) for pair in zip(pipeline, pipeline, strict=True)] == [[n, n] for n in range(12)]
    assert numbers(pipeline) == list(range(12))


def test_statistics_of_any_stage():
    run = (windowed(radius=4) | every_second() | chunked(length=3, before=1, after=2))(make_frames([20, 1]))
    list(run)
    source, window, second, chunk = run.statistics.stages
    assert (source.frames_out, window.frames_in, window.frames_out, second.frames_out, chunk.frames_out) == (
        *(21, 21, 21),
        *(11, 11),
    )
    assert (window.latency, window.most_held, window.held) == (4, 5, 0)
    assert (second.latency, chunk.latency) == (1, 4)  # one dropped frame is passed over by the next
    assert run.statistics.frames == 11
    assert "chunked(length=3, before=1, after=2)" in str(run.statistics)


def test_statistics_give_each_stage_its_own_seconds():
    @stage
    def busy(frames, rounds):
        for frame in frames:
            torch.randn(400, 400).matrix_exp()
            for _ in range(rounds):
                torch.randn(400, 400).matrix_exp()
            yield frame

    run = (busy(0) | prefetch(2) | windowed() | busy(20))(make_frames([12]))
    list(run)
    assert run.statistics.slowest.name == "busy(rounds=20)"
    assert all(part.seconds > 0 for part in run.statistics.stages)
    assert sum(part.seconds for part in run.statistics.stages[2:]) <= run.statistics.seconds * 1.01


def test_run_returns_the_statistics_and_shows_a_bar(capsys):
    statistics = (make_frames([7]) | windowed()).run(progress=False)
    assert (statistics.frames, capsys.readouterr().err) == (7, "")
    with pytest.raises(StageError):
        (breaking(make_frames([7]), 3) | windowed()).run()


def test_a_run_whose_results_nobody_takes_says_so(caplog):
    (make_frames([3]) | grow(1)).run()
    assert "nothing keeps what comes out of list | grow(pixels=1): end it with write(path)" in caplog.text
    caplog.clear()
    (make_frames([3]) | grow(1) | windowed()).run()  # who knows what a function does with its frames
    assert "nothing keeps" not in caplog.text


def test_the_bar_counts_what_went_in_and_names_no_plumbing(capsys, monkeypatch):
    monkeypatch.setattr("peanut.progress.tqdm", lambda unit, disable: tqdm(unit=unit, mininterval=0, ncols=200))
    bar, frames = Progress(True), make_frames([9], source=Source(path="drawn", frames=9))
    for frame in frames[:5]:
        bar.took(frame)
    bar.gave(lambda: "Slow()")
    with bar:
        pass
    shown = capsys.readouterr().err
    assert "0 of 9 frames, 5 read" in shown, "it moves while a window fills, and knows the length from the first frame"
    assert "1 of 9 frames, 5 read, slowest: Slow()" in shown


def test_the_slowest_is_never_plumbing():
    run = iter(make_frames([9]) | slow() | prefetch(2))
    list(run)
    assert run.statistics.slowest.name == "slow()"


def test_statistics_show_as_a_table_at_the_end_of_a_cell():
    statistics = (make_frames([7]) | windowed()).run(progress=False)
    assert repr(statistics) == str(statistics)
    assert "7 frames in" in repr(statistics)


def test_a_generator_that_was_taken_is_told_apart_from_an_empty_one():
    pipeline = (frame for frame in make_frames([3])) | windowed()
    assert len(list(pipeline)) == 3
    with pytest.raises(UsageError, match="the frames of <genexpr> were taken before, and a generator gives them once"):
        list(pipeline)
    assert list((frame for frame in []) | windowed()) == []


def test_arrays_in_place_of_frames_are_told_how_to_become_some():
    with pytest.raises(UsageError, match=r"list gave ndarray: .* Frame.from_numpy\(array, index=number\) makes one"):
        list([np.zeros((4, 6, 3), np.uint8)] | windowed())


def test_a_stage_of_a_function_for_each_frame():
    dark = map(lambda frame: frame.with_image(frame.image // 2))
    assert str(dark) == "map(<lambda>)"
    assert [int(frame.image[0, 0, 0]) for frame in make_frames([5]) | dark] == [0, 0, 1, 1, 2]
    with pytest.raises(UsageError, match="map takes a function from a frame to a frame, got 3"):
        map(3)


def test_a_notebook_draws_the_graph():
    assert Pipeline(stages=(Plain(),))._repr_markdown_() == '```mermaid\ngraph LR\n    s0["Plain()"]\n```'


def test_what_a_stage_tells_adds_up():
    def told(radius):
        @stage(latency=radius, memory=2 * radius + 1)
        def window(frames):
            for window, core in sliding(frames, radius):
                yield from window[core]

        return window()

    two = told(radius=2) | told(radius=3)
    assert (two.latency, two.memory) == (5, 12)
    assert (told(radius=2) | windowed()).latency is None
    run = two(make_frames([40]))
    list(run)
    assert [part.most_held for part in run.statistics.stages] == [0, 5, 7]
    assert [part.latency for part in run.statistics.stages] == [0, 2, 3]


def test_the_stages_above_a_prefetch_end_at_their_next_frame_when_nobody_wants_more():
    asked = []

    def source():
        for frame in make_frames([100_000]):
            asked.append(frame.index)
            yield frame

    @stage
    def gathers(frames):
        yield next(frames)
        yield from list(frames)

    run = iter(source() | gathers() | prefetch(1))
    next(run)
    run.close()
    assert len(asked) < 100_000


def test_a_pipeline_describes_itself():
    assert str(Plain() | windowed(stride=2) | Plain(n=3) | prefetch(2)) == (
        "Plain() | windowed(stride=2) | Plain(n=3) | prefetch(n=2)"
    )
    assert str(make_frames([1]) | Plain(name="y")) == "list | Plain(name='y')"
    assert (Plain() | windowed(radius=1)).mermaid() == (
        'graph LR\n    s0["Plain()"]\n    s1["windowed(radius=1)"]\n    s0 --> s1'
    )


def test_plain_callables_are_stages_and_pipelines_nest():
    def from_the_third(frames):
        for frame in frames:
            if frame.index >= 2:
                yield frame

    pipeline = windowed() | from_the_third
    assert numbers((brighter() | pipeline)(make_frames([5]))) == [2, 3, 4]
    assert str(brighter() | pipeline) == "brighter() | windowed() | from_the_third"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: windowed() | brighter, r"brighter is used without its brackets: write brighter\(\)"),
        (lambda: brighter | windowed(), "brighter is used without its brackets"),
        (lambda: make_frames([1]) | brighter, "brighter is used without its brackets"),
        (lambda: windowed() | Plain, "Plain is used without its brackets"),
        (lambda: windowed() | 3, "a stage is a callable from frames to frames, got int"),
        (lambda: 3 | windowed(), "reads frames, and int on its left gives none"),
        (lambda: list(windowed() | brighter()), r"no source: put peanut.read\(path\) before windowed\(\) \| brighter"),
        (lambda: windowed() | (make_frames([1]) | windowed()), "a pipeline with a source can only stand first"),
        (lambda: (make_frames([1]) | windowed())([]), "has a source of its own and takes no frames"),
        (lambda: prefetch(0), "n must be at least 1, got 0"),
    ],
)
def test_misuse_is_refused_with_one_sentence(wrong, sentence):
    with pytest.raises(UsageError, match=sentence):
        wrong()


def test_wrong_settings_are_refused_when_the_stage_is_built():
    with pytest.raises(TypeError, match="unexpected keyword argument 'radios'"):
        windowed(radios=3)


def test_a_stage_that_forgot_to_yield_is_named():
    def forgot(frames):
        pass

    with pytest.raises(UsageError, match="forgot gave NoneType back: a stage yields frames"):
        list((windowed() | forgot)(make_frames([3])))


@stage
def swap(frames, at):
    for frame in frames:
        if frame.index == at:
            held = frame
            yield next(frames)
            yield held
        else:
            yield frame


@stage
def double(frames, at):
    for frame in frames:
        yield frame
        if frame.index == at:
            yield frame


@stage
def gives(frames, at, what):
    for frame in frames:
        yield what(frame) if frame.index == at else frame


def at_time(time):
    return lambda frame: attrs.evolve(frame, time=time)


@pytest.mark.parametrize("before", [brighter(), windowed(radius=2), prefetch(2)])
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (swap(7), "swap(at=7) gave frame 7 after frame 8: the numbers of frames must grow."),
        (double(7), "double(at=7) gave frame 7 twice: the numbers of frames must grow."),
        (gives(7, lambda frame: None), "gave None: a stage yields frames (did it forget to yield the frame?)."),
        (
            gives(7, lambda frame: frame.image),
            "gave Tensor: a stage yields frames, and Frame(index=number, ",
        ),
        (gives(7, lambda frame: vars), "gave builtin_function_or_method: a stage yields frames."),
        (
            gives(7, at_time(Fraction(6, 25))),
            "gave frame 7 at 0.24 s after frame 6 at 0.24 s: the times of frames must grow.",
        ),
        (
            gives(7, at_time(Fraction(1))),
            "gave frame 8 at 0.32 s after frame 7 at 1 s: the times of frames must grow.",
        ),
        (
            gives(7, at_time(float("nan"))),
            "gave frame 7 with the time nan: it must be a Fraction of seconds, such as Fraction(7, 25).",
        ),
        (gives(7, at_time(0.28)), "gave frame 7 with the time 0.28: it must be a Fraction of seconds"),
    ],
)
def test_a_stage_that_breaks_the_order_is_named(before, wrong, sentence):
    out, error = drain((before | wrong | windowed(radius=1) | brighter())(make_frames([20])))
    assert type(error) is UsageError
    assert sentence in str(error)
    assert str(wrong) in str(error)
    assert numbers(out) in ([*range(7)], [*range(8)], [*range(7), 8])  # all before the one that is refused
    assert error.__notes__ in ([f"in {wrong}, at frame {number}"] for number in (7, 8))


def test_a_source_that_breaks_the_order_is_named():
    frames = make_frames([5])
    for wrong, sentence in (
        ([*frames, frames[4]], "list gave frame 4 twice"),
        ([frames[1], frames[0]], "list gave frame 0 after frame 1"),
        ([frames[0], attrs.evolve(frames[1], time=Fraction(-1))], "list gave frame 1 at -1 s after frame 0 at 0 s"),
        ([*frames, None], "list gave None"),
    ):
        _, error = drain((windowed() | brighter())(wrong))
        assert str(error).startswith(sentence)


def test_a_stage_may_give_other_times_as_long_as_they_grow():
    @stage
    def slower(frames):
        for frame in frames:
            yield attrs.evolve(frame, time=2 * frame.time)

    out = list((slower() | windowed() | brighter())(make_frames([9])))
    assert [frame.time for frame in out] == [Fraction(2 * n, 25) for n in range(9)]


@stage(drops=True)
def announced(frames, n):
    for frame in frames:
        if frame.index >= n:
            return
        if frame.index % 2 == 0:
            yield frame


def test_frames_that_are_left_out_are_told_once_unless_it_is_said_that_they_are(caplog):
    list((windowed() | every_second() | brighter())(make_frames([9])))
    assert [record.getMessage() for record in caplog.records] == ["every_second() took 9 frames and gave 5."]
    caplog.clear()
    list((windowed() | announced(100) | brighter())(make_frames([9])))
    assert caplog.records == []


def test_a_stage_that_ends_before_its_input_is_told_and_may_announce_it(caplog):
    @stage
    def head(frames, n):
        yield from islice(frames, n)

    pipeline = make_frames([9]) | windowed() | head(3) | brighter()
    assert numbers(pipeline) == [0, 1, 2]
    assert [record.getMessage() for record in caplog.records] == ["head(n=3) ended at frame 2, before its input did."]
    caplog.clear()
    assert pipeline.run(progress=False).frames == 3
    assert len(caplog.records) == 1
    caplog.clear()
    assert numbers((windowed() | announced(3))(make_frames([9]))) == [0, 2]
    assert caplog.records == []


def test_a_consumer_that_stops_and_a_stage_that_fails_tell_nothing_of_lost_frames(caplog):
    with iter(make_frames([9]) | windowed() | every_second()) as run:
        next(run)
    drain((windowed() | fails_at(4) | windowed())(make_frames([9])))
    assert caplog.records == []


@settings(max_examples=20)
@given(lengths=shot_lengths)
def test_no_grad_mode_leaks_out_of_or_into_a_stage(lengths):
    modes = []

    @stage
    def watches(frames):
        for frame in frames:
            modes.append(torch.is_grad_enabled())
            yield frame

    for _ in (watches() | windowed() | watches())(make_frames(lengths)):
        modes.append(torch.is_grad_enabled())
    assert all(modes)


def test_public_names_are_all_there():
    assert all(hasattr(peanut, name) for name in peanut.__all__)
