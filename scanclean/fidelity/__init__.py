"""The guard: compare the ink of a scan with that of its cleaned page, and mend what is wrong.

Ink that vanished comes back from the scan, ink that was invented goes. What a cleaner may remove
(soft stains, shadows, show-through, grain) is told from ink by its edges: ink ends as sharply as
the scanner can see, and the page's own undoubted ink shows how sharply that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.blocks import enlarged, spread
from scanclean.fidelity._evidence import BAND, PALE, USUAL, Limits, measure
from scanclean.fidelity._grounds import lost_grounds
from scanclean.fidelity._marks import LEAST_AREA, lost_ink, only_pale, own_sharpness, pencil
from scanclean.page import Pixels, darkest
from scanclean.paper import Paper, examine, whitened
from scanclean.shapes import components, dilate

Mask: TypeAlias = npt.NDArray[np.bool_]
Plane: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ink:
    """What the guard found on a page."""

    kept: float
    """Share of the scan's ink that the cleaned page had kept by itself, 0 to 1."""
    returned: int
    """Marks that were put back."""
    returned_px: int
    """Pixels of these."""
    removed: int
    """Invented marks that were taken out."""
    removed_px: int
    """Pixels of these."""
    specks: int = 0
    """Black points that were taken for dirt and painted over before the page was cleaned."""


@dataclass(frozen=True)
class Guarded:
    """A cleaned page after the guard."""

    pixels: Pixels
    """The page, as `cleaned` was given."""
    ink: Ink
    """What was found."""


def guard(scan: Pixels, cleaned: Pixels, *, paper: Paper | None = None) -> Guarded:
    """Put back the ink that cleaning lost and take out what it invented.

    Args:
        scan: the page as it came, uint8 `(H, W)` or `(H, W, 3)`.
        cleaned: the same page cleaned, of the same shape.
        paper: what `examine(scan)` says, when it is known already.
    """
    if min(scan.shape[:2]) < 3 or np.array_equal(scan, cleaned):
        return Guarded(cleaned, Ink(1.0, 0, 0, 0, 0))
    paper = paper or examine(scan)
    seen = measure(scan, cleaned, paper)
    pale = only_pale(seen)
    limits = PALE if pale else USUAL
    if pale:
        seen = measure(scan, cleaned, paper, limits)
    edge = own_sharpness(seen, paper.block)
    back = pencil(seen) if pale else lost_ink(seen, edge)
    grounds, count = lost_grounds(scan, cleaned, paper, seen, edge)
    invented = components(seen.invented)
    real = invented.area >= LEAST_AREA
    gone = invented.paint(real, seen.lost.shape)
    kept = int(np.count_nonzero(seen.kept))
    pixels = cleaned
    if back.any() or gone.any() or grounds.any():
        pixels = _mended(scan, cleaned, paper, limits, dilate(back, 2), dilate(gone, 2), grounds)
    area = int(np.count_nonzero(back)) + int((grounds > 0.5).sum()) * paper.block**2
    share = kept / (kept + area) if area else 1.0
    return Guarded(
        pixels,
        Ink(
            share,
            components(back).count + count,
            area,
            int(real.sum()),
            int(np.count_nonzero(gone)),
        ),
    )


def _mended(
    scan: Pixels,
    cleaned: Pixels,
    paper: Paper,
    limits: Limits,
    back: Mask,
    gone: Mask,
    grounds: Plane,
) -> Pixels:
    """The cleaned page with marks and grounds from the whitened scan."""
    out = cleaned.copy()
    height, width = scan.shape[:2]
    for top in range(0, height, BAND):
        rows = slice(top, min(top + BAND, height))
        blocks = grounds[top // paper.block : -(-rows.stop // paper.block)]
        if not (back[rows].any() or gone[rows].any() or blocks.any()):
            continue
        white = whitened(scan, paper, rows)
        least = np.maximum(paper.grain * 255, limits.faintest)
        bare = 255 - darkest(white) < enlarged(least, paper.block, rows, width)
        white[bare & ~spread(paper.picture, paper.block, rows, width)] = 255
        part = out[rows]
        here = back[rows] | (spread(grounds, paper.block, rows, width) > 0)
        part[here] = np.minimum(part[here], white[here])
        part[gone[rows]] = np.maximum(part[gone[rows]], white[gone[rows]])
    return out
