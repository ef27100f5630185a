import numpy as np
import pytest
from skimage.metrics import structural_similarity

from scanclean.evaluation.similarity import luminance, ssim, ssim_map


@pytest.mark.parametrize("strength", [5, 40, 200])
def test_agrees_with_scikit_image(strength, noise):
    first = noise(60, 83)
    change = np.random.default_rng(1).normal(0, strength, first.shape)
    second = np.clip(first // 2 + 60 + change, 0, 255).astype(np.uint8)
    reference = structural_similarity(
        first, second, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(first, second) == pytest.approx(reference, abs=1e-5)


def test_flat_bright_pictures_do_not_lose_digits():
    first = np.full((40, 40), 250, np.uint8)
    second = first.copy()
    second[::2] = 251
    reference = structural_similarity(
        first, second, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(first, second) == pytest.approx(reference, abs=1e-4)


def test_a_picture_is_like_itself(noise):
    assert ssim(noise(30, 30, 3), noise(30, 30, 3)) == pytest.approx(1, abs=1e-6)


def test_pictures_smaller_than_the_window_have_no_map(noise):
    assert ssim_map(luminance(noise(10, 90)), luminance(noise(10, 90))).size == 0
    assert ssim(noise(10, 90), noise(10, 90, seed=1)) == 1
