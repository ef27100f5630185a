"""A page: the pixels that travel through the program, and what must travel with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""One picture: uint8, `(H, W)` gray or `(H, W, 3)` sRGB, 0 black to 255 white."""

Tiles: TypeAlias = npt.NDArray[np.float32]
"""A batch for the network: float32, `(N, C, T, T)`, 0 black to 1 white."""

LUMINANCE = (0.299, 0.587, 0.114)
"""What red, green and blue count in the brightness of a pixel (ITU-R BT.601), as in JPEG."""

Action: TypeAlias = Literal["restored", "copied", "unchanged", "kept", "skipped"]
"""What happened to a page.

restored: cleaned · copied: it failed, so it goes out as it came (exit code 9) · unchanged: seen,
nothing to clean · kept: holds no scan (vector page, born-digital) · skipped: not to be touched (not
in `--pages`, layered).
"""


def darkest(pixels: Pixels) -> Pixels:
    """The lowest channel of every pixel, `(H, W)`: ink of any colour is dark in it."""
    if pixels.ndim == 2:
        return pixels
    lower = np.minimum(pixels[..., 0], pixels[..., 1])
    return np.minimum(lower, pixels[..., 2], out=lower)


ROWS = 128
"""Rows that are compared at once: bounds the memory, and most pages are told apart by the first."""


def differ(
    before: Pixels,
    after: Pixels,
    levels: int,
    share: float,
    apart_from: npt.NDArray[np.bool_] | None = None,
) -> bool:
    """Whether more than a share of all pixels differ by more than so many levels, in any channel.

    Args:
        before: uint8 `(H, W)` or `(H, W, 3)`.
        after: the same shape.
        levels: gray levels that do not count yet.
        share: of the pixels, 0 to 1.
        apart_from: pixels that are not looked at, `(H, W)`.
    """
    found, most = 0, share * before.shape[0] * before.shape[1]
    for top in range(0, len(before), ROWS):
        one, other = before[top : top + ROWS], after[top : top + ROWS]
        apart = np.maximum(one, other) - np.minimum(one, other) > levels
        marked = apart if apart.ndim == 2 else apart.any(axis=2)
        if apart_from is not None:
            marked = marked & ~apart_from[top : top + ROWS]
        found += int(np.count_nonzero(marked))
        if found > most:
            return True
    return False


def fingerprint(pixels: Pixels) -> bytes:
    """A digest of pixels and their shape, 16 bytes."""
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


@dataclass(frozen=True)
class Page:
    """One scan of a document, decoded."""

    index: int
    """Number of the page in its document, from 0. Two scans on one page share it."""
    pixels: Pixels
    """The scan in the document's own resolution. A page of a PDF may show it turned."""
    dpi: tuple[float, float]
    """Horizontal and vertical resolution in pixels an inch, from how the scan is placed."""
    bitonal: bool = False
    """Only black and white: must be stored with one bit a pixel again. Pixels are 0 and 255."""
    origin: object = None
    """What the document that made it needs to put it back; opaque to everyone else."""


SAME_PICTURE = "same picture as page "
"""How the reason begins for a page that shows the picture of an earlier one."""


@dataclass(frozen=True)
class Kept:
    """A page that goes through as it came."""

    index: int
    """Number of the page in its document, from 0."""
    action: Action
    """Any of them; "restored" if it shows what an earlier page has cleaned."""
    reason: str
    """Why, in a few words a user understands."""
    same_as: int | None = None
    """Number of the page that shows the same picture, if that decides what happened to this one."""
