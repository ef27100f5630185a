"""Filters and connected sets on small or large planes, with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Array = TypeVar("Array", bound=npt.NDArray[Any])


def dilate(plane: Array, radius: int) -> Array:
    """Highest value in the square of `2 * radius + 1` around each pixel, `(H, W)`."""
    return _extreme(_extreme(plane, radius, 0, np.maximum), radius, 1, np.maximum)


def erode(plane: Array, radius: int) -> Array:
    """Lowest value in the square of `2 * radius + 1` around each pixel, `(H, W)`."""
    return _extreme(_extreme(plane, radius, 0, np.minimum), radius, 1, np.minimum)


def _extreme(plane: Array, radius: int, axis: int, pick: np.ufunc) -> Array:
    """Running extreme along one axis: windows double, so a window of n costs log2(n) passes."""
    if radius == 0:
        return plane
    pad = [(0, 0), (0, 0)]
    pad[axis] = (radius, radius)
    done, size = np.pad(plane, pad, mode="edge"), 1
    wanted = 2 * radius + 1
    while size < wanted:
        step = min(size, wanted - size)
        done = pick(_part(done, axis, 0, -step), _part(done, axis, step, None))
        size += step
    return done  # type: ignore[return-value]  # padding and extremes keep the type


def _part(plane: npt.NDArray[Any], axis: int, start: int, stop: int | None) -> npt.NDArray[Any]:
    return plane[start:stop] if axis == 0 else plane[:, start:stop]


def box_mean(plane: npt.NDArray[Any], radius: int) -> Floats:
    """Mean in the square of `2 * radius + 1` around each pixel, inside the plane, `(H, W)`."""
    out = plane.astype(np.float64)
    for axis in (0, 1):
        length = out.shape[axis]
        lead = np.zeros_like(out[:1] if axis == 0 else out[:, :1])
        total = np.concatenate([lead, np.cumsum(out, axis=axis)], axis=axis)
        at = np.arange(length)
        low, high = np.maximum(at - radius, 0), np.minimum(at + radius + 1, length)
        count = (high - low).astype(np.float64)
        out = (total.take(high, axis) - total.take(low, axis)) / (
            count[:, None] if axis == 0 else count
        )
    return out.astype(np.float32)


def median(plane: Floats, radius: int) -> Floats:
    """Median in the square of `2 * radius + 1` around each pixel, to whole levels, `(H, W)`."""
    levels = np.pad(
        np.clip(plane + 0.5, 0, 255).astype(np.int32),  # numpy sorts bytes the slow way
        radius,
        mode="reflect" if min(plane.shape) > radius else "edge",
    )
    side = 2 * radius + 1
    windows = np.lib.stride_tricks.sliding_window_view(levels, (side, side))
    middle = side * side // 2
    out = np.empty(plane.shape, np.float32)
    step = max(1, 500_000 // (plane.shape[1] * side * side))  # bounds the copy of the windows
    for y in range(0, len(plane), step):
        flat = windows[y : y + step].reshape(-1, plane.shape[1], side * side)
        out[y : y + step] = np.partition(flat, middle, axis=2)[..., middle]
    return out


@dataclass(frozen=True)
class Components:
    """The connected sets (8 neighbours) of a mask, as runs of pixels along rows."""

    row: npt.NDArray[np.intp]
    """Row of each run."""
    start: npt.NDArray[np.intp]
    """First column of each run."""
    stop: npt.NDArray[np.intp]
    """Column after the last of each run."""
    label: npt.NDArray[np.intp]
    """Number of the set that each run belongs to, from 0."""
    count: int
    """How many sets there are."""

    @property
    def area(self) -> npt.NDArray[np.intp]:
        """Pixels of each set, `(count,)`."""
        return np.bincount(self.label, self.stop - self.start, self.count).astype(np.intp)

    def each(self, values: npt.NDArray[Any], pick: np.ufunc) -> npt.NDArray[Any]:
        """Reduce one value a run, `(runs,)`, to one a set, `(count,)`."""
        if not self.count:
            return values[:0]
        order = np.argsort(self.label, kind="stable")
        first = np.searchsorted(self.label[order], np.arange(self.count))
        return pick.reduceat(values[order], first)

    def run_max(self, plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Highest value of a plane on each run, `(runs,)`."""
        if not len(self.row):
            return np.zeros(0, plane.dtype)
        width = plane.shape[1]
        bounds = np.stack([self.row * width + self.start, self.row * width + self.stop], 1).ravel()
        flat = np.append(plane.reshape(-1), plane.dtype.type(0))
        return np.maximum.reduceat(flat, bounds)[::2]

    def run_sum(self, plane: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Sum of a plane on each run, `(runs,)`."""
        wide = np.pad(plane.astype(np.float64), ((0, 0), (1, 0))).cumsum(axis=1)
        total: npt.NDArray[np.float64] = wide[self.row, self.stop] - wide[self.row, self.start]
        return total

    def paint(self, chosen: Mask, shape: tuple[int, int]) -> Mask:
        """A mask `(H, W)` of the pixels of the chosen sets, `(count,)`."""
        keep = chosen[self.label]
        edges = np.zeros((shape[0], shape[1] + 1), np.int8)
        np.add.at(edges, (self.row[keep], self.start[keep]), 1)
        np.add.at(edges, (self.row[keep], self.stop[keep]), -1)
        return np.cumsum(edges, axis=1, dtype=np.int8)[:, :-1] > 0


def components(mask: Mask) -> Components:
    """Find the connected sets of a mask `(H, W)`; 8 neighbours count."""
    height, width = mask.shape
    edges = np.zeros((height, width + 2), np.int8)
    edges[:, 1:-1] = mask
    change = np.flatnonzero(edges.reshape(-1)[1:] != edges.reshape(-1)[:-1])
    row, column = np.divmod(change, width + 2)
    row, start, stop = row[0::2], column[0::2], column[1::2]
    above, below = _touching(row, start, stop, width)
    label = _united(len(row), above, below)
    names, label = np.unique(label, return_inverse=True)
    return Components(row, start, stop, label.reshape(-1), len(names))


def pieces(found: Components, side: int) -> Components:
    """Cut sets that are larger than a square of `side` pixels along a grid of such squares.

    Runs are not cut: one belongs to the square of its first pixel.
    """
    rows, columns = found.row // side, found.start // side
    height = found.each(found.row, np.maximum) - found.each(found.row, np.minimum)
    width = found.each(found.stop, np.maximum) - found.each(found.start, np.minimum)
    large = (np.maximum(height, width) > side)[found.label] if found.count else found.label > 0
    square = np.where(large, (rows << 20) + columns + 1, 0)
    key = (found.label.astype(np.int64) << 40) + square
    names, label = np.unique(key, return_inverse=True)
    return Components(found.row, found.start, found.stop, label.reshape(-1), len(names))


def _touching(row: Any, start: Any, stop: Any, width: int) -> tuple[Any, Any]:
    """Pairs of runs in neighbouring rows that touch, corners included."""
    span = width + 3
    # Runs are sorted by row and column, so the runs of the next row that touch are one interval.
    low = np.searchsorted(row * span + stop, (row + 1) * span + start, side="left")
    high = np.searchsorted(row * span + start, (row + 1) * span + stop, side="right")
    many = np.maximum(high - low, 0)
    above = np.repeat(np.arange(len(row)), many)
    offset = np.arange(len(above)) - np.repeat(np.cumsum(many) - many, many)
    return above, np.repeat(low, many) + offset


def _united(count: int, left: Any, right: Any) -> npt.NDArray[np.intp]:
    """The lowest number in the set of each of `count` things, given the pairs that belong together.

    Every round hangs roots under lower neighbouring roots and then shortens all paths to their end,
    so the rounds grow with the logarithm of the longest chain.
    """
    root = np.arange(count)
    while len(left):
        a, b = root[left], root[right]
        open_ = a != b
        left, right, a, b = left[open_], right[open_], a[open_], b[open_]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while True:
            shorter = root[root]
            if np.array_equal(shorter, root):
                break
            root = shorter
    return root


def grown_from(seeds: Mask, mask: Mask) -> Mask:
    """The connected sets of `mask` that hold a seed."""
    found = components(mask)
    if not found.count:
        return mask
    holds = found.each(found.run_max(seeds.astype(np.uint8)), np.maximum) > 0
    return found.paint(holds, mask.shape)
