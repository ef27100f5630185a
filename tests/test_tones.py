import numpy as np
import pytest

from scanclean.page import Page
from scanclean.shapes import dilate
from scanclean.tones import black_and_white, in_mode


def written(ink, width=3, ground=(255, 255, 255)):
    """Strokes of a colour with soft edges, and the mask of their cores."""
    pixels = np.full((420, 320, 3), ground, np.uint8)
    core = np.zeros((420, 320), bool)
    for y in range(40, 380, 24):
        core[y : y + width, 30:290] = True
    rim = (np.asarray(ink) + np.asarray(ground)) // 2
    pixels[np.roll(core, 1, 0) | np.roll(core, -1, 0)] = np.minimum(rim + 20, 255)
    pixels[core] = ink
    return pixels, core


@pytest.mark.parametrize(
    "ink", [(0, 0, 0), (215, 60, 60), (90, 175, 150), (60, 80, 200), (180, 180, 180)]
)
def test_strokes_of_any_colour_are_black_and_get_no_wider(ink):
    pixels, core = written(ink)
    np.testing.assert_array_equal(black_and_white(pixels) == 0, core)


def test_paper_and_what_is_as_pale_as_print_of_the_other_side_is_white():
    pixels, _ = written((205, 205, 205))
    assert (black_and_white(pixels) == 255).all()


def test_text_under_a_highlighter_and_in_a_tinted_box_can_be_read():
    for ground in ((250, 240, 80), (190, 220, 250), (170, 170, 170)):
        pixels, core = written((20, 20, 20), ground=ground)
        black = black_and_white(pixels) == 0
        assert black[core].all()
        assert not black[~dilate(core, 1)].any()


def test_solid_dark_areas_stay_black():
    pixels = np.full((400, 300), 255, np.uint8)
    pixels[100:300, 50:250] = 60
    np.testing.assert_array_equal(black_and_white(pixels), np.where(pixels < 128, 0, 255))


def test_bands_do_not_show():
    pixels = np.random.default_rng(0).integers(0, 256, (1300, 300, 3), np.uint8)
    whole = black_and_white(pixels)
    below = black_and_white(pixels[400:])
    np.testing.assert_array_equal(whole[500:], below[100:])


def test_a_page_keeps_its_tones_unless_others_are_asked_for():
    pixels, core = written((215, 60, 60))
    page = Page(0, pixels, (300.0, 300.0))
    assert in_mode(page, "auto") == page
    gray, bitonal = in_mode(page, "gray"), in_mode(page, "bitonal")
    assert (gray.pixels.ndim, gray.bitonal, bitonal.bitonal) == (2, False, True)
    np.testing.assert_array_equal(bitonal.pixels == 0, core)


def test_a_black_and_white_page_stays_one_half_way():
    pixels = np.array([[0, 100, 127, 128, 200, 255]], np.uint8)
    page = Page(0, pixels, (300.0, 300.0), bitonal=True)
    assert in_mode(page, "auto").pixels.tolist() == [[0, 0, 0, 255, 255, 255]]
    assert not in_mode(page, "gray").bitonal
