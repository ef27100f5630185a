"""How much the tile grid shows: the same page in tiles of several sizes, and whole.

python tests/bench/seams.py [WEIGHTS]
"""

from __future__ import annotations

import sys

import numpy as np
from _pages import seam_page

from scanclean import backends
from scanclean.restorer import Restorer
from scanclean.weights import resolve

STRIP = 100
"""Rows that are averaged along a border: a seam is straight, noise is not."""


def largest_step(difference: np.ndarray) -> float:
    """Largest step between neighbouring columns of a strip, in levels."""
    strips = difference[: len(difference) // STRIP * STRIP].reshape(-1, STRIP, difference.shape[1])
    return float(np.abs(np.diff(strips.mean(1), axis=1)).max())


def main(weights: str = "scanclean") -> None:
    backend = backends.open_backend(resolve(weights, kinds=backends.kinds("auto")).path)
    page = seam_page()
    whole = Restorer(backend, tile=2048)(page).astype(np.float32)
    print("tile  pixels beyond 2 levels  largest  largest step along a border")
    for tile in sorted({256, 320, 512, backend.spec.tile}):
        difference = Restorer(backend, tile=tile)(page) - whole
        step = max(largest_step(difference), largest_step(difference.T))
        beyond = (np.abs(difference) > 2).mean()
        print(f"{tile:4}  {beyond:22.4%}  {np.abs(difference).max():7.0f}  {step:.2f} levels")


if __name__ == "__main__":
    main(*sys.argv[1:])
