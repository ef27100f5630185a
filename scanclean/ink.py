"""The colour of a page's ink, and keeping it.

A network that has seen worn print learns that ink is dark, and makes olive or brown letters nearly
black. What the scan shows as coloured was so: it gets no darker than the scan is nearby.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.page import Pixels
from scanclean.paper import Paper, block_reduce, enlarged
from scanclean.shapes import erode

Plane: TypeAlias = npt.NDArray[np.float32]

COLOURED = (16, 36)
"""Levels between the highest and the lowest channel of ink: gray up to the first, coloured from the
second on."""
TINT_SHARE = 0.5
"""Black ink takes so much of the tint of its paper, in the blur of a scanner or in haze."""
BAND_BLOCKS = 32
"""Rows of blocks that are worked on at once."""


def colour_kept(scan: Pixels, even: Pixels, cleaned: Pixels, paper: Paper) -> Pixels:
    """Limit how dark coloured ink became, channel by channel.

    Black ink may get as dark as the network wants: faded print becomes readable that way.

    Args:
        scan: the page as it came, uint8 `(H, W)` or `(H, W, 3)`.
        even: the same with even, white paper, before the network.
        cleaned: the same behind the network.
        paper: of the scan.
    """
    if scan.ndim == 2:
        return cleaned
    lowest = _lowest(even, paper.block)
    chroma = np.minimum(np.ptp(lowest, axis=2), np.ptp(_lowest(scan, paper.block), axis=2))
    gray, coloured = COLOURED
    share = (chroma - TINT_SHARE * np.ptp(paper.usual) - gray) / (coloured - gray)
    weight = np.clip(share, 0, 1).astype(np.float32)
    weight[paper.picture] = 0  # their tone is kept already
    if not weight.any():
        return cleaned
    out, width = cleaned.copy(), cleaned.shape[1]
    step = BAND_BLOCKS * paper.block
    for top in range(0, len(out), step):
        rows = slice(top, min(top + step, len(out)))
        if not weight[max(0, top // paper.block - 1) : rows.stop // paper.block + 2].any():
            continue
        limited = enlarged(weight, paper.block, rows, width)
        for c in range(3):
            part = out[rows, :, c]
            least = enlarged(lowest[..., c].astype(np.float32), paper.block, rows, width)
            out[rows, :, c] = np.rint(part + limited * np.maximum(least - part, 0))
    return out


def _lowest(pixels: Pixels, block: int) -> Pixels:
    """Lowest value of each channel in and beside each block, `(h, w, 3)`: the core of strokes."""
    return np.stack(
        [erode(block_reduce(pixels[..., c], block, highest=False), 1) for c in range(3)], axis=2
    )
