"""Structural similarity of two pictures (Wang, Bovik, Sheikh, Simoncelli 2004)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.page import LUMINANCE, Pixels

Plane: TypeAlias = npt.NDArray[np.float32]

SIGMA = 1.5
"""Of the Gaussian window, pixels."""
RADIUS = 5
"""The window has 11 x 11 pixels."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""Keep the quotient finite on flat black, as in the paper."""


def luminance(pixels: Pixels) -> Plane:
    """Brightness of uint8 `(H, W)` or `(H, W, 3)` as float32 `(H, W)`, 0..255 (`LUMINANCE`)."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    return np.asarray(pixels @ np.array(LUMINANCE, np.float32), np.float32)


def ssim_map(first: Plane, second: Plane) -> Plane:
    """Similarity around each pixel, -1..1.

    Args:
        first: float32 `(H, W)`, 0..255.
        second: the same shape.

    Returns:
        `(H - 10, W - 10)`: only pixels whose window lies wholly inside. Empty for smaller pictures.
    """
    if min(first.shape) <= 2 * RADIUS:
        return np.zeros((0, 0), np.float32)
    # Variances are differences of large squares: around middle gray, float32 has digits enough.
    a, b = first - np.float32(128), second - np.float32(128)
    mean_a, mean_b = _blur(a), _blur(b)
    var_a = _blur(a * a) - mean_a * mean_a
    var_b = _blur(b * b) - mean_b * mean_b
    both = _blur(a * b) - mean_a * mean_b
    mean_a, mean_b = mean_a + np.float32(128), mean_b + np.float32(128)
    above = (2 * mean_a * mean_b + C1) * (2 * both + C2)
    below = (mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2)
    return (above / below).astype(np.float32)


def ssim(first: Pixels, second: Pixels) -> float:
    """Mean similarity of the brightness of two pictures; 1 for equal ones, and for tiny ones."""
    found = ssim_map(luminance(first), luminance(second))
    return float(found.mean(dtype=np.float64)) if found.size else 1.0


def _blur(plane: Plane) -> Plane:
    taps = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    height, width = plane.shape
    rows = np.zeros((height - 2 * RADIUS, width), np.float32)
    for offset, tap in enumerate(taps):
        rows += tap * plane[offset : offset + len(rows)]
    out = np.zeros((len(rows), width - 2 * RADIUS), np.float32)
    for offset, tap in enumerate(taps):
        out += tap * rows[:, offset : offset + out.shape[1]]
    return out
