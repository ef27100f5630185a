"""The fate of ink: which marks of the clean page are still there, which were never on it.

A mark is a connected set of pixels that differ from the ground around them. Every mark counts once,
a decimal point as much as a headline: a lost point is a lost fact. Grounds are told from marks by a
closing, so strokes up to 48 pixels wide are seen. Where the page around is dark, light marks are
ink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.page import Pixels, darkest
from scanclean.shapes import Components, box_mean, components, dilate, erode, pieces

Mask: TypeAlias = npt.NDArray[np.bool_]

CLASSES = (64, 26, 10)
"""Least contrast, in levels, of the three classes of marks: 25 %, 10 % and 4 % of full scale."""
CLASS_NAMES = (">=25%", "10-25%", "4-10%")
"""What to call them."""
STROKE_RADIUS = 24
"""Pixels; marks twice as wide are still told from grounds."""
KEPT = 0.4
"""A mark is there if it has at least this share of its contrast: less is lost to a reader."""
LEAST_AREA = 3
"""Pixels of the smallest mark; one or two are the dots of a renderer or of noise."""
NEAR = 3
"""Pixels around ink of the clean page in which other ink is its blur, not an invention."""
PIECE = 64
"""Larger marks (rules, words of joined letters, outlines) are judged in squares of this side."""
HALO = 3
"""A mark beside another of so many times its contrast is the rim of that one, no mark."""
DIRT = 26
"""Levels (10 %) by which blank ground must differ from that of the clean page to be dirty."""
DARK_PAGE = 110
"""Mean level of the surroundings below which light marks are ink."""

Counts: TypeAlias = tuple[int, int, int]
"""One number for each of `CLASSES`."""


@dataclass(frozen=True)
class Fate:
    """Marks by contrast class."""

    marks: Counts
    """On the clean page, outside pictures."""
    kept: Counts
    """Of these, still there."""
    shown: Counts
    """Of the marks on the clean page, there in the scan: no more can be asked for."""
    eaten: Counts
    """There in the scan, but not in the output."""
    invented: Counts
    """In the output away from clean ink, but not in the scan."""
    ground: int
    """Pixels of the clean page away from ink and pictures."""
    dirt: int
    """Of these, pixels that still differ by `DIRT` or more: stains, specks, shadows, tint."""


@dataclass(frozen=True)
class Truth:
    """What `fate` needs to know of the clean page; made once, used for every output."""

    plane: Pixels
    """Darkest channel, `(H, W)`."""
    contrast: Pixels
    """How far each pixel stands out of its ground, `(H, W)`."""
    light: Mask
    """Where light marks are ink, `(H, W)`."""
    picture: Mask
    """Where tones are a picture's, so that nothing is a mark, `(H, W)`."""
    marks: Components
    """The marks."""
    peak: Pixels
    """Contrast of each mark, `(marks,)`."""


def truth(clean: Pixels, picture: Mask) -> Truth:
    """Find the marks of a clean page.

    Args:
        clean: uint8 `(H, W)` or `(H, W, 3)`.
        picture: pixels of photographs, `(H, W)`.
    """
    plane = darkest(clean)
    light = box_mean(plane, 2 * STROKE_RADIUS) < DARK_PAGE
    contrast = _contrast(plane, light)
    contrast[picture] = 0
    marks, peak = _marks(_in_pieces(components(contrast >= CLASSES[-1])), contrast)
    beside = marks.each(marks.run_max(dilate(contrast, NEAR - 1)), np.maximum)
    marks, peak = _subset(marks, peak, beside < HALO * peak.astype(np.float32))
    return Truth(plane, contrast, light, picture, marks, peak)


def fate(clean: Truth, scan: Pixels, restored: Pixels) -> Fate:
    """What became of the marks.

    Args:
        clean: `truth` of the clean page.
        scan: what was restored, uint8 `(H, W)` or `(H, W, 3)`.
        restored: the output, of the same size.
    """
    after = darkest(restored)
    out = _contrast(after, clean.light)
    before = _contrast(darkest(scan), clean.light)
    least = KEPT * _mean(clean.marks, clean.contrast)
    kept = _mean(clean.marks, out) >= least
    shown = _mean(clean.marks, before) >= least
    ground = dilate(clean.contrast, NEAR) < CLASSES[-1]
    ground &= ~dilate(clean.picture, NEAR)
    found, peak = _marks(components((out >= CLASSES[-1]) & ground), out)
    invented = _mean(found, before) < KEPT * _mean(found, out)
    difference = np.maximum(after, clean.plane) - np.minimum(after, clean.plane)
    return Fate(
        _counts(clean.peak),
        _counts(clean.peak[kept]),
        _counts(clean.peak[shown]),
        _counts(clean.peak[shown & ~kept]),
        _counts(peak[invented]),
        int(np.count_nonzero(ground)),
        int(np.count_nonzero(ground & (difference >= DIRT))),
    )


def _contrast(plane: Pixels, light: Mask) -> Pixels:
    dark = erode(dilate(plane, STROKE_RADIUS), STROKE_RADIUS) - plane
    if not light.any():
        return dark
    return np.where(light, plane - dilate(erode(plane, STROKE_RADIUS), STROKE_RADIUS), dark)


def _in_pieces(found: Components) -> Components:
    """Large marks cut along a grid, both ways."""
    first = found.start // PIECE
    count = (found.stop - 1) // PIECE - first + 1
    run = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
    left = (first[run] + nth) * PIECE
    start, stop = np.maximum(found.start[run], left), np.minimum(found.stop[run], left + PIECE)
    return pieces(Components(found.row[run], start, stop, found.label[run], found.count), PIECE)


def _marks(found: Components, contrast: Pixels) -> tuple[Components, Pixels]:
    """Marks of at least `LEAST_AREA` pixels, and the highest contrast of each."""
    peak = found.each(found.run_max(contrast), np.maximum)
    return _subset(found, peak, found.area >= LEAST_AREA)


def _subset(found: Components, peak: Pixels, keep: Mask) -> tuple[Components, Pixels]:
    """Only some of the marks, numbered anew."""
    if not found.count:
        return found, peak
    runs, names = keep[found.label], np.cumsum(keep) - 1
    left = (found.row[runs], found.start[runs], found.stop[runs], names[found.label[runs]])
    return Components(*left, int(keep.sum())), peak[keep]


def _run_sum(found: Components, plane: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Sum of a plane `(H, W)` over each run."""
    width = plane.shape[1]
    total = np.zeros(plane.size + 1, np.int64)
    np.cumsum(plane.reshape(-1), dtype=np.int64, out=total[1:])
    first = found.row * width
    return total[first + found.stop] - total[first + found.start]


def _mean(found: Components, plane: Pixels) -> npt.NDArray[np.float64]:
    return found.each(_run_sum(found, plane), np.add) / np.maximum(found.area, 1)


def _counts(peak: Pixels) -> Counts:
    a, b, c = (int(np.count_nonzero(peak >= least)) for least in CLASSES)
    return a, b - a, c - b
