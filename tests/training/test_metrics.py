import numpy as np
import pytest

from scanclean.training.metrics import pooled_rmse, psnr


def test_rmse_pools_pixels_and_not_pages():
    small = (np.full((1, 1), 255, np.uint8), np.zeros((1, 1), np.uint8))
    large = (np.zeros((3, 5), np.uint8), np.zeros((3, 5), np.uint8))
    assert pooled_rmse([small, large]) == pytest.approx((1 / 16) ** 0.5)


def test_psnr_of_a_tenth_is_twenty_decibels():
    assert psnr(0.1) == pytest.approx(20) and psnr(0) == float("inf")
