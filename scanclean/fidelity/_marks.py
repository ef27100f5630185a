"""Which lost marks are ink: told from dirt by their edges, their mass and what is around them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.blocks import block_reduce
from scanclean.fidelity._evidence import STRONG, Evidence
from scanclean.shapes import Components, box_mean, components, dilate, pieces

Mask: TypeAlias = npt.NDArray[np.bool_]
Plane: TypeAlias = npt.NDArray[np.float32]
Floats: TypeAlias = npt.NDArray[np.float64]

DEPTHS = (40, 110, 170)
"""Contrasts in levels: what shines through stays below the first, stains below the second, and the
third is only reached by ink."""
SHARPNESS = (0.96, 0.82, 0.5)
"""Least sharpness at these contrasts, as a share of the page's own ink. Measured: ink 0.87 to 1.2;
print of the other side, blurred by 2 pixels in the paper, 0.6 to 0.8; coffee stains 0.5 to 0.8."""
UNDOUBTED = 100
"""Contrast in levels (39 %) of ink that serves as the measure for the rest."""
USUAL_SHARPNESS = 0.75
"""Slope over contrast of an ordinary scanner, for pages without such ink."""
DARK_SHARE = 0.0002
"""A page with less undoubted ink than this share of it is written in pale ink, or blank."""
MOSTLY_KEPT = 0.6
"""Share of a page's pale ink that a cleaner has to keep for the rest to be believed."""
PENCIL_AREA = 12
"""Pixels of the smallest mark of such a page."""
BLURRED = 0.8
"""Pale marks below this sharpness are stains, creases or the print of the other side."""
CLEAN_BONUS = 0.16
"""So much less sharpness is asked of pale marks where hardly any of what was removed is blurred."""
HEIGHTS = (64, 28, 0)
"""Contrasts in levels at which marks are cut off from what they lie on."""
STEEPEST = 1.2
"""A run of pixels counts as no steeper than this, as a share of the page's own ink."""
PIECE_AREA = 200
"""A smaller piece of a mark says little about its edges; the whole mark speaks for it."""
PIECE = 64
"""Side of the pieces that large marks are judged in: a pencil line may cross show-through."""
LEAST_MASS = ((15, 28), (1500, 500))
"""Area times contrast of the smallest mark, at two contrasts in levels: noise makes pale clouds."""
LEAST_AREA = 3
"""Smallest mark in pixels; one or two pixels are salt and pepper."""
POINT_AREA = 40
"""Marks up to this many pixels are points or dust: what is around them decides."""
CELL = 8
"""Side in pixels of the cells in which the surroundings of points are counted."""
DUSTY = 20
"""A decimal point matters more than a speck; only where more specks than this are to be expected
beside letters are points doubted."""


def own_sharpness(seen: Evidence, block: int) -> float:
    """Slope over contrast at the edges of the page's undoubted ink, from 0.3 to 1."""
    contrast = block_reduce(seen.contrast, block, highest=True)
    slope = block_reduce(seen.slope, block, highest=True)
    edges = contrast >= UNDOUBTED
    edges &= block_reduce(seen.contrast, block, highest=False) < contrast // 3
    if np.count_nonzero(edges) < 20:
        return USUAL_SHARPNESS
    return float(np.clip(np.median(slope[edges] / contrast[edges]), 0.3, 1.0))


def only_pale(seen: Evidence) -> bool:
    """Whether a page was written in pale ink alone, most of which was kept.

    What was lost of it beside is the same hand. On the blank back of a sheet that shines through,
    most goes.
    """
    if np.count_nonzero(seen.contrast >= UNDOUBTED) > DARK_SHARE * seen.contrast.size:
        return False
    pale = seen.contrast < UNDOUBTED
    kept, lost = (np.count_nonzero(mask & pale) for mask in (seen.kept, seen.lost))
    return bool(kept > MOSTLY_KEPT * (kept + lost))


def pencil(seen: Evidence) -> Mask:
    """All lost marks but specks: where nothing is written in dark ink, nothing pale is doubted."""
    marks = components(seen.lost)
    return marks.paint(marks.area >= PENCIL_AREA, seen.lost.shape)


