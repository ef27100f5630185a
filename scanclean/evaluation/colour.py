"""Colour difference as the eye sees it: CIEDE2000 (Sharma, Wu, Dalal 2005), and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.page import Pixels, darkest
from scanclean.shapes import box_mean

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

BLOCK = 16
"""Side of the blocks that a clean page is sorted into, pixels."""
FLAT_SHARE = 0.9
"""A block with this share of its pixels in one colour is flat."""
GROUND_SHARE = 0.2
"""A block without this share of its pixels in one level is a picture: even dense print leaves more
of its ground bare."""
NOT_WHITE = 12
"""A flat block is coloured (or gray, or black) from this many levels below white."""

_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, 2 degrees
_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)


@dataclass(frozen=True)
class Regions:
    """What a clean page consists of, in blocks of `BLOCK` pixels, `(h, w)`; whole ones only."""

    picture: Mask
    """Photographs and other pictures with tones."""
    flat: Mask
    """One colour that is not paper white."""

    def picture_pixels(self, shape: tuple[int, int]) -> Mask:
        """The picture blocks as a mask of pixels `(H, W)`."""
        full = np.zeros(shape, np.bool_)
        big = np.kron(self.picture, np.ones((BLOCK, BLOCK), np.bool_))
        full[: big.shape[0], : big.shape[1]] = big
        return full


def regions(clean: Pixels) -> Regions:
    """Sort the blocks of a clean page, uint8 `(H, W[, 3])`, into pictures and flat colours."""
    plane = clean if clean.ndim == 2 else clean[..., 1]
    levels = np.sort(_blocks(plane), axis=-1)
    picture = ~_has_majority(levels, GROUND_SHARE)
    if picture.size:
        # A lone block of mixed tones is a heading or a screen; pictures have neighbours.
        picture &= box_mean(picture, 1) > 0.5
    flat = _has_majority(levels, FLAT_SHARE) & ~picture
    flat &= np.median(_blocks(darkest(clean)), axis=-1) <= 255 - NOT_WHITE
    return Regions(picture, flat)


def _blocks(plane: Pixels) -> Pixels:
    """`(H, W)` to `(h, w, BLOCK * BLOCK)`."""
    h, w = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    cut = plane[: h * BLOCK, : w * BLOCK].reshape(h, BLOCK, w, BLOCK)
    return cut.swapaxes(1, 2).reshape(h, w, BLOCK * BLOCK)


def _has_majority(levels: Pixels, share: float) -> Mask:
    # In a sorted row a level occurs at least n + 1 times if it stands n places behind itself.
    n = int(share * levels.shape[-1]) - 1
    return np.asarray((levels[..., n:] == levels[..., : levels.shape[-1] - n]).any(axis=-1))


@dataclass(frozen=True)
class ColourError:
    """CIEDE2000 between two pages, of the mean colours of blocks, so that grain does not count."""

    picture: float | None
    """Mean over the pictures; None without pictures."""
    flat: float | None
    """Mean over flat colours; None without any."""


def colour_error(clean: Pixels, restored: Pixels, where: Regions) -> ColourError:
    """Compare the colours of a restored page with those of the clean one.

    Args:
        clean: uint8 `(H, W)` or `(H, W, 3)`.
        restored: the same shape.
        where: `regions(clean)`.
    """
    error = delta_e(lab(_means(clean)), lab(_means(restored)))
    return ColourError(
        *(float(error[m].mean()) if m.any() else None for m in (where.picture, where.flat))
    )


def _means(pixels: Pixels) -> Floats:
    """Mean colour of each block, `(h, w, 3)` in 0..1."""
    planes = [pixels] * 3 if pixels.ndim == 2 else [pixels[..., c] for c in range(3)]
    return np.stack([_blocks(p).mean(axis=-1) / 255 for p in planes], axis=-1)


def lab(rgb: Floats) -> Floats:
    """CIE L*a*b* (D65) of sRGB colours `(..., 3)` in 0..1."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def delta_e(first: Floats, second: Floats) -> Floats:
    """CIEDE2000 difference of L*a*b* colours, `(..., 3)` to `(...)`; about 1 is just visible."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(c, -1, 0) for c in (first, second))
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    grow = 1 + 0.5 * (1 - np.sqrt(mean7 / (mean7 + 25.0**7)))
    c1, c2 = np.hypot(a1 * grow, b1), np.hypot(a2 * grow, b2)
    h1, h2 = (np.arctan2(b, a * grow) % (2 * np.pi) for a, b in ((a1, b1), (a2, b2)))
    gray = c1 * c2 == 0
    turn = np.where(gray, 0.0, (h2 - h1 + np.pi) % (2 * np.pi) - np.pi)
    hue = np.where(gray, h1 + h2, h1 + turn / 2)  # halfway along the shorter arc
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    weight = (
        1
        - 0.17 * np.cos(hue - np.deg2rad(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.deg2rad(6))
        - 0.20 * np.cos(4 * hue - np.deg2rad(63))
    )
    blue = np.exp(-(((np.rad2deg(hue) % 360 - 275) / 25) ** 2))
    twist = -np.sin(np.deg2rad(60 * blue)) * 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * chroma * weight)
    return np.asarray(np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + twist * dc * dh, 0)))
