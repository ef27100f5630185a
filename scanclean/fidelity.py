"""The guard: compare the ink of a scan with that of its cleaned page, and mend what is wrong.

Ink that vanished comes back from the scan, ink that was invented goes. What a cleaner may remove
(soft stains, shadows, show-through, grain) is told from ink by its edges: ink ends as sharply as
the scanner can see, and the page's own undoubted ink shows how sharply that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from scanclean.page import Pixels
from scanclean.paper import (
    Paper,
    block_reduce,
    darkest,
    enlarged,
    examine,
    neutral_darkest,
    padded,
    whitened,
)
from scanclean.shapes import Components, box_mean, components, dilate, erode, pieces

Blocks = TypeVar("Blocks", bound=npt.NDArray[Any])
Mask: TypeAlias = npt.NDArray[np.bool_]
Plane: TypeAlias = npt.NDArray[np.float32]
Floats: TypeAlias = npt.NDArray[np.float64]

BAND = 256
"""Rows worked on at once; bounds the memory of the passes over the whole page."""
STROKE_RADIUS = 16
"""Strokes up to 32 pixels wide stand out from a closing of this radius; wider ones fill blocks."""
HALO = 2 * STROKE_RADIUS + 8
"""Rows around a band that decide about its own."""
FAINTEST = 9
"""Contrast in levels (3.5 %) below which nothing counts as ink: pencil starts at 6 %."""
GRAIN_FACTOR = 1.0
"""Ink stands out by this many times the depth of the grain, in means of 3 x 3 pixels: about 2.4
standard deviations of the raw noise, 7 of the means."""
KEPT = 0.4
"""Ink with less than this share of its contrast is lost to a reader."""
SLOPE_OF_GRAIN = 0.32
"""How much grain adds to the steepest step nearby, measured on blurred marks with and without."""
FRINGE = 0.18
"""Beside kept ink, what has less than this share of its contrast is its blur, or JPEG's ringing."""
FRINGE_RADIUS = 6
"""How far such fringes reach: JPEG rings within its block of 8."""
STRONG = 64
"""Contrast in levels (25 %) that show-through and shadows hardly reach."""
DEPTHS = (40, 110, 170)
"""Contrasts in levels: what shines through stays below the first, stains below the second, and the
third is only reached by ink."""
SHARPNESS = (0.96, 0.82, 0.5)
"""Least sharpness at these contrasts, as a share of the page's own ink. Measured: ink 0.87 to 1.2;
print of the other side, blurred by 2 pixels in the paper, 0.6 to 0.8; coffee stains 0.5 to 0.8."""
SHARP_AREA = 0.55
"""The same for the outlines of grounds and pictures, which print less sharply than letters."""
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
BLACK = 190
"""Grounds this far from white (75 %) are no stain, whatever their outline; a page may have none."""
SHARP_PALE_AREA = 0.85
"""The same for pale ones, which stains resemble more."""
CORE = 12
"""A ground holds a square of twice this side in pixels, and whatever is narrower is a stroke."""
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
LEAST_INVENTED = 40
"""Contrast in levels from which ink in the output needs a reason in the scan."""
MOST_GAIN = 10
"""A cleaner may make ink this many times as strong; beyond it, there was nothing."""
SHIFT = 0.3
"""A ground or picture whose tone moved by this share of its darkness was washed out."""


@dataclass(frozen=True)
class Ink:
    """What the guard found on a page."""

    kept: float
    """Share of the scan's ink that the cleaned page had kept by itself, 0 to 1."""
    returned: int
    """Marks that were put back."""
    returned_px: int
    """Pixels of these."""
    removed: int
    """Invented marks that were taken out."""
    removed_px: int
    """Pixels of these."""


@dataclass(frozen=True)
class Guarded:
    """A cleaned page after the guard."""

    pixels: Pixels
    """The page, as `cleaned` was given."""
    ink: Ink
    """What was found."""


@dataclass(frozen=True)
class _Evidence:
    """What the passes over the whole page measured; planes are uint8 `(H, W)`."""

    contrast: Pixels
    """How far the scan lies below its surroundings, with paper at 255."""
    slope: Pixels
    """Steepest step nearby in the scan, over 2 pixels, in the same levels."""
    lost: Mask
    """Ink of the scan that is not in the output."""
    invented: Mask
    """Ink of the output that is not in the scan."""
    kept: Mask
    """Ink of the scan that is in the output."""
    beside: Mask
    """Where kept ink is so near that slopes are its own."""


