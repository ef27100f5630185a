"""JPEG: lossy, small for pictures; colour keeps its full resolution where letters are coloured."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from scanclean.codecs import Stream
from scanclean.page import Pixels

MAX_SIDE = 65_500
"""Longest side that libjpeg takes, in pixels."""

FINE_COLOR = 24.0
"""Step in colour (red or blue minus green) between neighbours that halving would smear visibly."""
FINE_SHARE = 0.002
"""Share of such neighbours from which a picture keeps its colour at full resolution."""


def encode(pixels: Pixels, quality: int) -> Stream:
    """Encode pixels at a JPEG quality from 1 to 100.

    Raises:
        ValueError: a side is longer than `MAX_SIDE`.
    """
    return prepared(pixels)(quality)


def prepared(pixels: Pixels) -> Callable[[int], Stream]:
    """`encode` for several qualities of the same pixels: what all need is done once.

    Raises:
        ValueError: a side is longer than `MAX_SIDE`.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    if max(height, width) > MAX_SIDE:
        raise ValueError(f"JPEG holds at most {MAX_SIDE} pixels a side")
    image = Image.fromarray(pixels)
    settings: dict[str, Any] = {"optimize": True}
    if pixels.ndim == 3:
        settings["subsampling"] = "4:4:4" if _has_fine_color(pixels) else "4:2:0"

    def at(quality: int) -> Stream:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, **settings)
        return Stream(
            data=file.getvalue(),
            filter="DCTDecode",
            width=width,
            height=height,
            bits=8,
            color_space="/DeviceGray" if pixels.ndim == 2 else "/DeviceRGB",
            lossless=False,
        )

    return at


def _has_fine_color(pixels: Pixels) -> bool:
    """Whether colour changes abruptly somewhere: coloured letters, lines, stamps.

    Looks along every fourth row, which any letter crosses several times.
    """
    rows = pixels[::4].astype(np.int16)
    if rows.shape[1] < 3:
        return True
    edges = np.zeros(1)
    for channel in (0, 2):
        chroma = rows[..., channel] - rows[..., 1]
        edges = np.maximum(edges, np.abs(chroma[:, 2:] - chroma[:, :-2]))
    return bool((edges > FINE_COLOR).mean() > FINE_SHARE)
