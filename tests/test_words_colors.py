"""Names of colors, in plain light, in shade and in a tint."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peanut.words.colors import LINEAR, NAMES, SHADES, color_shares, light_of, named, oklab

KEYWORDS = {
    "red": "FF0000 DC143C B22222 8B0000 800000",
    "orange": "FFA500 FF8C00 FF7F50",
    "yellow": "FFFF00 FFD700 F0E68C DAA520",
    "green": "008000 00FF00 006400 228B22 32CD32 2E8B57 808000 90EE90 9ACD32 6B8E23 556B2F",
    "blue": "0000FF 000080 4169E1 87CEEB ADD8E6 1E90FF 00FFFF 4682B4 6495ED 00BFFF 191970 5F9EA0 008080",
    "purple": "800080 4B0082 8A2BE2 9370DB 663399 9932CC DDA0DD EE82EE",
    "pink": "FFC0CB FF69B4 FF1493 FFB6C1 DB7093 C71585 FA8072",
    "brown": "8B4513 A0522D CD853F D2B48C",
    "black": "000000",
    "gray": "808080 A9A9A9 696969 C0C0C0",
    "white": "FFFFFF F5F5F5 FFFFF0 FFFAFA F5F5DC",
}
"""Color keywords of CSS (red, crimson, firebrick, ...), by the basic term that their names or their kin suggest."""
KELLY = {
    "white": "F2F3F4", "black": "222222", "yellow": "F3C300 C2B280 DCD300", "purple": "875692 604E97",
    "orange": "F38400 F6A600", "blue": "A1CAF1 0067A5", "red": "BE0032 E25822 B3446C", "gray": "848482",
    "green": "008856 8DB600", "pink": "E68FAC F99379", "brown": "654522",
}  # fmt: skip
"""Of Kelly's 22 colors of maximum contrast those that are named well; the others: `test_where_names_are_wrong`."""
CASES = [(name, code) for table in (KEYWORDS, KELLY) for name, codes in table.items() for code in codes.split()]


def rgb(code):
    return np.array([[int(code[at : at + 2], 16) for at in (0, 2, 4)]], np.uint8)


def best(shares):
    return max(NAMES, key=shares.get)


def under(pixels, factors):
    """The pixels in light of these factors for red, green and blue (or one for all), in linear light."""
    return np.round(np.interp(LINEAR[pixels] * factors, LINEAR, np.arange(256))).astype(np.uint8)


@pytest.mark.parametrize(("name", "code"), CASES)
def test_colors_with_a_name_of_their_own(name, code):
    assert best(color_shares(rgb(code))) == name


def test_where_names_are_wrong():
    """Kept so that the limits are known: reddish brown and olive green of Kelly's, the others of CSS."""
    wrong = {"882D17": "red", "2B3D26": "black", "FF00FF": "purple", "A52A2A": "red", "FF4500": "red"}
    wrong |= {"D2691E": "orange", "708090": "blue"}
    assert {code: best(color_shares(rgb(code))) for code in wrong} == wrong


VIVID = {"red": "C81E28", "green": "1E9632", "blue": "1E50C8", "yellow": "F0D21E", "purple": "7828A0"}


@pytest.mark.parametrize("name", VIVID)
@pytest.mark.parametrize("shade", [0.8, 0.5, 0.3])
def test_shade_leaves_the_name(name, shade):
    """The yellow turns brown or green when it is dark, as it does for the eye."""
    seen = best(color_shares(under(rgb(VIVID[name]), shade)))
    assert seen == name or (name == "yellow" and shade <= 0.3 and seen in {"brown", "green"})


@pytest.mark.parametrize("name", VIVID)
@pytest.mark.parametrize("tint", [(1, 0.85, 0.7), (0.75, 0.9, 1), (0.9, 1, 0.85)], ids=["lamp", "shadow", "tube"])
def test_a_tint_leaves_the_name(name, tint):
    assert best(color_shares(under(rgb(VIVID[name]), tint))) == name


@pytest.mark.parametrize("name", ["white", "gray", "black", *VIVID])
@pytest.mark.parametrize("tint", [(1, 0.85, 0.7), (0.75, 0.9, 1), (0.4, 0.32, 0.26), (0.12, 0.12, 0.12)])
def test_with_the_light_of_the_image_grays_are_gray_in_a_tint_and_in_the_dark(name, tint):
    codes = {**VIVID, "white": "F5F5F5", "gray": "888888", "black": "0C0C0C"}
    image = np.concatenate([rgb(code) for code in codes.values()]).repeat(20, axis=0)
    light = light_of(under(image, tint), most=2)
    assert best(color_shares(under(rgb(codes[name]), tint), light)) == name


@pytest.mark.parametrize("name", ["white", "gray"])
def test_a_strong_lamp_makes_grays_brown_unless_its_tint_is_known(name):
    lamp, codes = (1, 0.7, 0.4), {**VIVID, "white": "F5F5F5", "gray": "888888"}
    image = np.concatenate([rgb(code) for code in codes.values()]).repeat(20, axis=0)
    seen = under(rgb(codes[name]), lamp)
    assert best(color_shares(seen)) == "brown"
    assert best(color_shares(seen, light_of(under(image, lamp), most=3))) == name


def test_without_the_light_a_white_wall_in_the_dark_is_not_white():
    assert best(color_shares(under(rgb("F5F5F5"), 0.12))) == "gray"


def test_a_wall_of_one_color_is_not_a_tint():
    wall = rgb("1E50C8").repeat(100, axis=0)
    assert best(color_shares(wall, light_of(wall))) == "blue"


def test_noise_of_a_dark_gray_thing_makes_no_colors():
    rng = np.random.default_rng(0)
    pixels = np.clip(rng.normal(30, 4, (2000, 3)), 0, 255).astype(np.uint8)
    assert color_shares(pixels)["black"] > 0.95


def test_shades_are_parts_of_their_colors():
    shares = color_shares(np.concatenate([rgb("000080"), rgb("0067A5"), rgb("87CEEB"), rgb("FF0000")]))
    assert {name: share for name, share in shares.items() if share} == {
        "red": 0.25,
        "light red": 0.25,
        "blue": 0.75,
        "dark blue": 0.25,
        "light blue": 0.25,
    }


def test_no_pixels_have_no_color():
    assert set(color_shares(np.zeros((0, 3), np.uint8)).values()) == {0.0}


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.floats(40, 255)] * 3))
@settings(max_examples=30, deadline=None)
def test_the_eleven_shares_sum_to_one_in_any_light(seed, light):
    pixels = np.random.default_rng(seed).integers(0, 256, (200, 3)).astype(np.uint8)
    shares = color_shares(pixels, light)
    assert sum(shares[name] for name in NAMES) == pytest.approx(1)
    for name in SHADES:
        assert shares[f"dark {name}"] + shares[f"light {name}"] <= shares[name] + 1e-9


def test_every_color_lies_in_a_region():
    values = np.arange(0, 256, 5).astype(np.uint8)
    grid = np.stack(np.meshgrid(values, values, values), axis=-1).reshape(-1, 3)
    assert named(grid).min() >= 0


def test_a_factor_of_the_light_changes_neither_hue_nor_saturation():
    bright = rgb("C86432").repeat(1, axis=0)
    (_, hue, saturation), (_, dim_hue, dim_saturation) = oklab(bright)[0], oklab(under(bright, 0.5))[0]
    assert dim_hue == pytest.approx(hue, abs=1)
    assert dim_saturation == pytest.approx(saturation, abs=0.005)