def guard(scan: Pixels, cleaned: Pixels, *, paper: Paper | None = None) -> Guarded:
    """Put back the ink that cleaning lost and take out what it invented.

    Args:
        scan: the page as it came, uint8 `(H, W)` or `(H, W, 3)`.
        cleaned: the same page cleaned, of the same shape.
        paper: what `examine(scan)` says, when it is known already.
    """
    if min(scan.shape[:2]) < 3 or np.array_equal(scan, cleaned):
        return Guarded(cleaned, Ink(1.0, 0, 0, 0, 0))
    paper = paper or examine(scan)
    seen = _measure(scan, cleaned, paper)
    edge = _own_sharpness(seen, paper.block)
    back = _pencil(seen) if _only_pale(seen) else _lost_ink(seen, edge)
    grounds, count = _lost_grounds(scan, cleaned, paper, seen, edge)
    invented = components(seen.invented)
    real = invented.area >= LEAST_AREA
    gone = invented.paint(real, seen.lost.shape)
    kept = int(np.count_nonzero(seen.kept))
    pixels = cleaned
    if back.any() or gone.any() or grounds.any():
        pixels = _mended(scan, cleaned, paper, dilate(back, 2), dilate(gone, 2), grounds)
    area = int(np.count_nonzero(back)) + int((grounds > 0.5).sum()) * paper.block**2
    share = kept / (kept + area) if area else 1.0
    return Guarded(
        pixels,
        Ink(
            share,
            components(back).count + count,
            area,
            int(real.sum()),
            int(np.count_nonzero(gone)),
        ),
    )


def _measure(scan: Pixels, cleaned: Pixels, paper: Paper) -> _Evidence:
    """Compare scan and output pixel by pixel, in bands of rows."""
    height, width = scan.shape[:2]
    shape = (height, width)
    contrast, slope = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    lost, invented, kept, beside = (np.empty(shape, np.bool_) for _ in range(4))
    for top in range(0, height, BAND):
        stop = min(top + BAND, height)
        rows = slice(max(top - HALO, 0), min(stop + HALO, height))
        part = _measure_band(scan, cleaned, paper, rows)
        own = slice(top - rows.start, stop - rows.start)
        contrast[top:stop], slope[top:stop] = part.contrast[own], part.slope[own]
        lost[top:stop], invented[top:stop] = part.lost[own], part.invented[own]
        kept[top:stop], beside[top:stop] = part.kept[own], part.beside[own]
    return _Evidence(contrast, slope, lost, invented, kept, beside)


