import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from scanclean.evaluation.colour import BLOCK, colour_error, delta_e, lab, regions


def test_lab_agrees_with_scikit_image():
    rgb = np.random.default_rng(0).random((500, 3))
    assert lab(rgb) == pytest.approx(rgb2lab(rgb), abs=1e-3)


def test_delta_e_agrees_with_scikit_image():
    rng = np.random.default_rng(1)
    first, second = (rng.uniform((0, -90, -90), (100, 90, 90), (5000, 3)) for _ in range(2))
    near = first + rng.normal(0, 1, first.shape)
    gray = first * (1, 0, 0)
    for a, b in ((first, second), (first, near), (gray, near), (gray, gray[::-1])):
        assert delta_e(a, b) == pytest.approx(deltaE_ciede2000(a, b), abs=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # rows of the test data of Sharma, Wu and Dalal: hues on both sides of zero, deep blue
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_delta_e_agrees_with_the_published_pairs(first, second, expected):
    assert delta_e(np.array(first), np.array(second)) == pytest.approx(expected, abs=1e-4)


def page():
    """White, with a photograph (top left), a yellow ground (top right) and letters (below)."""
    rng = np.random.default_rng(2)
    out = np.full((16 * BLOCK, 16 * BLOCK, 3), 255, np.uint8)
    out[: 6 * BLOCK, : 6 * BLOCK] = rng.integers(30, 220, (6 * BLOCK, 6 * BLOCK, 3))
    out[: 6 * BLOCK, 10 * BLOCK :] = (250, 230, 90)
    for row in range(8 * BLOCK, 15 * BLOCK, 12):
        out[row : row + 8, 20:200:6] = 0
        out[row : row + 8, 21:200:6] = 120
    return out


def test_regions_tell_pictures_grounds_and_print_apart():
    found = regions(page())
    assert found.picture[1:5, 1:5].all() and not found.picture[7:].any()
    assert found.flat[:6, 10:].all() and not found.flat[:, :10].any()


def test_colour_error_is_named_where_it_happened():
    clean = page()
    faded = clean.copy()
    faded[: 6 * BLOCK, 10 * BLOCK :] = 255
    error = colour_error(clean, faded, regions(clean))
    assert error.picture == 0 and error.flat > 20


def test_colour_error_ignores_grain():
    clean = page()
    grain = np.random.default_rng(3).normal(0, 6, clean.shape)
    noisy = np.clip(clean + grain, 0, 255).astype(np.uint8)
    assert colour_error(clean, noisy, regions(clean)).picture < 0.5


def test_a_page_without_pictures_has_no_error_in_them():
    white = np.full((64, 64), 255, np.uint8)
    error = colour_error(white, white, regions(white))
    assert error.picture is None and error.flat is None
