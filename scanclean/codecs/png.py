"""Flate with PNG prediction: lossless; few colours become a palette of 1, 2, 4 or 8 bits."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt

from scanclean.codecs import Stream
from scanclean.page import Pixels

MAX_COLORS = 256
"""A palette holds at most this many."""


def encode(pixels: Pixels, quality: int) -> Stream:
    """Encode pixels exactly; `quality` is ignored."""
    if pixels.ndim == 2:
        return _gray(pixels)
    palette = colors(pixels)
    if palette is None:
        return _stream(pixels, 8, "/DeviceRGB", None)
    index = np.searchsorted(palette, _packed(pixels)).astype(np.uint8)
    rgb = np.stack([palette >> 16, palette >> 8 & 255, palette & 255], axis=1).astype(np.uint8)
    return _indexed(index, rgb, "/DeviceRGB")


def colors(pixels: Pixels) -> npt.NDArray[np.uint32] | None:
    """Colours of `(H, W, 3)` pixels as sorted 0xRRGGBB numbers; None if too many."""
    packed = _packed(pixels)
    # A glance first: sorting all pixels of a photograph takes a second only to say no.
    if np.unique(packed[:: max(1, len(packed) // 64)]).size > MAX_COLORS:
        return None
    found = np.unique(packed)
    return found if found.size <= MAX_COLORS else None


def _packed(pixels: Pixels) -> npt.NDArray[np.uint32]:
    wide = pixels.astype(np.uint32)
    packed = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return packed.astype(np.uint32, copy=False)


def _gray(pixels: Pixels) -> Stream:
    levels = np.flatnonzero(np.bincount(pixels.ravel(), minlength=256)).astype(np.uint8)
    if not np.setdiff1d(levels, (0, 255)).size:
        return _stream(pixels, 1, "/DeviceGray", None)
    if levels.size > 16:
        return _stream(pixels, 8, "/DeviceGray", None)
    rank = np.zeros(256, np.uint8)
    rank[levels] = np.arange(levels.size)
    return _indexed(rank[pixels], levels[:, None], "/DeviceGray")


def _indexed(index: Pixels, table: Pixels, base: str) -> Stream:
    bits = next(bits for bits in (1, 2, 4, 8) if len(table) <= 1 << bits)
    space = f"[/Indexed {base} {len(table) - 1} <{table.tobytes().hex()}>]"
    return _stream(index, bits, space, table)


def _stream(pixels: Pixels, bits: int, space: str, table: Pixels | None) -> Stream:
    from PIL import Image

    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    if bits == 1 and table is None:
        image = image.convert("1", dither=Image.Dither.NONE)
    if table is not None:
        rgb = np.repeat(table, 3, axis=1) if table.shape[1] == 1 else table
        image.putpalette(rgb.tobytes())
    file = io.BytesIO()
    if table is None:
        image.save(file, "PNG", compress_level=9)
    else:
        image.save(file, "PNG", compress_level=9, bits=bits)
    components = 3 if table is None and pixels.ndim == 3 else 1
    return Stream(
        data=_image_data(file.getvalue()),
        filter="FlateDecode",
        width=width,
        height=height,
        bits=bits,
        color_space=space,
        decode_parms=(
            f"<</Predictor 15 /Colors {components} /BitsPerComponent {bits} /Columns {width}>>"
        ),
    )


def _image_data(png: bytes) -> bytes:
    """The IDAT chunks joined: a zlib stream of filtered rows, as PDF's predictor 15 reads it."""
    parts, at = [], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            parts.append(png[at + 8 : at + 8 + length])
        at += length + 12
    return b"".join(parts)
