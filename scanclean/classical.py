"""The restorer that needs no network: divide by the paper, keep what stands out from its grain."""

from __future__ import annotations

import numpy as np

from scanclean.blocks import enlarged
from scanclean.page import Pixels, darkest
from scanclean.paper import Paper, examine, whitened
from scanclean.progress import SILENT, Progress, look
from scanclean.shapes import dilate

BAND = 256
"""Rows worked on at once: a band of an A4 page at 300 dpi needs some 30 MB."""
HALO = 2
"""Rows around a band that decide about its own: one for the mean, one for the rim of ink."""
FAINTEST = 0.035
"""Contrast below which nothing is ink, even on paper without grain."""
GRAIN_FACTOR = 1.3
"""Ink stands out from the paper by this many times the grain, in the mean of 3 x 3 pixels."""


def classical(pixels: Pixels, progress: Progress = SILENT) -> Pixels:
    """Clean a page, uint8 `(H, W)` or `(H, W, 3)`, without a network.

    Paper becomes even and white, ink keeps its contrast and colour; photographs, dark and coloured
    grounds keep their tone. With a progress that is `Limited`, it ends between two bands.
    """
    if min(pixels.shape[:2]) < 3:
        return pixels.copy()
    paper = examine(pixels)
    if paper.picture.all():
        return pixels.copy()
    height = len(pixels)
    out = np.empty_like(pixels)
    for top in range(0, height, BAND):
        look(progress)
        stop = min(top + BAND, height)
        rows = slice(max(top - HALO, 0), min(stop + HALO, height))
        white = whitened(pixels, paper, rows)
        ink = _ink(white, paper, rows)
        white[~ink] = 255
        out[top:stop] = white[top - rows.start : stop - rows.start]
    return out


def _ink(white: Pixels, paper: Paper, rows: slice) -> np.ndarray:
    """Where rows of a whitened page are to be kept, `(rows, W)`: ink with its rim, and pictures."""
    width = white.shape[1]
    least = np.maximum(GRAIN_FACTOR * paper.grain, FAINTEST) * 255
    least[paper.picture] = -1  # everything is kept there
    limit = enlarged(least, paper.block, rows, width)
    depth = 255 - _mean3(darkest(white))
    return dilate(depth > limit, 1)


def _mean3(plane: Pixels) -> np.ndarray:
    """Mean of 3 x 3 pixels, float32 `(H, W)`."""
    wide = np.pad(plane, 1, mode="edge").astype(np.uint16)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) * np.float32(1 / 9)
