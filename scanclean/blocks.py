"""A page in blocks: sums, extremes and means of each, and planes of blocks at full resolution.

What a page's paper is like is looked at in blocks: at 300 dpi in squares of 8 pixels, so that all
that is heavy (medians, filling) sees a picture of 300 x 440 and costs little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from scanclean.page import Pixels

Plane: TypeAlias = npt.NDArray[np.float32]
Counts = TypeVar("Counts", np.uint8, np.uint16)
Given = TypeVar("Given", np.uint8, np.uint16)
Blocks = TypeVar("Blocks", bound=npt.NDArray[Any])

BLOCK_MAX = 8
"""Side of a block on a page at 300 dpi: finer than any shadow, coarser than most strokes."""
BLOCK_PER_SIDE = 215
"""A small picture gets smaller blocks, so that about this many fit its short side."""
BAND_BLOCKS = 32
"""Rows of blocks that are worked on at once."""


def block_side(height: int, width: int) -> int:
    """Side of the blocks for a page of this size, an even number of pixels from 2 to 8."""
    side = -(-min(height, width) // BLOCK_PER_SIDE)
    return int(np.clip(side + side % 2, 2, BLOCK_MAX))


def padded(pixels: npt.NDArray[Counts], block: int) -> npt.NDArray[Counts]:
    """`pixels`, its last rows and columns repeated until whole blocks fit."""
    extra = [(0, -n % block) for n in pixels.shape[:2]] + [(0, 0)] * (pixels.ndim - 2)
    return np.pad(pixels, extra, mode="edge") if any(e[1] for e in extra) else pixels


def by_band(
    measure: Callable[[npt.NDArray[Given]], npt.NDArray[Counts]],
    pixels: npt.NDArray[Given],
    block: int,
) -> npt.NDArray[Counts]:
    """Join what `measure` makes of bands of rows, padded to whole blocks.

    What it needs on the way is then never as large as a page.
    """
    step = BAND_BLOCKS * block
    bands = [pixels[y : y + step] for y in range(0, len(pixels), step)]
    return np.concatenate([measure(padded(band, block)) for band in bands])


def block_sum(pixels: Pixels, block: int) -> npt.NDArray[np.uint16]:
    """Sums of `block` x `block` pixels (at most 16), `(H, W[, C])` to `(h, w[, C])`."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height // block, block, width, *pixels.shape[2:])
    total = rows.sum(axis=1, dtype=np.uint16)
    columns = total[:, 0::block].copy()
    for offset in range(1, block):
        columns += total[:, offset::block]
    return columns


def block_reduce(plane: npt.NDArray[Counts], block: int, highest: bool) -> npt.NDArray[Counts]:
    """Highest or lowest value of each block, `(H, W)` to `(h, w)`."""
    pick = np.maximum if highest else np.minimum

    def reduced(band: npt.NDArray[Counts]) -> npt.NDArray[Counts]:
        height, width = band.shape
        rows = pick.reduce(band.reshape(height // block, block, width), axis=1)
        columns = rows[:, 0::block].copy()
        for offset in range(1, block):
            pick(columns, rows[:, offset::block], out=columns)
        return columns

    return by_band(reduced, plane, block)


def block_means(pixels: Pixels, block: int) -> Plane:
    """Mean of each block, `(H, W[, C])` to `(h, w, C)`."""
    picture = pixels if pixels.ndim == 3 else pixels[..., None]
    total = by_band(lambda band: block_sum(band, block), picture, block)
    return total.astype(np.float32) / np.float32(block * block)


def enlarged(plane: Plane, block: int, rows: slice, width: int) -> Plane:
    """Rows of a block plane `(h, w)` at full resolution, `(rows, width)`, linear in between."""
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / block + 0.5
    edge = np.pad(plane, 1, mode="edge")
    top = y.astype(np.intp)
    t = (y - top.astype(np.float32))[:, None]  # else all that follows is float64
    lines = edge[top] * (1 - t) + edge[top + 1] * t
    # Between two centres lie `block` pixels; the first centre is half a block from the margin.
    s = (np.arange(block, dtype=np.float32) + 0.5) / block
    cells = lines[:, :-1, None] + (lines[:, 1:] - lines[:, :-1])[..., None] * s
    flat = cells.reshape(len(y), -1)
    part: Plane = flat[:, block // 2 : block // 2 + width].astype(np.float32, copy=False)
    return part


def spread(plane: Blocks, block: int, rows: slice, width: int) -> Blocks:
    """Rows of a block plane at full resolution, each block flat."""
    lines = np.arange(rows.start, rows.stop) // block
    first = lines[0]
    wide = np.repeat(plane[first : lines[-1] + 1], block, axis=1)[:, :width]
    spread: Blocks = wide[lines - first]
    return spread
