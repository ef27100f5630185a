from dataclasses import replace

import numpy as np
import pytest

from scanclean.config import TrainConfig
from scanclean.training.aggravation import aggravated
from scanclean.training.feed import Patches
from scanclean.training.pairs import find_pairs

PALE = TrainConfig("data", "run", pale=1.0)
ROUGH = TrainConfig("data", "run", rough=1.0)


def pair(side=96):
    """Black strokes on white, and the same with a stain."""
    clean = np.full((side, side, 3), 255, np.uint8)
    clean[8::16, 10:-10] = 0
    clean[9::16, 10:-10] = 0
    scan = clean.copy()
    scan[40:60, 40:60] = np.minimum(scan[40:60, 40:60], 150)
    return scan, clean


def many(config, count=200):
    scan, clean = pair()
    return [aggravated(scan, clean, np.random.default_rng(n), config) for n in range(count)]


def test_without_shares_nothing_is_changed_and_chance_is_not_asked():
    rng = np.random.default_rng(3)
    scan, clean = pair()
    assert aggravated(scan, clean, rng, TrainConfig("data", "run")) == (scan, clean)
    assert rng.random() == np.random.default_rng(3).random()


def test_pale_ink_has_the_same_contrast_in_both_and_paper_stays_white():
    plain = 0
    for scan, clean in many(PALE):
        assert (clean[0] == 255).all()
        left = (255 - int(clean.min())) / 255
        assert 0.06 <= left <= 0.51
        if np.array_equal(scan[0], clean[0]):  # not noisy
            plain += 1
            assert scan[8, 20, 0] == clean[8, 20, 0]
            assert abs((255 - int(scan[50, 50, 0])) / 105 - left) < 0.02  # the stain as well
    assert 70 < plain < 130


def test_rough_patches_leave_the_clean_page_as_it_is():
    for scan, clean in many(ROUGH):
        assert np.array_equal(clean, pair()[1])
        assert scan.shape == clean.shape
        assert scan.dtype == np.uint8


def test_rough_patches_are_noisy_mostly_out_of_focus_and_sometimes_coloured():
    scans = [scan for scan, _ in many(ROUGH)]
    noise = np.array([scan[15:18].std() for scan in scans])
    assert noise.max() < 15
    assert np.median(noise) > 2
    soft = np.mean([scan[8, 12:-12].mean() > 40 for scan in scans])
    assert 0.4 < soft < 0.9  # a stroke of two pixels gets lighter where the focus is lost
    coloured = np.mean([bool(np.ptp(scan.astype(int), axis=2).any()) for scan in scans])
    assert 0.2 < coloured < 0.4


def test_so_many_are_made_harder_as_the_shares_say():
    scan, clean = pair()
    both = many(TrainConfig("data", "run", pale=0.2, rough=0.3), 600)
    pale = np.mean([not np.array_equal(made[1], clean) for made in both])
    alone = np.mean([np.array_equal(made[0], scan) for made in both])
    assert pale == pytest.approx(0.2, abs=0.05)
    assert alone == pytest.approx(0.5, abs=0.06)


def test_the_same_chance_gives_the_same_patch():
    first, second = many(ROUGH, 3), many(ROUGH, 3)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, second, strict=True))


def test_training_sees_such_patches(pairs_folder):
    config = TrainConfig(str(pairs_folder), "run", pale=1.0, patch=32, even_paper=False)
    data = Patches(find_pairs(pairs_folder), (), replace(config, run=str(pairs_folder / "run")))
    for number in range(4):
        assert data[number][1].min() > 0.48
    plain = Patches(find_pairs(pairs_folder), (), replace(config, run=data._config.run, pale=0.0))
    assert min(plain[number][1].min() for number in range(4)) < 0.48
