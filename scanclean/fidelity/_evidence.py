"""What is seen of scan and output, pixel by pixel: contrast, slope, ink lost, kept and invented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.blocks import spread
from scanclean.page import Pixels, darkest
from scanclean.paper import Paper, neutral_darkest
from scanclean.shapes import dilate, erode

Mask: TypeAlias = npt.NDArray[np.bool_]

BAND = 512
"""Rows worked on at once; bounds the memory of the passes over the whole page."""
STROKE_RADIUS = 16
"""Strokes up to 32 pixels wide stand out from a closing of this radius; wider ones fill blocks."""
HALO = 2 * STROKE_RADIUS + 8
"""Rows around a band that decide about its own."""
GRAIN_FACTOR = 1.0
"""Ink stands out by this many times the depth of the grain, in means of 3 x 3 pixels: about 2.4
standard deviations of the raw noise, 7 of the means."""
SLOPE_OF_GRAIN = 0.32
"""How much grain adds to the steepest step nearby, measured on blurred marks with and without."""
FRINGE = 0.18
"""Beside kept ink, what has less than this share of its contrast is its blur, or JPEG's ringing."""
FRINGE_RADIUS = 6
"""How far such fringes reach: JPEG rings within its block of 8."""
STRONG = 64
"""Contrast in levels (25 %) that show-through and shadows hardly reach."""
LEAST_INVENTED = 40
"""Contrast in levels from which ink in the output needs a reason in the scan."""
MOST_GAIN = 10
"""A cleaner may make ink this many times as strong; beyond it, there was nothing."""


@dataclass(frozen=True)
class Limits:
    """From where on something is ink, and lost."""

    faintest: int
    """Contrast in levels below which nothing counts as ink."""
    kept: float
    """Ink with less than this share of its contrast in the output is lost."""


USUAL = Limits(faintest=9, kept=0.4)
"""Pencil starts at 6 % (15 levels), and a reader loses what has less than two fifths of it."""
PALE = Limits(faintest=5, kept=0.8)
"""On a page in pale ink alone there is nothing else to be read, and none of it to be spared."""


@dataclass(frozen=True)
class Evidence:
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


def measure(scan: Pixels, cleaned: Pixels, paper: Paper, limits: Limits = USUAL) -> Evidence:
    """Compare scan and output pixel by pixel, in bands of rows."""
    height, width = scan.shape[:2]
    shape = (height, width)
    contrast, slope = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    lost, invented, kept, beside = (np.empty(shape, np.bool_) for _ in range(4))
    measures = _measures(paper, limits)
    for top in range(0, height, BAND):
        stop = min(top + BAND, height)
        rows = slice(max(top - HALO, 0), min(stop + HALO, height))
        part = _measure_band(scan, cleaned, paper, limits, measures, rows)
        own = slice(top - rows.start, stop - rows.start)
        contrast[top:stop], slope[top:stop] = part.contrast[own], part.slope[own]
        lost[top:stop], invented[top:stop] = part.lost[own], part.invented[own]
        kept[top:stop], beside[top:stop] = part.kept[own], part.beside[own]
    return Evidence(contrast, slope, lost, invented, kept, beside)


def _measures(paper: Paper, limits: Limits) -> tuple[npt.NDArray[np.uint16], Pixels, Pixels]:
    """For each block: the factor that makes paper white in 64ths, least contrast, slope of grain.

    The last two in levels.
    """
    gain = np.clip(64 * 255 / paper.level.max(axis=2), 64, 6000).astype(np.uint16)
    least = np.maximum(GRAIN_FACTOR * 255 * paper.grain, limits.faintest).astype(np.uint8)
    return gain, least, (SLOPE_OF_GRAIN * 255 * paper.grain).astype(np.uint8)


def _measure_band(
    scan: Pixels,
    cleaned: Pixels,
    paper: Paper,
    limits: Limits,
    measures: tuple[npt.NDArray[np.uint16], Pixels, Pixels],
    rows: slice,
) -> Evidence:
    """Compare some rows of scan and output."""
    width = scan.shape[1]
    gain = spread(measures[0], paper.block, rows, width)
    least, noise = (spread(plane, paper.block, rows, width) for plane in measures[1:])
    before = _mean3(neutral_darkest(scan[rows], paper))
    after = _mean3(darkest(cleaned[rows]))
    contrast = _scaled(_closed(before) - before, gain)
    slope = _scaled(dilate(before, 1) - erode(before, 1), gain)
    slope = np.maximum(slope, noise) - noise
    ground = _closed(after)
    near = ground - erode(after, 1)  # with the means: what the output has within 2 pixels
    fringe = _scaled(dilate(near, FRINGE_RADIUS), np.uint16(64 * FRINGE))
    ink = contrast >= least
    shown = near >= _scaled(contrast, np.uint16(64 * limits.kept))
    lost = ink & ~shown & (contrast >= fringe)
    own = ground - after
    reason = np.maximum(dilate(contrast, 3), dilate(slope, 2))
    invented = (own >= LEAST_INVENTED) & (reason < np.maximum(least, own // MOST_GAIN))
    beside = dilate(near, 2) >= STRONG
    return Evidence(contrast, dilate(slope, 1), lost, invented, ink & shown, beside)


def _scaled(plane: Pixels, factor: npt.NDArray[np.uint16] | np.uint16) -> Pixels:
    """`plane` times a factor in 64ths, at most 255."""
    return np.minimum((plane.astype(np.uint32) * factor) >> 6, 255).astype(np.uint8)


def _closed(plane: Pixels) -> Pixels:
    """The surroundings: dark things narrower than two radii are gone."""
    return erode(dilate(plane, STROKE_RADIUS), STROKE_RADIUS)


def _mean3(plane: Pixels) -> Pixels:
    """Mean of 3 x 3 pixels, which cuts the noise to a third, `(H, W)`."""
    wide = np.pad(plane, 1, mode="edge").astype(np.uint16)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    total = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return ((total * np.uint32(7282) + 32768) >> 16).astype(np.uint8)  # 7282 / 65536 = 1 / 9
