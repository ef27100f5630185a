"""Whether a faster arithmetic gives the same picture: tried on one drawn tile at the start."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scanclean.page import Tiles

SIDE = 256
"""Side of the tile, pixels."""
MEAN_LEVELS = 0.25
"""Largest mean difference to fp32 that passes, levels of 255."""
BEYOND_SHARE = 0.001
"""Largest share of values that may differ by more than 2 levels."""


@dataclass(frozen=True)
class Probe:
    """An arithmetic beside fp32 on the same tile."""

    mean: float
    """Mean difference, levels."""
    largest: float
    """Largest difference, levels."""
    beyond: float
    """Share of values that differ by more than 2 levels."""
    seconds: float
    """Time of one call, after a first one that warms up."""

    @property
    def passed(self) -> bool:
        """Whether a reader could not tell the two apart."""
        return self.mean <= MEAN_LEVELS and self.beyond <= BEYOND_SHARE


def probe(candidate: Callable[[Tiles], Tiles], exact: Tiles, tile: Tiles) -> Probe:
    """Run a network once and compare it with what fp32 gave.

    Args:
        candidate: the network in the arithmetic to try, `(1, C, SIDE, SIDE)` to the same.
        exact: what fp32 makes of the tile.
        tile: see `sample`.
    """
    candidate(tile)
    begin = time.perf_counter()
    out = candidate(tile)
    seconds = time.perf_counter() - begin
    difference = np.abs(np.clip(out, 0, 1) - np.clip(exact, 0, 1)) * 255
    if not np.isfinite(difference).all():
        return Probe(np.inf, np.inf, 1.0, seconds)
    return Probe(
        float(difference.mean()),
        float(difference.max()),
        float((difference > 2).mean()),
        seconds,
    )


def sample(channels: int) -> Tiles:
    """A tile like a page: strokes of 4 to 60 % contrast, a ramp like a photograph, grain."""
    rng = np.random.default_rng(0)
    page = np.full((SIDE, SIDE), 0.97, np.float32)
    for row, contrast in zip(range(8, SIDE // 2, 12), np.geomspace(0.04, 0.6, 10), strict=True):
        for column in range(6, SIDE - 12, 9):
            page[row : row + 8, column : column + 2 + column % 4] -= contrast
    page[SIDE // 2 :] = np.linspace(0.1, 0.9, SIDE, dtype=np.float32)
    page += rng.normal(0, 0.01, page.shape).astype(np.float32)
    tile = np.repeat(np.clip(page, 0, 1)[None, None], channels, axis=1)
    return np.ascontiguousarray(tile, dtype=np.float32)
