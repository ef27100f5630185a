"""Tiles of exactly one size: cut from a page, and blended back without a seam.

All tiles have one size because a network with global pooling must always see a full tile. A page
smaller than a tile is extended by reflection; the last tile of a row or column is moved inwards
instead of padded. Where tiles overlap they are cross-faded: every tile is multiplied by a window
that rises linearly over its overlap, the products are summed, and the sum is divided by the summed
windows. Whatever the offsets, weights of a pixel then add up to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanclean.page import Pixels

Plane = npt.NDArray[np.float32]


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


def window(tile: int, overlap: int) -> Plane:
    """Weights along one side of a tile: `(tile,)` float32, rising over `overlap`, 1, falling.

    Linear ramps make two overlapping neighbours an exact cross-fade. The ends are above zero, so
    that the page's own border, which only one tile covers, keeps a weight to divide by.
    """
    ramp = np.minimum(np.arange(1, tile + 1), np.arange(tile, 0, -1)) / (overlap + 1)
    return np.minimum(ramp, 1).astype(np.float32)


@dataclass(frozen=True)
class Grid:
    """Where the tiles of one page lie."""

    height: int
    """Height of the page."""
    width: int
    """Width of the page."""
    tile: int
    """Side of a tile."""
    overlap: int
    """Pixels that neighbours share, at least."""

    @property
    def rows(self) -> list[int]:
        """Upper edges."""
        return starts(self.height, self.tile, self.overlap)

    @property
    def columns(self) -> list[int]:
        """Left edges."""
        return starts(self.width, self.tile, self.overlap)

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Upper left corners (y, x), row by row."""
        return ((y, x) for y in self.rows for x in self.columns)

    def cut(self, pixels: Pixels, y: int, x: int) -> Pixels:
        """The tile at (y, x): `(tile, tile[, 3])`, reflected beyond the edges of a small page."""
        part = pixels[y : y + self.tile, x : x + self.tile]
        missing = [(0, self.tile - n) for n in part.shape[:2]] + [(0, 0)] * (part.ndim - 2)
        if not any(after for _, after in missing):
            return part
        # numpy reflects repeatedly, so even a single row can fill a tile
        return np.pad(part, missing, "symmetric")


class Blender:
    """Collects the tiles of one page in any order of columns, row by row, in bounded memory.

    Only the rows of pixels that a coming tile may still touch are kept as float32; finished rows
    are rounded to uint8 at once.
    """

    def __init__(self, grid: Grid, channels: int) -> None:
        self._grid = grid
        self._window = window(grid.tile, grid.overlap)
        self._sum = np.zeros((grid.tile, grid.width, channels), np.float32)
        self._weight = np.zeros((grid.tile, grid.width, 1), np.float32)
        self._page = np.empty((grid.height, grid.width, channels), np.uint8)
        self._top = 0

    def add(self, y: int, x: int, tile: Plane) -> None:
        """Add a restored tile `(tile, tile, C)`, values in [0, 1]; rows of tiles come in order."""
        if y > self._top:
            self._finish(y)
        h, w = min(self._grid.tile, self._grid.height), min(self._grid.tile, self._grid.width - x)
        weight = self._window[:h, None, None] * self._window[None, :w, None]
        self._sum[:h, x : x + w] += tile[:h, :w] * weight
        self._weight[:h, x : x + w] += weight

    def page(self) -> Pixels:
        """The blended page, uint8 `(H, W, C)`; call once, when every tile was added."""
        self._finish(self._grid.height)
        return self._page

    def _finish(self, upto: int) -> None:
        done = upto - self._top
        blended = self._sum[:done] / self._weight[:done]
        np.rint(np.clip(blended * 255, 0, 255, out=blended), out=blended)
        self._page[self._top : upto] = blended
        for kept in (self._sum, self._weight):
            kept[: len(kept) - done] = kept[done:]
            kept[len(kept) - done :] = 0
        self._top = upto
