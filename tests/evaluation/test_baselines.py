import shutil

import numpy as np
import pytest
from skimage.filters import threshold_sauvola
from skimage.util import view_as_windows

from scanclean.evaluation import _pnm, baselines


def uneven_page():
    """Black letters on paper that darkens from 250 to 120."""
    paper = np.linspace(250, 120, 200)[None, :].repeat(90, 0)
    paper[20:70, 10:190:20] *= 0.3
    return paper.astype(np.uint8)


FILTERS = ("median", "division", "sauvola")


@pytest.mark.parametrize("name", FILTERS)
def test_shape_and_type_stay(name, noise):
    for page in (noise(31, 40), noise(31, 40, 3)):
        out = baselines.available()[name](page)
        assert out.shape == page.shape and out.dtype == np.uint8


def test_median_equals_the_sorted_middle(noise):
    page = noise(20, 31)
    windows = view_as_windows(np.pad(page, 1, mode="edge"), (3, 3))
    assert np.array_equal(baselines.median(page), np.median(windows, axis=(2, 3)))


def test_division_makes_uneven_paper_white_and_keeps_letters():
    out = baselines.division(uneven_page())
    assert out[5].min() > 235 and out[40, 10:190:20].max() < 110


def test_sauvola_agrees_with_scikit_image(noise):
    page = uneven_page()
    side = 2 * baselines.SAUVOLA_RADIUS + 1
    inner = slice(side, -side)
    expected = page > threshold_sauvola(page, window_size=side, k=0.2, r=128)
    assert np.array_equal((baselines.sauvola(page) > 0)[inner, inner], expected[inner, inner])


@pytest.mark.skipif(not shutil.which("unpaper"), reason="unpaper is not installed")
@pytest.mark.parametrize("shape", [(200, 150), (200, 150, 3)])
def test_unpaper_does_not_move_the_page(shape):
    page = np.full(shape, 255, np.uint8)
    page[60:140:12, 40:110] = 0
    out = baselines.unpaper(page)
    assert out.shape == page.shape
    assert np.abs(out.astype(int) - page).mean() < 2


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_pnm_round_trip(shape, noise):
    assert np.array_equal(_pnm.decode(_pnm.encode(noise(*shape))), noise(*shape))


def test_pbm_is_black_where_bits_are_set():
    assert _pnm.decode(b"P4\n3 2\n\xa0\x40").tolist() == [[0, 255, 0], [255, 0, 255]]


def test_other_files_are_refused():
    with pytest.raises(ValueError, match="PNM"):
        _pnm.decode(b"\x89PNG....")
