"""Tiles: cut from where a page needs work, and blended back without a seam.

A network that sees a tile as a whole (global pooling) needs tiles of exactly one size: `grid`. A
page smaller than a tile is extended by reflection; the last tile of a row or column is moved
inwards instead of padded. Any other network takes what fits: `cover` lays tiles of up to the wanted
size over the parts of the page that need them, each group of marks by itself, where the sum of them
is least, and leaves the rest alone.

Where tiles overlap they are cross-faded: every tile is multiplied by a window that rises linearly
over its overlap, the products are summed, and the sum is divided by the summed windows. Whatever
the offsets, weights of a pixel then add up to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scanclean.page import Pixels
from scanclean.shapes import components, dilate

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

MOST_PARTS = 400
"""With more groups of marks than this, dirt is everywhere: there is nothing to leave out."""
SLAB = 16
"""Rows that are finished at a time: what is worked on stays in the cache."""
TILE_COST = 48
"""A tile costs as much beyond its pixels as a square of this side."""
REACH = 80
"""A network tells a picture from paper by what lies up to so many pixels beside its edge: measured
64, and edges are known to 16."""
EDGE_COST = 256
"""Pixels of length that it may cost not to cut so near along an edge of a picture."""


class Tile(NamedTuple):
    """A rectangle of a page, in pixels."""

    y: int
    """Upper edge; negative above the page."""
    x: int
    """Left edge; negative beside it."""
    height: int
    """Rows."""
    width: int
    """Columns."""


class Part(NamedTuple):
    """A part of what a page needs."""

    y: int
    """Upper edge of the rectangle around it, pixels."""
    x: int
    """Left edge."""
    mask: Mask
    """Its pixels in that rectangle, bool `(height, width)`."""


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Offsets of tiles that cover `length` pixels, each exactly `tile` long.

    Neighbours share at least `overlap`; the last tile is moved inwards.

    >>> starts(600, 256, 32)
    [0, 224, 344]
    >>> starts(100, 256, 32)
    [0]
    """
    if length <= tile:
        return [0]
    step = tile - overlap
    return [*range(0, length - tile, step), length - tile]


def grid(height: int, width: int, side: int, overlap: int) -> list[Tile]:
    """Square tiles of exactly one size over a whole page, row by row."""
    return [
        Tile(y, x, side, side)
        for y in starts(height, side, overlap)
        for x in starts(width, side, overlap)
    ]


def needing(tiles: Sequence[Tile], needed: Mask) -> list[Tile]:
    """The tiles that hold a pixel of `needed`, bool `(H, W)`."""
    return [t for t in tiles if needed[t.y : t.y + t.height, t.x : t.x + t.width].any()]


def moved(tiles: Sequence[Tile], places: Sequence[tuple[int, int]]) -> list[Tile]:
    """All tiles once at every place, given in rows down and columns right, sorted by upper edge.

    A network that reduces its picture sees another one from each place, and errs in another way:
    the mean, which a `Blender` takes, errs less. (Cycle spinning: Coifman & Donoho 1995,
    "Translation-Invariant De-Noising".)
    """
    return sorted(t._replace(y=t.y + y, x=t.x + x) for t in tiles for y, x in places)


