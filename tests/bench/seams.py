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
    # Where a border falls beside the page's own edges is chance; so the page is moved about.
    parts = [page[1000:1432, x : x + 1000] for x in range(0, 400, 25)]
    wholes = [Restorer(backend, tile=2048)(part).astype(np.float32) for part in parts]
    print("tile  pixels beyond 2 levels: mean, worst  largest step along a border")
    for tile in sorted({256, 320, 512, backend.spec.tile}):
        restorer = Restorer(backend, tile=tile)
        apart = [restorer(part) - whole for part, whole in zip(parts, wholes, strict=True)]
        step = max(largest_step(side) for found in apart for side in (found, found.T))
        beyond = [(np.abs(found) > 2).mean() for found in apart]
        print(f"{tile:4}  {np.mean(beyond):21.3%} {np.max(beyond):13.3%}  {step:.1f} levels")


if __name__ == "__main__":
    main(*sys.argv[1:])
