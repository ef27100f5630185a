import numpy as np
import pytest

from scanclean.page import ROWS, differ


@pytest.mark.parametrize("shape", [(3 * ROWS + 5, 40), (ROWS, 40, 3), (1, 1)])
@pytest.mark.parametrize("most", [0.0, 0.01, 0.5])
def test_pages_differ_by_the_share_of_pixels_that_do(shape, most, noise):
    before = noise(*shape)
    rng = np.random.default_rng(1)
    for count in (0, 1, 30, 2000):
        after = before.copy()
        flat = after.reshape(shape[0] * shape[1], -1)
        chosen = rng.integers(0, len(flat), count)
        flat[chosen, rng.integers(0, flat.shape[1], count)] ^= 64
        apart = np.abs(before.astype(int) - after).reshape(len(flat), -1).max(axis=1) > 12
        assert differ(before, after, 12, most) == (apart.mean() > most)


def test_levels_that_do_not_count_yet_are_no_difference():
    gray = np.full((10, 10), 100, np.uint8)
    assert not differ(gray, gray + np.uint8(12), 12, 0)
    assert differ(gray, gray - np.uint8(13), 12, 0.99)