def cover(
    needed: Mask,
    side: int,
    overlap: int,
    margin: int,
    multiple: int,
    picture: Mask | None = None,
) -> list[Tile]:
    """Tiles over the parts of a page that need work, about equal in size, sorted by upper edge.

    Args:
        needed: pixels that need work, bool `(H, W)`; the sides are multiples of `multiple`.
        side: largest side of a tile, a multiple of `multiple`.
        overlap: pixels that neighbours share, at least.
        margin: pixels around what is needed that a tile takes in.
        multiple: the sides of tiles are multiples of this.
        picture: where the page shows photographs and dark grounds, bool `(H, W)`, near whose edges
            it is better not cut; None: nowhere.
    """
    height, width = needed.shape
    shown = np.zeros((height, width), np.bool_) if picture is None else picture
    edges = shown.any()
    tiles = []
    for part in parts(needed, margin, multiple):
        high, wide = part.mask.shape
        rows, breadth = _line(height, part.y, part.mask, axis=1), min(side, wide)
        strain = _strain(shown[:, part.x : part.x + wide], axis=1) if edges else None
        for y, tall in lay(rows, side, overlap, margin, multiple, breadth, strain):
            band = part.mask[max(0, y - part.y) : y + tall - part.y]
            columns = _line(width, part.x, band, axis=0)
            strain = _strain(shown[y : y + tall], axis=0) if edges else None
            tiles += [
                Tile(y, x, tall, broad)
                for x, broad in lay(columns, side, overlap, margin, multiple, tall, strain)
            ]
    return sorted(tiles)


def _strain(picture: Mask, axis: int) -> Plane:
    """What cutting costs along rows (axis 1) or columns (axis 0) of a part of a page, in pixels."""
    share = picture.mean(axis=axis, dtype=np.float32)
    edges = np.abs(np.diff(share, prepend=share[0]))
    near = np.lib.stride_tricks.sliding_window_view(np.pad(edges, REACH), 2 * REACH + 1)
    cost: Plane = EDGE_COST * near.max(axis=1)
    return cost


def _line(length: int, start: int, mask: Mask, axis: int) -> Mask:
    """Which rows (axis 1) or columns (axis 0) of a page hold a pixel of a part of it."""
    line = np.zeros(length, np.bool_)
    line[start : start + mask.shape[1 - axis]] = np.logical_or.reduce(mask, axis=axis)
    return line