def _measure_band(scan: Pixels, cleaned: Pixels, paper: Paper, rows: slice) -> _Evidence:
    """Compare some rows of scan and output."""
    width = scan.shape[1]
    level = paper.level.max(axis=2)
    gain = _spread(np.clip(64 * 255 / level, 64, 6000).astype(np.uint16), paper.block, rows, width)
    least = np.maximum(GRAIN_FACTOR * 255 * paper.grain, FAINTEST)
    noise = _spread((SLOPE_OF_GRAIN * 255 * paper.grain).astype(np.uint8), paper.block, rows, width)
    least = _spread(least.astype(np.uint8), paper.block, rows, width)
    before = _mean3(neutral_darkest(scan[rows], paper))
    after = _mean3(darkest(cleaned[rows]))
    contrast = _scaled(_closed(before) - before, gain)
    slope = _scaled(dilate(before, 1) - erode(before, 1), gain)
    slope = np.maximum(slope, noise) - noise
    ground = _closed(after)
    near = ground - erode(after, 1)  # with the means: what the output has within 2 pixels
    fringe = _scaled(dilate(near, FRINGE_RADIUS), np.uint16(64 * FRINGE))
    ink = contrast >= least
    shown = near >= _scaled(contrast, np.uint16(64 * KEPT))
    lost = ink & ~shown & (contrast >= fringe)
    own = ground - after
    reason = np.maximum(dilate(contrast, 3), dilate(slope, 2))
    invented = (own >= LEAST_INVENTED) & (reason < np.maximum(least, own // MOST_GAIN))
    beside = dilate(near, 2) >= STRONG
    return _Evidence(contrast, dilate(slope, 1), lost, invented, ink & shown, beside)


def _scaled(plane: Pixels, factor: npt.NDArray[np.uint16] | np.uint16) -> Pixels:
    """`plane` times a factor in 64ths, at most 255."""
    return np.minimum((plane.astype(np.uint32) * factor) >> 6, 255).astype(np.uint8)


def _spread(plane: Blocks, block: int, rows: slice, width: int) -> Blocks:
    """Rows of a block plane at full resolution, each block flat."""
    lines = np.arange(rows.start, rows.stop) // block
    first = lines[0]
    wide = np.repeat(plane[first : lines[-1] + 1], block, axis=1)[:, :width]
    spread: Blocks = wide[lines - first]
    return spread


def _closed(plane: Pixels) -> Pixels:
    """The surroundings: dark things narrower than two radii are gone."""
    return erode(dilate(plane, STROKE_RADIUS), STROKE_RADIUS)


def _mean3(plane: Pixels) -> Pixels:
    """Mean of 3 x 3 pixels, which cuts the noise to a third, `(H, W)`."""
    wide = np.pad(plane, 1, mode="edge").astype(np.uint16)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    total = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return ((total * np.uint32(7282) + 32768) >> 16).astype(np.uint8)  # 7282 / 65536 = 1 / 9


def _own_sharpness(seen: _Evidence, block: int) -> float:
    """Slope over contrast at the edges of the page's undoubted ink, from 0.3 to 1."""
    whole = padded(seen.contrast, block)
    contrast = block_reduce(whole, block, highest=True)
    slope = block_reduce(padded(seen.slope, block), block, highest=True)
    edges = contrast >= UNDOUBTED
    edges &= block_reduce(whole, block, highest=False) < contrast // 3
    if np.count_nonzero(edges) < 20:
        return USUAL_SHARPNESS
    return float(np.clip(np.median(slope[edges] / contrast[edges]), 0.3, 1.0))


def _only_pale(seen: _Evidence) -> bool:
    """Whether a page was written in pale ink alone, most of which was kept.

    What was lost of it beside is the same hand. On the blank back of a sheet that shines through,
    most goes.
    """
    if np.count_nonzero(seen.contrast >= UNDOUBTED) > DARK_SHARE * seen.contrast.size:
        return False
    pale = seen.contrast < UNDOUBTED
    kept, lost = (np.count_nonzero(mask & pale) for mask in (seen.kept, seen.lost))
    return bool(kept > MOSTLY_KEPT * (kept + lost))


def _pencil(seen: _Evidence) -> Mask:
    """All lost marks but specks: where nothing is written in dark ink, nothing pale is doubted."""
    marks = components(seen.lost)
    return marks.paint(marks.area >= PENCIL_AREA, seen.lost.shape)


def _lost_ink(seen: _Evidence, edge: float) -> Mask:
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


def _is_ink(marks: Components, lost: Components, seen: _Evidence, edge: float) -> Mask:
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


def _edges(lost: Components, seen: _Evidence, edge: float) -> tuple[Floats, Floats]:
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


def _points(lost: Components, point: Mask, larger: Mask, seen: _Evidence) -> Mask:
    """Which points are ink and not dust, for the chosen ones in their order.

    A point belongs to the letters beside it unless dust elsewhere on the page makes it likely to be
    there by chance; rows of points are leaders, dense fields of them are halftone.
    """
    ink = block_reduce(padded((seen.kept).astype(np.uint8), CELL), CELL, highest=True) > 0
    shape = seen.lost.shape
    if larger.any():
        more = padded(lost.paint(larger, shape).astype(np.uint8), CELL)
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


def _lost_grounds(
    scan: Pixels, cleaned: Pixels, paper: Paper, seen: _Evidence, edge: float
) -> tuple[Plane, int]:
    """Dark or coloured blocks without paper whose tone was lost, `(h, w)`, and how many sets.

    Strokes too wide for a closing, boxes, pictures, black pages. Stains are like them inside, but
    their outline is soft.
    """
    block = paper.block
    before, after = _block_means(scan, block), _block_means(cleaned, block)
    before = np.minimum(before * 255 / paper.level, 255)
    dark = 255 - before.min(axis=2)
    moved = np.abs(before - after).max(axis=2)
    brightest = block_reduce(padded(neutral_darkest(scan, paper), block), block, highest=True)
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


def _block_means(pixels: Pixels, block: int) -> Plane:
    """Mean of each block, `(h, w, C)`."""
    whole = padded(pixels, block)
    height, width = whole.shape[:2]
    rows = whole.reshape(height // block, block, -1).sum(axis=1, dtype=np.uint16)
    rows = rows.reshape(height // block, width, -1)
    total = rows[:, 0::block].copy()
    for offset in range(1, block):
        total += rows[:, offset::block]
    return total.astype(np.float32) / (block * block)


def _outline_sharpness(
    found: Components, ground: Mask, dark: Plane, seen: _Evidence, block: int
) -> Floats:
    """Slope over darkness where each ground ends, `(count,)`; kept ink is not looked at."""
    slope = block_reduce(padded(seen.slope, block), block, highest=True).astype(np.float32)
    kept = block_reduce(padded(seen.kept.astype(np.uint8), block), block, highest=True) > 0
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


def _mended(
    scan: Pixels, cleaned: Pixels, paper: Paper, back: Mask, gone: Mask, grounds: Plane
) -> Pixels:
    """The cleaned page with marks and grounds from the whitened scan."""
    out = cleaned.copy()
    height, width = scan.shape[:2]
    for top in range(0, height, BAND):
        rows = slice(top, min(top + BAND, height))
        blocks = grounds[top // paper.block : -(-rows.stop // paper.block)]
        if not (back[rows].any() or gone[rows].any() or blocks.any()):
            continue
        white = whitened(scan, paper, rows)
        least = np.maximum(paper.grain * 255, FAINTEST)
        bare = 255 - darkest(white) < enlarged(least, paper.block, rows, width)
        white[bare & ~_spread(paper.picture, paper.block, rows, width)] = 255
        part = out[rows]
        here = back[rows] | (_spread(grounds, paper.block, rows, width) > 0)
        part[here] = np.minimum(part[here], white[here])
        part[gone[rows]] = np.maximum(part[gone[rows]], white[gone[rows]])
    return out
