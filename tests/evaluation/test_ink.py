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
    assert found.invented == (0, 0, 0) and found.dirt == 0


def test_a_lost_mark_is_missed_in_its_class():
    restored = page()
    restored[10:16, 10:14] = 255
    restored[70:80] = 255
    assert fate(restored).kept == (3, 2, 0)


def test_only_what_the_scan_shows_can_be_eaten():
    scan, restored = page(), page()
    scan[10:16, 10:14] = restored[10:16, 10:14] = 255  # lost by the scanner
    restored[10:16, 40:44] = 255  # lost by us
    restored[70:80] = 255
    found = fate(restored, scan)
    assert found.kept == (2, 2, 0)
    assert found.shown == (3, 2, 3) and found.eaten == (1, 0, 3)
    assert fate(page(), scan).eaten == (0, 0, 0)  # brought back, by whatever means


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


def test_ink_that_the_scan_has_is_not_invented():
    restored, scan = page(), page()
    restored[100:104, 20:24] = scan[100:104, 20:24] = 120
    restored[100:104, 60:64] = 120
    assert fate(restored, scan).invented == (1, 0, 0)


def test_a_stain_does_not_hide_what_was_invented_beside_it():
    restored, scan = page(), page()
    scan[60:110, :120] = 200  # reaches over the pale marks
    restored[60:110, :120] = 200
    restored[90:94, 60:64] = 40
    assert fate(restored, scan).invented == (1, 0, 0)


def test_dirt_is_the_share_of_blank_ground_that_is_not_blank():
    gray, speck = page(220), page()
    speck[100:110, 20:30] = 0
    everywhere = fate(gray)
    assert everywhere.dirt == everywhere.ground > 20000
    assert fate(speck).dirt == 100


def test_a_rim_is_no_mark():
    rimmed = page()
    rimmed[17:20, 10:14] = 245  # one row away from strong ink
    assert fate(rimmed, clean=rimmed).marks == (4, 2, 3)


def test_a_long_rule_is_missed_where_it_is_broken():
    ruled, broken = page(), page()
    ruled[110:112] = broken[110:112] = 0
    broken[110:112, 128:192] = 255
    whole = fate(ruled, clean=ruled)
    assert whole.marks[0] == whole.kept[0] > 4
    assert fate(broken, clean=ruled).kept[0] == whole.kept[0] - 1


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