def parts(needed: Mask, margin: int, cell: int) -> list[Part]:
    """Cut what a page needs into what is best worked on apart.

    A speck in the margin must not make a tile of the whole margin, nor stretch those of the text.
    So marks that are nearer to each other than two margins belong together, and such groups are
    joined, always the two that gain most, as long as the rectangle around both is smaller than
    their own two.

    Args:
        needed: pixels that need work; the sides are multiples of `cell`.
        margin: pixels around them that are worked on as well.
        cell: side of the squares that are looked at as a whole, pixels.
    """
    height, width = needed.shape
    squares = needed.reshape(height // cell, cell, width // cell, cell)
    cells = np.logical_or.reduce(squares, axis=(1, 3))
    groups = components(dilate(cells, -(-margin // cell)))
    if not 1 < groups.count <= MOST_PARTS:
        return [Part(0, 0, needed)] if groups.count else []
    boxes = np.stack(
        [
            groups.each(groups.row, np.minimum),
            groups.each(groups.start, np.minimum),
            groups.each(groups.row + 1, np.maximum),
            groups.each(groups.stop, np.maximum),
        ],
        axis=1,
    )
    found = []
    for members in _joined(boxes, (TILE_COST / cell) ** 2):
        chosen = np.isin(np.arange(groups.count), members)
        own = groups.paint(chosen, cells.shape)
        (top, bottom), (left, right) = (
            np.flatnonzero(np.logical_or.reduce(own, axis=axis))[[0, -1]].tolist()
            for axis in (1, 0)
        )
        mask = own[top : bottom + 1, left : right + 1].repeat(cell, axis=0).repeat(cell, axis=1)
        y, x = top * cell, left * cell
        mask &= needed[y : y + mask.shape[0], x : x + mask.shape[1]]
        found.append(Part(y, x, mask))
    return found


def _joined(boxes: npt.NDArray[np.intp], extra: float) -> list[list[int]]:
    """Indices of boxes (top, left, bottom, right), `(n, 4)`, that are cheaper as one."""
    members = [[n] for n in range(len(boxes))]
    while len(boxes) > 1:
        low = np.minimum(boxes[:, None, :2], boxes[None, :, :2])
        high = np.maximum(boxes[:, None, 2:], boxes[None, :, 2:])
        area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        gain = area[:, None] + area[None] + extra - (high - low).prod(axis=2)
        np.fill_diagonal(gain, -1)
        a, b = np.unravel_index(int(gain.argmax()), gain.shape)
        if gain[a, b] <= 0:
            break
        boxes[a] = (*low[a, b], *high[a, b])
        members[a] += members.pop(b)
        boxes = np.delete(boxes, b, axis=0)
    return members


def lay(
    needed: Mask,
    side: int,
    overlap: int,
    margin: int,
    multiple: int,
    breadth: int,
    strain: Plane | None = None,
) -> list[tuple[int, int]]:
    """Cover what is needed along a line as cheaply as can be, cutting where nothing is.

    Where a cut meets something, the two neighbours share `overlap`; at a bare place each of them
    takes in the margin of its own side, which is less, and no seam can be seen there. Offsets are
    multiples, too: a network that reduces its picture by 2 four times sees another picture when it
    is moved by less than 16 pixels.

    Args:
        needed: bool `(n,)`; `n` is a multiple.
        side: largest size, a multiple.
        overlap: pixels that neighbours share, a multiple, at most `side - multiple`.
        margin: pixels around what is needed that are covered as well, where `side` allows it.
        multiple: offsets and sizes are multiples of this.
        breadth: size the other way, which tells what a tile more costs.
        strain: what the end of a tile that another one overlaps costs at each place beyond that,
            pixels `(n,)`.

    Returns:
        (offset, size) of each.

    >>> line = np.zeros(704, bool); line[20:690] = True; line[330:340] = False
    >>> lay(line, 512, 64, 16, 16, 512)
    [(0, 352), (320, 384)]
    """
    if not needed.any():
        return []
    until, since, extra = _cuts(needed, overlap, margin, multiple, strain)
    cost, before = np.full(len(until), np.inf), np.zeros(len(until), np.intp)
    cost[0] = 0
    for n in range(1, len(until)):
        size = until[n] - since[:n]
        total = cost[:n] + size + (size / side) ** 2  # of equals the most even
        total[(size <= 0) | (size > side)] = np.inf
        before[n] = total.argmin()
        cost[n] = total[before[n]] + TILE_COST**2 / breadth + extra[n]
    found = []
    n = len(until) - 1
    while n:
        n, stop = int(before[n]), int(until[n])
        found.append((int(since[n]), stop - int(since[n])))
    return found[::-1]


def _cuts(
    needed: Mask, overlap: int, margin: int, multiple: int, strain: Plane | None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Plane]:
    """Where a line may be cut, the first and the last being its ends.

    Returns:
        Of each: where what comes before it ends, where what comes behind it begins, what it costs.
    """
    edges = np.flatnonzero(np.diff(needed, prepend=False, append=False))
    first = max(0, edges[0] - margin) // multiple * multiple
    last = min(len(needed), -(-(edges[-1] + margin) // multiple) * multiple)
    bare_until = -(-(edges[1:-1:2] + margin) // multiple) * multiple
    bare_since = (edges[2::2] - margin) // multiple * multiple
    half = overlap // multiple // 2 * multiple
    through = np.arange(first, last, multiple) + half
    until = np.concatenate([bare_until, through])
    since = np.concatenate([bare_since, through - overlap])
    cost = np.zeros(len(until), np.float32)
    if strain is not None:  # tiles that do not meet have nothing to disagree about
        ends = np.stack([until - 1, since]).clip(0, len(needed) - 1)
        cost = np.where(until > since, strain[ends].max(axis=0), cost)
    order = np.argsort(until + since, kind="stable")
    return (
        np.concatenate([[first], until[order], [last]]).clip(first, last),
        np.concatenate([[first], since[order], [last]]).clip(first, last),
        np.concatenate([[0], cost[order], [0]]).astype(np.float32),
    )


def cut(pixels: Pixels, tile: Tile) -> Pixels:
    """A tile of a page: `(height, width[, 3])`; beyond its edges the page is mirrored.

    Even a single row fills a tile so, to and fro.
    """
    height, width = pixels.shape[:2]
    bottom, right = tile.y + tile.height, tile.x + tile.width
    if tile.y >= 0 and tile.x >= 0 and bottom <= height and right <= width:
        return pixels[tile.y : bottom, tile.x : right]
    rows = _mirrored(np.arange(tile.y, bottom), height)
    return pixels[rows[:, None], _mirrored(np.arange(tile.x, right), width)]


def _mirrored(index: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.intp]:
    """Where in `length` pixels an index beyond them falls, each edge a mirror."""
    there = index % (2 * length)
    return np.minimum(there, 2 * length - 1 - there)


def window(length: int, overlap: int) -> Plane:
    """Weights along one side of a tile: `(length,)` float32, rising over `overlap`, 1, falling.

    Linear ramps make two overlapping neighbours an exact cross-fade. The ends are above zero, so
    that what only one tile covers keeps a weight to divide by.
    """
    ramp = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)) / (overlap + 1)
    return np.minimum(ramp, 1).astype(np.float32)


class Blender:
    """Collects the tiles of one page, row by row, in bounded memory.

    Only the rows of pixels that a coming tile may still touch are kept as float32; finished rows
    are rounded to uint8 at once.

    Args:
        page: the page without the tiles, uint8 `(H, W, C)`: what stays where no tile lies. The
            tiles are written into it.
        tiles: all that will come, sorted by their upper edge.
        overlap: pixels over which neighbours fade.
    """

    def __init__(self, page: Pixels, tiles: Sequence[Tile], overlap: int) -> None:
        self._page = page
        self._overlap = overlap
        tallest = max((tile.height for tile in tiles), default=1)
        # Channels apart, as networks give them: no inner loop is as short as a pixel.
        self._sum = np.zeros((page.shape[2], tallest, page.shape[1]), np.float32)
        self._weight = np.zeros((tallest, page.shape[1]), np.float32)
        self._top = 0
        assert all(a.y <= b.y for a, b in pairwise(tiles))

    def add(self, tile: Tile, restored: Plane) -> None:
        """Add a restored tile `(height, width, C)`, values in [0, 1]."""
        if tile.y > self._top:
            self._finish(tile.y)
        first = tile.y - self._top
        h = min(tile.height, len(self._page) - tile.y)
        w = min(tile.width, self._page.shape[1] - tile.x)
        weight = window(tile.height, self._overlap)[:h, None]
        weight = weight * window(tile.width, self._overlap)[None, :w]
        rows, columns = slice(first, first + h), slice(tile.x, tile.x + w)
        for total, plane in zip(self._sum, restored.transpose(2, 0, 1), strict=True):
            total[rows, columns] += plane[:h, :w] * weight
        self._weight[rows, columns] += weight

    def page(self) -> Pixels:
        """The blended page, uint8 `(H, W, C)`; call once, when every tile was added."""
        self._finish(len(self._page))
        return self._page

    def _finish(self, upto: int) -> None:
        done = min(upto - self._top, len(self._weight))
        for first in range(0, done, SLAB):
            rows = slice(first, min(first + SLAB, done))
            covered = self._weight[rows] > 0
            scale = 255 / np.where(covered, self._weight[rows], 1)
            page = self._page[self._top + first : self._top + rows.stop]
            for channel, total in enumerate(self._sum[:, rows]):
                level = np.multiply(total, scale, out=total)
                np.rint(np.clip(level, 0, 255, out=level), out=level)
                np.copyto(page[..., channel], level, where=covered, casting="unsafe")
        left = self._weight.shape[0] - done
        for kept in (*self._sum, self._weight):
            kept[:left] = kept[done:]
            kept[left:] = 0
        self._top = upto