def lost_ink(seen: Evidence, edge: float) -> Mask:
    """The lost marks that are ink.

    They are looked for at several heights, because a letter on a stain hangs together with it lower
    down, and the stain's soft rim would speak for both.
    """
    back = np.zeros_like(seen.lost)
    for height in HEIGHTS:
        mask = seen.lost & (seen.contrast >= height) & ~back if height else seen.lost
        marks = components(mask)
        lost = pieces(marks, PIECE)
        chosen = _is_ink(marks, lost, seen, edge)
        if chosen.any():
            back |= lost.paint(chosen, mask.shape)
    return back


def _is_ink(marks: Components, lost: Components, seen: Evidence, edge: float) -> Mask:
    """Which pieces of the lost marks are ink, `(count,)`."""
    if not lost.count:
        return np.zeros(0, np.bool_)
    sharp, depth = _edges(lost, seen, edge)
    parent, _ = _edges(marks, seen, edge)
    # Half the say goes to the whole mark: pieces of show-through scatter more than its words.
    mark = lost.each(marks.label, np.maximum)
    whole = parent[mark]
    area = lost.area
    sharp = np.where(area < PIECE_AREA, np.minimum(sharp, whole), (sharp + whole) / 2)
    pale = depth < STRONG
    blurred = area[pale & (sharp < BLURRED)].sum() / max(area[pale].sum(), 1)
    bar = SHARPNESS[0] - CLEAN_BONUS * max(0.0, 1 - 2 * blurred)
    least = np.interp(depth, DEPTHS, (bar, *SHARPNESS[1:]))
    mass = marks.area[mark] * depth >= np.interp(depth, *LEAST_MASS)
    ink = (sharp >= least) & (area >= LEAST_AREA) & ((depth >= STRONG) | mass)
    point = ink & (area <= POINT_AREA)
    if point.any():
        ink[point] = _points(lost, point, ink & ~point, seen)
    return ink


def _edges(lost: Components, seen: Evidence, edge: float) -> tuple[Floats, Floats]:
    """Sharpness, as a share of the page's own, and contrast of each set, `(count,)`.

    The mean over runs of pixels of the steepest slope on each over its highest contrast; a speck of
    dust is steep, but only on a few runs of a stain.
    """
    deep = lost.run_max(seen.contrast).astype(np.float64)
    free = ~seen.beside
    steep = lost.run_max(seen.slope * free) / (edge * np.maximum(deep, 1))
    seen_runs = lost.run_max(free.view(np.uint8)) > 0
    runs = np.bincount(lost.label, minlength=lost.count)
    useful = np.bincount(lost.label, seen_runs, lost.count)
    rise = np.bincount(lost.label, np.minimum(steep, STEEPEST), lost.count)
    return rise / np.maximum(useful, 1), np.bincount(lost.label, deep, lost.count) / runs


def _points(lost: Components, point: Mask, larger: Mask, seen: Evidence) -> Mask:
    """Which points are ink and not dust, for the chosen ones in their order.

    A point belongs to the letters beside it unless dust elsewhere on the page makes it likely to be
    there by chance; rows of points are leaders, dense fields of them are halftone.
    """
    ink = block_reduce(seen.kept.view(np.uint8), CELL, highest=True) > 0
    shape = seen.lost.shape
    if larger.any():
        more = lost.paint(larger, shape).view(np.uint8)
        ink |= block_reduce(more, CELL, highest=True) > 0
    where = np.flatnonzero(point)
    row = lost.each(lost.row, np.minimum)[where] // CELL
    column = lost.each(lost.start, np.minimum)[where] // CELL
    here = np.zeros(ink.shape, np.float32)
    np.add.at(here, (row, column), 1)
    near = dilate(ink, 3)
    dense = box_mean(here, 2) * 25 >= 8
    strip = _window_sum(here, 1, 8)
    leader = (strip >= 3) & (strip >= 0.6 * _window_sum(here, 4, 8))
    alone = here * ~(near | dense | leader)
    dust = alone.sum() / max(np.count_nonzero(~near), 1)
    expected = dust * np.count_nonzero(near)
    by_chance = expected > DUSTY and (here * near).sum() < 3 * expected
    beside = near & (not by_chance)
    return (beside | dense | leader)[row, column]


def _window_sum(plane: Plane, rows: int, columns: int) -> Plane:
    """Sum in a window of `2 * rows + 1` by `2 * columns + 1` blocks."""
    wide = np.pad(plane, ((rows, rows), (columns, columns)))
    views = np.lib.stride_tricks.sliding_window_view(wide, (2 * rows + 1, 2 * columns + 1))
    total: Plane = views.sum(axis=(2, 3))
    return total
