"""The colour of a page's ink and keeping it, and how dark it is.

A network that has seen worn print learns that ink is dark, and makes olive or brown letters nearly
black. Where the scan shows for sure what colour ink has, it gets no darker than the scan is nearby.

On a page written in pale ink it is of two minds: some strokes get black and thin, others paler.
Shown the same page with its ink as dark as print, it keeps them all; then half of that darkness is
taken back, as nobody knows how much of it the ink has lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.blocks import BAND_BLOCKS, block_reduce, by_band, enlarged
from scanclean.page import Pixels, darkest
from scanclean.paper import Paper
from scanclean.shapes import box_mean, erode

Plane: TypeAlias = npt.NDArray[np.float32]

COLOURED = (16, 36)
"""Levels between the highest and the lowest channel of ink: gray up to the first, coloured from the
second on."""
BRIGHT = 250
"""Paper of a page that a program made, or that was scanned as well as can be: no haze makes its ink
paler, so that its ink is as dark as it looks. Elsewhere it may get as dark as the darkest pixel."""
PRINT = 0.9
"""Contrast of print: how far its ink lies below its paper, as a share of full scale."""
PALE = (0.41, 0.7)
"""Contrasts between which the darkest ink of a page is pale. Below it is pencil, which networks
have learnt as it is."""
INK_LEAST, INK_OVER_GRAIN = 0.12, 3
"""Ink has at least this contrast, and so many times that of the paper's grain."""
INK_BLOCKS = 30
"""Of fewer blocks nothing is concluded."""
DARKEST_INK = 95
"""Per cent of them that are paler than what is called the darkest ink: a blot says nothing."""
ALL_OUTSIDE = 0.9999
"""A mean of ones, rounded, is above this."""


def colour_kept(scan: Pixels, even: Pixels, cleaned: Pixels, paper: Paper) -> Pixels:
    """Limit how dark ink became, channel by channel, where the scan is sure to show its colour.

    That is coloured ink, and all ink on paper that is white to the last block: nothing has faded
    such a page. It gets no darker than the darkest squares of 2 pixels nearby, or, on paper that is
    not `BRIGHT`, than the darkest pixel. Other gray ink may get as dark as the network wants: faded
    print becomes readable that way.

    Args:
        scan: the page as it came, uint8 `(H, W)` or `(H, W, 3)`.
        even: the same with even, white paper, before the network.
        cleaned: the same behind the network.
        paper: of the scan.
    """
    lowest = _lowest(even, paper.block)
    if paper.white:
        weight = np.ones(paper.picture.shape, np.float32)
    elif scan.ndim == 3:
        weight = _coloured(lowest, _lowest(scan, paper.block), paper)
    else:
        return cleaned
    weight[paper.picture] = 0  # their tone is kept already
    if not weight.any():
        return cleaned
    core = _core(even, paper.block) if paper.usual.min() >= BRIGHT else lowest.astype(np.float32)
    out = cleaned.copy()
    planes, before = (p if p.ndim == 3 else p[..., None] for p in (out, even))
    step, height, width = BAND_BLOCKS * paper.block, *out.shape[:2]
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        if not (out[rows] < even[rows]).any():  # the limit is never above `even`
            continue
        limited = enlarged(weight, paper.block, rows, width)
        for c in range(planes.shape[2]):
            part = planes[rows, :, c]
            least = enlarged(core[..., c], paper.block, rows, width)
            least = np.minimum(least, before[rows, :, c])  # thin strokes have no such core
            planes[rows, :, c] = np.rint(part + limited * np.maximum(least - part, 0))
    return out


def paleness(even: Pixels, paper: Paper) -> float:
    """How many times darker the ink of a page would be if it were print; 1 if it is not pale.

    Nothing has faded pages whose paper is white to the last block: their ink is as it was meant.

    Args:
        even: the page with even, white paper, uint8 `(H, W)` or `(H, W, 3)`.
        paper: of the scan.
    """
    if paper.white:
        return 1.0
    block = paper.block
    low = by_band(lambda band: block_reduce(darkest(band), block, highest=False), even, block)
    contrast = 1 - low.astype(np.float32) / 255
    ink = ~paper.picture & (contrast > np.maximum(INK_LEAST, INK_OVER_GRAIN * paper.grain))
    if ink.sum() < INK_BLOCKS:
        return 1.0
    most = float(np.percentile(contrast[ink], DARKEST_INK))
    return PRINT / most if PALE[0] <= most < PALE[1] else 1.0


