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

from scanclean.page import Pixels
from scanclean.paper import darkest
from scanclean.shapes import Components, box_mean, components, dilate, erode

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
    invented: Counts
    """In the output, but neither on the clean page nor in the scan."""
    dirt: Counts
    """In the output and in the scan, but not on the clean page."""


@dataclass(frozen=True)
class Truth:
    """What `fate` needs to know of the clean page; made once, used for every output."""

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
    marks, peak = _marks(contrast >= CLASSES[-1], contrast)
    return Truth(contrast, light, picture, marks, peak)


def fate(clean: Truth, scan: Pixels, restored: Pixels) -> Fate:
    """What became of the marks.

    Args:
        clean: `truth` of the clean page.
        scan: what was restored, uint8 `(H, W)` or `(H, W, 3)`.
        restored: the output, of the same size.
    """
    out = _contrast(darkest(restored), clean.light)
    kept = _mean(clean.marks, out) >= KEPT * _mean(clean.marks, clean.contrast)
    free = dilate(clean.contrast, NEAR) < CLASSES[-1]
    free &= ~dilate(clean.picture, NEAR)
    # Connected sets first, so that what touches the blur of real ink is not cut off and counted.
    found, peak = _marks(out >= CLASSES[-1], out)
    alone = found.each(_run_sum(found, ~free), np.add) == 0
    dirty = _mean(found, _contrast(darkest(scan), clean.light)) >= KEPT * _mean(found, out)
    return Fate(
        _counts(clean.peak),
        _counts(clean.peak[kept]),
        _counts(peak[alone & ~dirty]),
        _counts(peak[alone & dirty]),
    )


def _contrast(plane: Pixels, light: Mask) -> Pixels:
    dark = erode(dilate(plane, STROKE_RADIUS), STROKE_RADIUS) - plane
    if not light.any():
        return dark
    return np.where(light, plane - dilate(erode(plane, STROKE_RADIUS), STROKE_RADIUS), dark)


def _marks(mask: Mask, contrast: Pixels) -> tuple[Components, Pixels]:
    """Marks of at least `LEAST_AREA` pixels, and the highest contrast of each."""
    found = components(mask)
    large = found.area >= LEAST_AREA
    runs = large[found.label] if found.count else np.zeros(0, np.bool_)
    names = np.cumsum(large) - 1
    label = names[found.label[runs]] if found.count else found.label
    left = Components(found.row[runs], found.start[runs], found.stop[runs], label, int(large.sum()))
    return left, left.each(left.run_max(contrast), np.maximum)


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
