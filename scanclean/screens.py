"""Screens: tones printed as dots.

A network takes such dots for dirt in one place and for letters in another, so they count as
pictures. Only dots that a scan shows as such are meant; blurred ones are gray, as any tone.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.blocks import block_means, block_sum, by_band, padded
from scanclean.page import Pixels, darkest
from scanclean.shapes import box_mean, dilate, erode, grown_from

Plane: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]

STEP = 64
"""Gray levels between two pixels, the one on a dot, the other beside it."""
DOTTED = 0.14
"""Steps a pixel, along rows and along columns, in each block of a screen. On 90 real scans no text
has so many in a square of `SOLID` blocks; nine halftones have 0.14 to 0.5."""
SOLID = 2
"""Radius of that square in blocks: it is wider than a line of text, which has gaps above it."""
FLAT = 20
"""Levels by which the blocks of such a square differ from the mean around them, at most. Halftones
have a median of 12 to 16; the densest text in small resolution, whose lines touch, 22 and more."""
SPARSE = 0.06
"""Steps a pixel in the light and dark parts of the same screen."""
LIGHT = (100, 235)
"""Brightness of the brightest quarter of a block on a screen of black dots, in levels."""
DARK = 40
"""The darkest pixel of such a block is below this."""
ALL_DOTS = 0.6
"""Share of such blocks from which on the paper of a page is a screen. Pages of the densest print
come to 0.35, old books on gray paper to 0.5, a gray ground in two tones to 0.95."""
BETWEEN = (64, 192)
"""Levels between black and white."""
BETWEEN_SHARE = 0.05
"""Share of pixels between that a screen in two tones has at most; old books have half of theirs."""


def screens(pixels: Pixels, block: int, light: Plane, dips: Plane) -> Mask:
    """Blocks of screens, `(h, w)`.

    Args:
        pixels: uint8 `(H, W)` or `(H, W, 3)`.
        block: side of a block in pixels.
        light: brightest parts of the blocks, `(h, w)`.
        dips: darkest pixels of the blocks.
    """
    found = np.zeros(light.shape, np.bool_)
    possible = erode(light - dips >= STEP, SOLID)
    rows = np.flatnonzero(dilate(possible, SOLID + 1).any(axis=1))
    if not rows.size:
        return found
    some = slice(int(rows[0]), int(rows[-1]) + 1)
    plane = padded(darkest(pixels[some.start * block : some.stop * block]), block)
    steps = np.minimum(_steps(plane, block, 0), _steps(plane, block, 1)) / block**2
    tone = block_means(plane, block)[..., 0]
    uneven = box_mean(np.abs(tone - box_mean(tone, 1)), SOLID)
    seeds = dilate(erode(steps >= DOTTED, SOLID) & (uneven < FLAT), SOLID)
    around = dilate(erode(steps >= SPARSE, 1), 1)
    found[some] = grown_from(seeds, seeds | around)
    return found


def _steps(plane: Pixels, block: int, axis: int) -> Plane:
    """How many pixels of each block differ by `STEP` from the one before them along an axis."""
    before, behind = (plane[:-1], plane[1:]) if axis == 0 else (plane[:, :-1], plane[:, 1:])
    differ = np.zeros_like(plane)
    (differ[1:] if axis == 0 else differ[:, 1:])[...] = (
        np.maximum(before, behind) - np.minimum(before, behind) >= STEP
    )
    return by_band(lambda band: block_sum(band, block), differ, block).astype(np.float32)


def all_screen(pixels: Pixels, light: Plane, dips: Plane) -> bool:
    """Whether gray paper was stored in two tones, as dots, which nothing tells from ink."""
    low, high = LIGHT
    if ((light > low) & (light < high) & (dips < DARK)).mean() < ALL_DOTS:
        return False
    plane = darkest(pixels)
    return bool(((plane > BETWEEN[0]) & (plane < BETWEEN[1])).mean() < BETWEEN_SHARE)
