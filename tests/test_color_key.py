"""Masking by color."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import peanut
from peanut import Frame, UsageError
from peanut.stages.color_key import NAMES, oklab

COLORS = st.tuples(*[st.integers(0, 255)] * 3)


def picture(*colors):
    """A frame one pixel high, of these colors."""
    image = torch.tensor(colors, dtype=torch.uint8).T.reshape(3, 1, -1).contiguous()
    return Frame(index=3, time=Fraction(3, 25), image=image, mask=torch.ones(1, len(colors), dtype=torch.bool))


def found(stage, *colors):
    (frame,) = [picture(*colors)] | stage
    return frame.mask[0].tolist()


def dimmed(color, share):
    """The color under `share` of the light, by the curve of sRGB (IEC 61966-2-1)."""
    light = [value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in color]
    out = [12.92 * x * share if x * share <= 0.0031308 else 1.055 * (x * share) ** (1 / 2.4) - 0.055 for x in light]
    return tuple(round(255 * value) for value in out)


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((255, 0, 0), (0.628, 0.225, 0.126)),
        ((0, 255, 0), (0.866, -0.234, 0.179)),
        ((0, 0, 255), (0.452, -0.032, -0.312)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
    ],
)
def test_oklab_has_its_known_values(color, expected):
    assert oklab(np.array([[color]], np.uint8))[0, 0] == pytest.approx(expected, abs=6e-4)


@given(color=COLORS)
def test_a_color_is_near_itself_however_it_is_written(color):
    written = "#{:02x}{:02X}{:02x}".format(*color)
    for stage in (peanut.ColorKey(color), peanut.ColorKey(written), peanut.ColorKey(color, 0.001, lightness=0.001)):
        assert stage.color == color
        assert found(stage, color) == [True]


@given(name=st.sampled_from(sorted(NAMES)), share=st.floats(0.25, 1))
def test_a_screen_counts_in_its_shadows(name, share):
    assert found(peanut.ColorKey(name), dimmed(NAMES[name], share)) == [True]


@pytest.mark.parametrize("name", NAMES)
def test_who_stands_before_a_screen_does_not_count(name):
    others = {
        "skin": (220, 170, 140),
        "dark skin": (110, 70, 50),
        "white": (240, 240, 240),
        "grey": (128, 128, 128),
        "black": (12, 12, 12),
        "red": (200, 30, 40),
        "yellow": (230, 220, 60),
        "jeans": (60, 80, 120),
    }
    assert not any(found(peanut.ColorKey(name), *others.values()))
    (opposite,) = (color for other, color in NAMES.items() if other != name)
    assert found(peanut.ColorKey(name), NAMES[name], opposite) == [True, False]


def test_lightness_decides_where_there_is_no_color():
    greys = [(240, 240, 240), (128, 128, 128), (10, 10, 10)]
    assert found(peanut.ColorKey((255, 255, 255), lightness=0.1), *greys) == [True, False, False]
    assert found(peanut.ColorKey((0, 0, 0), lightness=0.2), *greys) == [False, False, True]


@given(color=COLORS, key=COLORS, tolerance=st.floats(0, 0.5), more=st.floats(0, 0.5))
def test_more_tolerance_never_finds_less(color, key, tolerance, more):
    narrow, wide = (found(peanut.ColorKey(key, value), color)[0] for value in (tolerance, tolerance + more))
    assert wide or not narrow


def test_specks_are_left_out_and_what_stays_grows():
    image = torch.full((3, 20, 30), 128, dtype=torch.uint8)
    green = torch.tensor(NAMES["green"], dtype=torch.uint8)
    image[:, 2, 2] = green
    image[:, 10:13, 10:14] = green[:, None, None]
    frame = Frame(index=0, time=Fraction(0), image=image)
    all_of_it, parts, grown = (
        next(iter([frame] | stage)).mask
        for stage in (
            peanut.ColorKey("green"),
            peanut.ColorKey("green", min_area=12),
            peanut.ColorKey("green", grow=2, min_area=12),
        )
    )
    assert (all_of_it.sum(), parts.sum()) == (13, 12)
    assert (grown & parts).sum() == 12
    assert grown[11, 8:16].all()
    assert not grown[2, 2]
    assert next(iter([frame] | peanut.ColorKey("green", min_area=13))).mask.sum() == 0


def test_only_the_mask_changes():
    frame = picture((1, 2, 3), (0, 177, 64))
    (out,) = [frame] | peanut.ColorKey("green")
    assert (out.index, out.time, out.image) == (frame.index, frame.time, frame.image)
    assert out.mask.tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: peanut.ColorKey("gren"), "no color called 'gren', did you mean 'green'? Known: blue, green."),
        (lambda: peanut.ColorKey("#12345"), "ColorKey: a color with # is written '#rrggbb', got '#12345'."),
        (lambda: peanut.ColorKey((0, 0, 256)), "ColorKey: the parts of a color are 0 to 255, got (0, 0, 256)."),
        (
            lambda: peanut.ColorKey((0, 1)),
            "ColorKey: color must be (r, g, b), '#rrggbb' or one of green, blue, got (0, 1).",
        ),
        (lambda: peanut.ColorKey((0.0, 1.0, 0.0)), "got (0.0, 1.0, 0.0)."),
        (lambda: peanut.ColorKey(None), "got None."),
        (lambda: peanut.ColorKey("green", -0.1), "ColorKey: tolerance must be at least 0, got -0.1."),
        (lambda: peanut.ColorKey("green", grow=-1), "ColorKey: grow must be at least 0, got -1."),
        (lambda: peanut.ColorKey("green", min_area=-1), "ColorKey: min_area must be at least 0, got -1."),
    ],
)
def test_silly_settings_are_refused_when_the_stage_is_built(build, sentence):
    with pytest.raises(UsageError) as refused:
        build()
    assert sentence in str(refused.value)
