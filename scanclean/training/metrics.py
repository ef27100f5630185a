"""Scores of a restored picture against the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from scanclean.page import Pixels


def pooled_rmse(pairs: Iterable[tuple[Pixels, Pixels]]) -> float:
    """Root mean square error over all pixels of all pictures together, 0..1.

    This is the score of the "Denoising Dirty Documents" competition: a page counts by its size.

    Args:
        pairs: (restored, truth), uint8, equal shapes within a pair.
    """
    squares, count = 0.0, 0
    for restored, truth in pairs:
        difference = restored.astype(np.float32) - truth.astype(np.float32)
        squares += float(np.square(difference, dtype=np.float64).sum())
        count += difference.size
    return math.sqrt(squares / count) / 255


def psnr(rmse: float) -> float:
    """Peak signal to noise ratio in dB of a root mean square error in 0..1."""
    return math.inf if rmse == 0 else -20 * math.log10(rmse)
