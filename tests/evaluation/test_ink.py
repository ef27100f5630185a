import numpy as np
import pytest

from scanclean.evaluation import ink

PALE, MIDDLE, STRONG = 239, 215, 20  # contrasts of 6 %, 16 %, 92 %
NO_PICTURE = np.zeros((120, 200), np.bool_)


def page(ground=255):
    """Four strong marks, two middle ones, three pale ones."""
    out = np.full((120, 200), ground, np.uint8)
    for level, y, count in ((STRONG, 10, 4), (MIDDLE, 40, 2), (PALE, 70, 3)):
        for i in range(count):
            out[y : y + 6, 10 + 30 * i : 14 + 30 * i] = level
    return out


def fate(restored, scan=None, clean=None, picture=NO_PICTURE):
    clean = page() if clean is None else clean
    return ink.fate(ink.truth(clean, picture), clean if scan is None else scan, restored)


def test_marks_are_counted_by_contrast():
    found = fate(page())
    assert found.marks == found.kept == (4, 2, 3)
    assert found.invented == found.dirt == (0, 0, 0)


def test_a_lost_mark_is_missed_in_its_class():
    restored = page()
    restored[10:16, 10:14] = 255
    restored[70:80] = 255
    assert fate(restored).kept == (3, 2, 0)


def test_a_fainter_mark_is_kept_until_nobody_could_read_it():
    half, ghost = page(), page()
    half[10:16, 10:14] = 140
    ghost[10:16, 10:14] = 200
    assert fate(half).kept[0] == 4 and fate(ghost).kept[0] == 3


def test_a_blurred_mark_is_neither_lost_nor_invented():
    rows = sum(np.roll(page().astype(float), s, 0) for s in (-1, 0, 1)) / 3
    blurred = sum(np.roll(rows, s, 1) for s in (-1, 0, 1)) / 3
    found = fate(blurred.astype(np.uint8))
    assert found.kept == (4, 2, 3) and found.invented == (0, 0, 0)


def test_ink_of_the_scan_is_dirt_and_other_ink_is_invented():
    restored, scan = page(), page()
    restored[100:104, 20:24] = scan[100:104, 20:24] = 120
    restored[100:104, 60:64] = 120
    found = fate(restored, scan)
    assert found.dirt == (1, 0, 0) and found.invented == (1, 0, 0)


def test_two_pixels_are_no_mark():
    restored = page()
    restored[100, 20:22] = 0
    assert fate(restored).invented == (0, 0, 0)


def test_light_marks_on_a_dark_page_are_ink():
    dark = 255 - page()
    washed = np.full_like(dark, 0)
    assert fate(dark, clean=dark).kept == (4, 2, 3)
    assert fate(washed, clean=dark).kept == (0, 0, 0)


def test_tones_of_a_picture_are_no_marks():
    picture = NO_PICTURE.copy()
    picture[:30] = True
    found = fate(np.full((120, 200), 255, np.uint8), picture=picture)
    assert found.marks == (0, 2, 3)


@pytest.mark.parametrize("shape", [(120, 200), (120, 200, 3)])
def test_an_empty_page_has_no_marks(shape):
    white = np.full(shape, 255, np.uint8)
    assert fate(white, clean=white).marks == (0, 0, 0)
