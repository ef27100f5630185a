"""Dark and coloured areas whose tone was lost: boxes, pictures, strokes too wide for a closing."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.blocks import block_means, block_reduce, by_band
from scanclean.fidelity._evidence import STRONG, Evidence
from scanclean.page import Pixels
from scanclean.paper import Paper, neutral_darkest
from scanclean.shapes import Components, components, dilate, erode

Mask: TypeAlias = npt.NDArray[np.bool_]
Plane: TypeAlias = npt.NDArray[np.float32]
Floats: TypeAlias = npt.NDArray[np.float64]

SHARP_AREA = 0.55
"""Least sharpness of the outline of a dark ground, as a share of the page's own ink: grounds and
pictures print less sharply than letters."""
BLACK = 190
"""Grounds this far from white (75 %) are no stain, whatever their outline; a page may have none."""
SHARP_PALE_AREA = 0.85
"""The same for pale ones, which stains resemble more."""
CORE = 12
"""A ground holds a square of twice this side in pixels, and whatever is narrower is a stroke."""
SHIFT = 0.3
"""A ground or picture whose tone moved by this share of its darkness was washed out."""


def lost_grounds(
    scan: Pixels, cleaned: Pixels, paper: Paper, seen: Evidence, edge: float
) -> tuple[Plane, int]:
    """Dark or coloured blocks without paper whose tone was lost, `(h, w)`, and how many sets.

    Strokes too wide for a closing, boxes, pictures, black pages. Stains are like them inside, but
    their outline is soft.
    """
    block = paper.block
    before, after = block_means(scan, block), block_means(cleaned, block)
    before = np.minimum(before * 255 / paper.level, 255)
    dark = 255 - before.min(axis=2)
    moved = np.abs(before - after).max(axis=2)
    brightest = by_band(
        lambda band: block_reduce(neutral_darkest(band, paper), block, highest=True), scan, block
    )
    solid = 255 - brightest * (255 / paper.level.max(axis=2)) > 0.6 * dark
    ground = (dark > np.maximum(15, 2 * 255 * paper.grain)) & (solid | paper.picture)
    shifted = ground & (moved > np.maximum(SHIFT * dark, 15))
    if not shifted.any():
        return np.zeros(dark.shape, np.float32), 0
    found = components(ground)
    wrong = np.bincount(found.label, found.run_sum(shifted), found.count) / found.area
    sharp = _outline_sharpness(found, ground, dark, seen, block) / edge
    depth = np.bincount(found.label, found.run_sum(dark), found.count) / found.area
    core = erode(ground, max(1, CORE // block)).astype(np.uint8)
    core = found.each(found.run_max(core), np.maximum) > 0
    pictured = np.bincount(found.label, found.run_sum(paper.picture), found.count) / found.area
    sure = (depth >= STRONG) | (pictured > 0.5)  # that it ends abruptly was seen before
    plain = (sharp >= np.where(sure, SHARP_AREA, SHARP_PALE_AREA)) | (depth >= BLACK)
    chosen = (wrong > 0.25) & plain & core & ~_margins(found, depth, ground.shape)
    mask = found.paint(chosen, ground.shape)
    return np.minimum(dilate(mask, 1).astype(np.float32), 1), int(chosen.sum())


def _outline_sharpness(
    found: Components, ground: Mask, dark: Plane, seen: Evidence, block: int
) -> Floats:
    """Slope over darkness where each ground ends, `(count,)`; kept ink is not looked at."""
    slope = block_reduce(seen.slope, block, highest=True).astype(np.float32)
    kept = block_reduce(seen.kept.view(np.uint8), block, highest=True) > 0
    inside = dilate(np.where(ground, dark, 0), 1)
    rim = dilate(ground, 1) & (~ground | ~erode(ground, 1)) & ~dilate(kept, 1)
    ratio = np.where(rim, np.minimum(slope / np.maximum(inside, 1), 1), 0)
    best = np.where(rim, dilate(ratio.astype(np.float32), 1), 0)
    here = rim & ground
    total = np.bincount(found.label, found.run_sum(np.where(here, best, 0)), found.count)
    many = np.bincount(found.label, found.run_sum(here), found.count)
    return total / np.maximum(many, 1)


def _margins(found: Components, depth: Floats, shape: tuple[int, int]) -> Mask:
    """Which grounds are the dark strips that a scanner shows beside the paper, `(count,)`."""
    height, width = shape
    top, bottom = found.each(found.row, np.minimum), found.each(found.row, np.maximum)
    left, right = found.each(found.start, np.minimum), found.each(found.stop, np.maximum) - 1
    at_edge = (top == 0) | (bottom == height - 1) | (left == 0) | (right == width - 1)
    thin = found.area < 0.06 * height * width
    result: Mask = at_edge & thin & (depth > 100)
    return result
