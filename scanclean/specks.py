"""Specks: black points that a dirty glass, a copier or a fax strewed over a page.

They are as dark and as sharp as print, so a network that must not lose a decimal point keeps them.
What tells them from points that mean something is seen on a page as a whole only: they are finer
than its strokes, there are many, they lie where nothing is written, and in no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.blocks import BAND_BLOCKS, block_reduce, by_band, enlarged, spread
from scanclean.page import Pixels, darkest
from scanclean.paper import Paper
from scanclean.shapes import Components, box_mean, components, dilate

Mask: TypeAlias = npt.NDArray[np.bool_]
Places: TypeAlias = npt.NDArray[np.float32]
"""Rows and columns of points, `(2, n)`."""

DARK = 128
"""The core of a speck is darker than this on white paper; paler points may be pencil."""
RIM = 200
"""Its rim is."""
SMALL = 1.5
"""Sides of a speck far away from all writing, in widths of a stroke, at most: a full stop has
1.2 to 1.5."""
LEAST = 2
"""Width of strokes in pixels, at least; of finer ones nothing is known, as they fall apart."""
FAR = 6
"""Widths of a stroke that are far."""
FINE = 0.7
"""Sides of one that may lie closer."""
APART = 1.5
"""From writing that is at least so many widths of a stroke away, and `APART_PX` more."""
APART_PX = 2
MANY = 24
"""So many must lie far from all ink, before any goes."""
LONELY = 2
"""Blocks that are dark, of 25, around such a speck; more are writing."""
PARTS = 4
"""The page is cut into so many parts along each side; specks lie in at least `PARTS_WITH`."""
PARTS_WITH = 9
CROWD = 3
"""A speck with so many others near it, within `NEAR` widths of a stroke, belongs to a tint, a fine
dotted line or a worn stroke."""
NEAR = 5
ROW = 4
"""One with so many others in its row or column, within `ALONG` widths, belongs to a dotted line."""
ALONG = 20
ASLANT = 0.25
"""Widths by which such a line may miss them, and a pixel."""
FRAME = 8
"""A set that is as wide and as high as this part of the page is the frame or the axes of a plot,
unless it touches the page's `EDGE`: inside, points mean something."""
EDGE = 0.01
WRITTEN = (2, 98)
"""Per cent of the marks that lie above, and left of, the two sides of what is written on."""
AS_DENSE = 0.25
"""Specks lie in the margins at least so many times as densely as between them."""
DISORDER = 0.3
"""Deviation of the distances to the nearest speck, over their mean. It is 0.5 for points that fell
by chance, and 0 for those of a grid."""
LOOKED_AT = 400
"""Specks whose neighbours are looked for, to know that."""


@dataclass(frozen=True)
class Specks:
    """The specks of a page."""

    pixels: Mask
    """Where they are, with the rim, `(H, W)`."""
    count: int
    """How many."""


def specks(even: Pixels, paper: Paper) -> Specks | None:
    """Find the specks of a page; None if it has none that must go.

    Args:
        even: the page with even, white paper, uint8 `(H, W)` or `(H, W, 3)`.
        paper: of the scan.
    """
    plane = darkest(even)
    if not _strewn(plane, paper):
        return None
    found = components(plane < RIM)
    width = _stroke(found)
    if width < LEAST:
        return None
    side = _side(found)
    dark = found.each(found.run_max(255 - plane), np.maximum) > 255 - DARK
    small = side <= SMALL * width
    ink = found.paint(~small, plane.shape)
    ink |= spread(paper.picture, paper.block, slice(0, len(plane)), plane.shape[1])
    far = small & dark & ~_touches(found, ink, round(FAR * width))
    near = (side <= FINE * width) & dark & ~_touches(found, ink, round(APART * width) + APART_PX)
    alone, place = far | near, _centres(found)
    alone[alone] = ~_in_company(place[:, small], place[:, alone], width)
    alone &= ~_framed(found, place, plane.shape)
    if not _by_chance(place[:, alone & far], plane.shape):
        return None
    if not _in_margins(place[:, alone & far], place[:, ~small], plane.shape):
        return None
    count = int(np.count_nonzero(alone))
    return Specks(dilate(found.paint(alone, plane.shape), 1), count)


def painted_over(scan: Pixels, spots: Mask, paper: Paper) -> Pixels:
    """The scan with its paper in place of the specks."""
    out = scan.copy()
    planes = out if out.ndim == 3 else out[..., None]
    step, (height, width) = BAND_BLOCKS * paper.block, out.shape[:2]
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        here = spots[rows]
        if here.any():
            for c in range(planes.shape[2]):
                level = np.rint(enlarged(paper.level[..., c], paper.block, rows, width))
                planes[rows, :, c][here] = level[here]
    return out


