"""Pages in the tones that were asked for: in colour, in gray, in black and white."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanclean.blocks import block_side
from scanclean.config import Mode
from scanclean.page import LUMINANCE, Page, Pixels
from scanclean.shapes import dilate, erode

BLACK_BELOW = 128
"""Gray level under which a pixel is black: half way, as clean paper is white."""
STROKE_BLOCKS = 2
"""Strokes up to twice so many blocks wide (32 pixels at 300 dpi) are told from their ground."""
STROKE_LEAST = 64
"""Levels by which a stroke differs from its ground in its darkest channel, at least: 25 %, which
print of the other side hardly reaches."""
NEAR = 2
"""How far from its darkest pixels half of a stroke's contrast is looked for, pixels."""
BAND = 512
"""Rows that are worked on at once."""


def in_mode(page: Page, mode: Mode) -> Page:
    """The page in the colours that were asked for; "auto" keeps what it is, and so does "color".

    Gray of colours is their brightness. What comes in black and white is black again below half
    way; what is to become so, see `black_and_white`.
    """
    pixels = page.pixels
    if page.bitonal and mode != "gray":
        return replace(page, pixels=_halved(pixels))
    if mode == "bitonal":
        return replace(page, pixels=black_and_white(pixels), bitonal=True)
    return replace(page, pixels=_gray(pixels) if mode == "gray" else pixels, bitonal=False)


def black_and_white(pixels: Pixels) -> Pixels:
    """A clean page in two tones, uint8 `(H, W)` of 0 and 255.

    Black is what is darker than half way, and strokes of any colour: by brightness alone, thin red
    or green writing and pencil would fall apart. A stroke is black where it has half of its
    contrast, so that it gets no wider.

    Args:
        pixels: uint8 `(H, W)` or `(H, W, 3)`.
    """
    height, width = pixels.shape[:2]
    out = np.empty((height, width), np.uint8)
    radius = STROKE_BLOCKS * block_side(height, width)
    margin = 2 * radius + NEAR
    for top in range(0, height, BAND):
        rows = slice(max(top - margin, 0), top + BAND + margin)
        own = slice(top - rows.start, top - rows.start + BAND)
        out[top : top + BAND] = _two_tones(pixels[rows], radius)[own]
    return out


def _two_tones(pixels: Pixels, radius: int) -> Pixels:
    lowest = pixels if pixels.ndim == 2 else pixels.min(axis=2)
    ground = erode(dilate(lowest, radius), radius)
    contrast = ground - lowest
    strongest = dilate(contrast, NEAR)
    tones = _halved(pixels)
    tones[(strongest >= STROKE_LEAST) & (contrast > strongest // 2)] = 0
    return tones


def _halved(pixels: Pixels) -> Pixels:
    return np.where(_gray(pixels) < BLACK_BELOW, np.uint8(0), np.uint8(255))


def _gray(pixels: Pixels) -> Pixels:
    """Brightness (`LUMINANCE`, as most viewers weigh it); uint8 `(H, W)`."""
    if pixels.ndim == 2:
        return pixels
    weights = np.rint(256 * np.array(LUMINANCE)).astype(np.uint16)
    out: Pixels = ((pixels @ weights + 128) >> 8).astype(np.uint8)
    return out
