"""Every damaged file gives all its frames or a word: no crash, no hang, no error of somebody else's, no silent loss."""

import fuzz
import pytest

FILES = 200
AT_ONCE = 50


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    return [seed for name in fuzz.SEEDS if (seed := fuzz.make_seed(folder, name)) is not None]


def test_the_intact_seeds_give_every_frame_and_no_word(seeds):
    for seed in seeds:
        assert fuzz.look(str(seed)) == {"frames": fuzz.LENGTH, "said": "", "faults": []}, seed


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, FILES, AT_ONCE))
def test_damaged_files_lose_nothing_in_silence(seeds, first, tmp_path):
    paths = [fuzz.make(seeds, number, tmp_path) for number in range(first, first + AT_ONCE)]
    assert fuzz.faults(paths) == []