def _strewn(plane: Pixels, paper: Paper) -> bool:
    """Whether dark points lie where nothing is written: a glance, before sets are looked for."""
    low = by_band(lambda band: block_reduce(band, paper.block, highest=False), plane, paper.block)
    dark = (low < DARK) & ~paper.picture
    alone = dark & (box_mean(dark, 2) * 25 < LONELY + 0.5)
    return int(np.count_nonzero(alone)) >= MANY


def _stroke(found: Components) -> float:
    """Width of the strokes in pixels: the usual run of sets that are no specks themselves."""
    run = found.stop - found.start
    tall = found.each(found.row, np.maximum) - found.each(found.row, np.minimum)
    large = tall[found.label] >= 3 * np.median(run) if len(run) else run > 0
    return float(np.median(run[large])) if large.any() else 0.0


def _side(found: Components) -> npt.NDArray[np.intp]:
    """The longer side of the box around each set."""
    high = found.each(found.row, np.maximum) - found.each(found.row, np.minimum) + 1
    wide = found.each(found.stop, np.maximum) - found.each(found.start, np.minimum)
    return np.maximum(high, wide)


def _centres(found: Components) -> Places:
    row = found.each(found.row, np.minimum) + found.each(found.row, np.maximum)
    column = found.each(found.start, np.minimum) + found.each(found.stop, np.maximum) - 1
    middle: Places = np.stack([row, column]).astype(np.float32) / np.float32(2)
    return middle


def _touches(found: Components, ink: Mask, distance: int) -> Mask:
    """Which sets lie within a square of this radius around ink."""
    near = dilate(ink, distance).astype(np.uint8)
    touched: Mask = found.each(found.run_max(near), np.maximum) > 0
    return touched


def _in_company(points: Places, some: Places, width: float) -> Mask:
    """Which of some points, `(2, n)`, are crowded or in line with others of all, `(2, m)`."""
    points = points[:, np.argsort(points[0])]
    near, along, aside = NEAR * width, ALONG * width, ASLANT * width + 1

    def others(y: float, x: float, high: float, wide: float) -> int:
        first, last = np.searchsorted(points[0], (y - high, y + high))
        return int(np.count_nonzero(np.abs(points[1, first:last] - x) <= wide)) - 1

    return np.array(
        [
            others(y, x, near, near) >= CROWD
            or others(y, x, aside, along) >= ROW
            or others(y, x, along, aside) >= ROW
            for y, x in some.T
        ],
        np.bool_,
    )


def _framed(found: Components, place: Places, shape: tuple[int, ...]) -> Mask:
    """Which sets lie within the box around a frame."""
    first, last = found.each(found.row, np.minimum), found.each(found.row, np.maximum)
    left, right = found.each(found.start, np.minimum), found.each(found.stop, np.maximum)
    height, width = shape
    frame = (last - first >= height / FRAME) & (right - left >= width / FRAME)
    frame &= (first >= EDGE * height) & (last < (1 - EDGE) * height)
    frame &= (left >= EDGE * width) & (right <= (1 - EDGE) * width)
    inside = np.zeros(found.count, np.bool_)
    for top, bottom, start, stop in np.stack([first, last, left, right])[:, frame].T:
        inside |= (place[0] > top) & (place[0] < bottom) & (place[1] > start) & (place[1] < stop)
    return inside


def _in_margins(points: Places, marks: Places, shape: tuple[int, ...]) -> bool:
    """Whether points lie around what is written, too: dirt knows no margins."""
    (top, bottom), (left, right) = np.percentile(marks, WRITTEN, axis=1).T
    share = (bottom - top) * (right - left) / (shape[0] * shape[1])
    row, column = points
    within = ((row > top) & (row < bottom) & (column > left) & (column < right)).mean()
    return bool((1 - within) * share >= AS_DENSE * within * (1 - share) and share < 1)


def _by_chance(points: Places, shape: tuple[int, ...]) -> bool:
    """Whether points, `(2, n)`, are many, all over the page, and in no order."""
    row, column = points
    if len(row) < MANY:
        return False
    part = (row * PARTS // shape[0]) * PARTS + column * PARTS // shape[1]
    if len(np.unique(part)) < PARTS_WITH:
        return False
    some = np.linspace(0, len(row) - 1, min(len(row), LOOKED_AT)).astype(np.intp)
    square = (row[some, None] - row) ** 2 + (column[some, None] - column) ** 2
    square[np.arange(len(some)), some] = np.inf
    nearest = np.sqrt(square.min(axis=1))
    return float(nearest.std() / nearest.mean()) > DISORDER
