import numpy as np
import pytest

from scanclean.classical import classical


def page_with(paper=235.0, noise=2.0, shape=(500, 600), seed=0):
    """A noisy page, its text (40 on paper) and where that is."""
    page = np.full(shape, paper)
    ink = np.zeros(shape, bool)
    for y in range(40, shape[0] - 60, 50):
        for x in range(40, shape[1] - 40, 18):
            ink[y : y + 24, x : x + 4] = True
            ink[y + 10 : y + 14, x : x + 12] = True
    page[ink] = 40
    return page, ink, np.random.default_rng(seed).normal(0, noise, shape)


def as_pixels(page):
    return np.clip(page + 0.5, 0, 255).astype(np.uint8)


def away_from(mask, distance=4):
    wide = np.pad(mask, distance)
    near = np.zeros_like(mask)
    for y in range(2 * distance + 1):
        for x in range(2 * distance + 1):
            near |= wide[y : y + mask.shape[0], x : x + mask.shape[1]]
    return ~near


@pytest.mark.parametrize("paper", [250, 200, 120, 70])
def test_paper_becomes_white_and_ink_stays(paper):
    page, ink, noise = page_with()
    out = classical(as_pixels(page * paper / 235 + noise * paper / 255))
    assert (out[away_from(ink)] == 255).mean() > 0.995
    assert out[ink].mean() < 70


def test_shadow_is_evened_out():
    page, ink, noise = page_with()
    fall = np.linspace(1, 0.45, page.shape[1])
    out = classical(as_pixels(page * fall + noise))
    assert (out[away_from(ink)] > 240).mean() > 0.99
    assert out[ink].mean() < 80


def test_tint_becomes_neutral():
    page, ink, noise = page_with()
    tinted = page[..., None] * np.array([1.0, 0.93, 0.8]) + noise[..., None]
    out = classical(as_pixels(tinted))
    assert (out[away_from(ink)] == 255).mean() > 0.99


@pytest.mark.parametrize(("noise", "share"), [(0.0, 1.0), (3.0, 0.9999), (6.0, 0.999)])
def test_blank_page_stays_blank(noise, share):
    page = np.full((400, 500, 3), [238.0, 230.0, 208.0])
    page += np.random.default_rng(1).normal(0, noise, page.shape)
    assert (classical(as_pixels(page)).min(axis=2) == 255).mean() >= share


def test_clean_page_hardly_changes():
    page, ink, _ = page_with(paper=255.0, noise=0)
    scan = as_pixels(page)
    assert np.array_equal(classical(scan), scan)


def test_pencil_stays():
    page, _, noise = page_with(noise=1.5)
    page[300:310, 50:550] = 235
    page[303:307, 50:550] = 235 * 0.92
    out = classical(as_pixels(page + noise))
    assert 255 - out[303:307, 60:540].mean() > 0.05 * 255


@pytest.mark.parametrize("value", [20, 60], ids=["black", "dark"])
def test_white_on_dark_is_left_alone(value):
    page = np.full((400, 500), float(value))
    for y in range(60, 340, 40):
        page[y : y + 5, 50:450:2] = 240
    scan = as_pixels(page + np.random.default_rng(2).normal(0, 2, page.shape))
    assert np.abs(classical(scan).astype(int) - scan).max() <= 2


def test_picture_keeps_its_tones():
    page, ink, noise = page_with(shape=(900, 900))
    page[400:700, 300:700] = np.linspace(30, 150, 400)
    out = classical(as_pixels(page + noise))[420:680, 320:680]
    wanted = np.broadcast_to(np.linspace(30, 150, 400)[20:-20] * 255 / 235, out.shape)
    assert np.abs(out - wanted).mean() < 6


@pytest.mark.parametrize("colour", [(255, 245, 130), (190, 215, 245), (180, 40, 40)])
def test_coloured_box_keeps_its_colour(colour):
    page = np.full((900, 900, 3), 245.0)
    page[300:500, 200:700] = np.array(colour) * 245 / 255
    page += np.random.default_rng(3).normal(0, 1.5, page.shape)
    out = classical(as_pixels(page))
    assert np.abs(out[310:490, 210:690].mean(axis=(0, 1)) - colour).max() < 8
    assert (out[50:250, 50:-50] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 3), (17, 900), (2, 40), (65, 63, 3)])
def test_any_size_works(shape):
    scan = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    scan.flags.writeable = False
    out = classical(scan)
    assert out.shape == shape
    assert out.dtype == np.uint8