def darkened(even: Pixels, paper: Paper, times: float) -> Pixels:
    """A page whose ink is so many times darker, as far as there is black; pictures as they are."""
    depth = np.minimum((255 - np.arange(256)) * times, 255)
    table = (255 - np.rint(depth)).astype(np.uint8)
    out = np.empty_like(even)
    for rows, weight in _written(even, paper):
        out[rows] = _mixed(even[rows], table.take(even[rows]), weight)
    return out


def halfway_back(even: Pixels, cleaned: Pixels, paper: Paper, times: float) -> Pixels:
    """Take half of the darkness back, by ratio, that `darkened` gave to a page.

    Args:
        even: the page before `darkened`.
        cleaned: what the network made of it.
        paper: of the scan.
        times: as for `darkened`.
    """
    # what is blacker than black could not be shown to the network
    beyond = np.maximum(np.rint((255 - np.arange(256)) * times) - 255, 0).astype(np.uint16)
    depth = np.minimum(np.arange(256 + int(beyond[0])) / np.sqrt(times), 255)
    table = (255 - np.rint(depth)).astype(np.uint8)
    out = np.empty_like(cleaned)
    for rows, weight in _written(even, paper):
        back = table.take(beyond.take(even[rows]) + (255 - cleaned[rows]))
        out[rows] = _mixed(cleaned[rows], back, weight)
    return out


def _written(page: Pixels, paper: Paper) -> Iterator[tuple[slice, Plane | None]]:
    """Bands of rows, and how surely each pixel lies outside of pictures, `(rows, W[, 1])` in 0..1.

    None instead of that where all of them do.
    """
    outside = box_mean((~paper.picture).astype(np.float32), 1)
    block, (height, width) = paper.block, page.shape[:2]
    for top in range(0, height, BAND_BLOCKS * block):
        rows = slice(top, min(top + BAND_BLOCKS * block, height))
        near = slice(max(0, top // block - 1), top // block + BAND_BLOCKS + 1)
        if outside[near].min() > ALL_OUTSIDE:
            yield rows, None
            continue
        weight = enlarged(outside, block, rows, width)
        yield rows, weight[..., None] if page.ndim == 3 else weight


def _mixed(inside: Pixels, outside: Pixels, weight: Plane | None) -> Pixels:
    if weight is None:
        return outside
    mixed: Pixels = np.rint(inside + weight * (outside.astype(np.float32) - inside)).astype(
        np.uint8
    )
    return mixed


def _coloured(even: Pixels, scan: Pixels, paper: Paper) -> Plane:
    """How surely the ink of each block is coloured, `(h, w)` in 0..1, from its lowest values.

    Haze and a scanner's blur give black ink of the tint of its paper, at most all of it.
    """
    gray, coloured = COLOURED
    chroma = np.minimum(np.ptp(even, axis=2), np.ptp(scan, axis=2))
    share = (chroma - np.ptp(paper.usual) - gray) / (coloured - gray)
    return np.clip(share, 0, 1).astype(np.float32)


def _lowest(pixels: Pixels, block: int) -> Pixels:
    """Lowest value of each channel in and beside each block, `(h, w, C)`: the core of strokes."""
    planes = pixels if pixels.ndim == 3 else pixels[..., None]
    channels = np.moveaxis(planes, 2, 0)
    return np.stack([erode(block_reduce(p, block, highest=False), 1) for p in channels], axis=2)


def _core(even: Pixels, block: int) -> Plane:
    """`_lowest` of the means of 2 x 2 pixels: noise makes single ones darker than the ink is."""
    planes = even if even.ndim == 3 else even[..., None]
    near = 1 if block > 2 else 2  # such a square reaches into the next block
    sums = [
        erode(by_band(lambda band: _darkest_squares(band, block), plane, block), near)
        for plane in np.moveaxis(planes, 2, 0)
    ]
    return np.stack(sums, axis=2).astype(np.float32) / np.float32(4)


def _darkest_squares(band: Pixels, block: int) -> npt.NDArray[np.uint16]:
    """The least sum of 2 x 2 pixels that begin in each block, `(H, W)` to `(h, w)`."""
    wide = np.pad(band, ((0, 1), (0, 1)), mode="edge").astype(np.uint16)
    rows = wide[:-1] + wide[1:]
    return block_reduce(rows[:, :-1] + rows[:, 1:], block, highest=False)
