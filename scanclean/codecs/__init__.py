"""Codecs: one file is one way to store a picture inside a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from scanclean import plugins
from scanclean.page import Pixels


@dataclass(frozen=True)
class Stream:
    """A picture as PDF stores it: the bytes of an image stream and the keys that explain them."""

    data: bytes
    """Encoded bytes, exactly as they stand in the file."""
    filter: str
    """Name of the PDF filter without slash: "DCTDecode", "JPXDecode", "FlateDecode", ..."""
    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    bits: int
    """Bits per component: 1, 2, 4 or 8."""
    color_space: str
    """PDF syntax of the colour space: "/DeviceGray", "/DeviceRGB", "[/Indexed ...]"."""
    decode_parms: str = ""
    """PDF syntax of /DecodeParms, or empty."""
    lossless: bool = True
    """Whether decoding gives exactly the pixels that were encoded."""


class CodecModule(Protocol):
    """What a module in this folder offers."""

    def encode(self, pixels: Pixels, quality: int) -> Stream:
        """Encode `(H, W)` or `(H, W, 3)` uint8 pixels; `quality` 1..100 is ignored if lossless."""


def codec(name: str) -> CodecModule:
    """The codec of that name (see `plugins.names("codecs")`)."""
    return cast(CodecModule, plugins.load("codecs", name))
