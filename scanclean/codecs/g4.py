"""CCITT group 4: one bit a pixel, lossless; the usual store of black and white scans."""

from __future__ import annotations

import io
import struct

import numpy as np

from scanclean.codecs import Stream
from scanclean.page import Pixels

THRESHOLD = 128
"""Pixels at least this bright become white."""

STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_BYTE_COUNTS = 273, 278, 279
"""TIFF tags."""
SHORT = 3
"""TIFF type of 16-bit numbers."""


def encode(pixels: Pixels, quality: int) -> Stream:
    """Encode pixels as black and white; lossless if they are only 0 and 255.

    Args:
        pixels: `(H, W)` uint8, or `(H, W, 3)`, whose green then decides.
        quality: ignored.
    """
    from PIL import Image

    gray = pixels if pixels.ndim == 2 else pixels[..., 1]
    height, width = gray.shape
    # The fax code is built for mostly white paper and calls white 0, so the bits go in turned over.
    ink = Image.fromarray(np.where(gray < THRESHOLD, 255, 0).astype(np.uint8)).convert("1")
    file = io.BytesIO()
    # All rows in one strip, since a PDF holds one fax stream, not several.
    ink.save(file, "TIFF", compression="group4", tiffinfo={ROWS_PER_STRIP: height})
    parms = f"<</K -1 /Columns {width} /Rows {height}>>"
    return Stream(
        data=_only_strip(file.getvalue()),
        filter="CCITTFaxDecode",
        width=width,
        height=height,
        bits=1,
        color_space="/DeviceGray",
        decode_parms=parms,
        lossless=not np.any((gray != 0) & (gray != 255)) and pixels.ndim == 2,
    )


def _only_strip(tiff: bytes) -> bytes:
    """The fax data of a little-endian TIFF with one strip.

    Read here rather than by Pillow, which would refuse or warn of a large page of our own making.
    """
    (directory,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, directory)
    tags = {}
    for entry in range(count):
        tag, kind, _, value = struct.unpack_from("<HHII", tiff, directory + 2 + 12 * entry)
        tags[tag] = value & 0xFFFF if kind == SHORT else value
    start, length = tags[STRIP_OFFSETS], tags[STRIP_BYTE_COUNTS]
    return tiff[start : start + length]
