"""PNM, the picture format that every command-line tool reads and three lines can write."""

from __future__ import annotations

import re

import numpy as np

from scanclean.page import Pixels


def encode(pixels: Pixels) -> bytes:
    """uint8 `(H, W)` as PGM, `(H, W, 3)` as PPM, binary."""
    kind = b"P5" if pixels.ndim == 2 else b"P6"
    height, width = pixels.shape[:2]
    return b"%s\n%d %d\n255\n" % (kind, width, height) + np.ascontiguousarray(pixels).tobytes()


def decode(data: bytes) -> Pixels:
    """A binary PBM, PGM or PPM of 8 bits as uint8 `(H, W)` or `(H, W, 3)`.

    Raises:
        ValueError: it is none.
    """
    head = re.match(rb"(P[456])\s+(?:#.*\n)?(\d+)\s+(\d+)\s+(?:(255)\s)?", data)
    if head is None or (head[1] != b"P4" and head[4] is None):
        raise ValueError("not a binary PNM of 8 bits")
    width, height = int(head[2]), int(head[3])
    raw = np.frombuffer(data, np.uint8, offset=head.end() if head[1] != b"P4" else _bits_at(data))
    if head[1] == b"P4":
        rows = np.unpackbits(raw.reshape(height, -1), axis=1)[:, :width]
        return np.where(rows == 1, np.uint8(0), np.uint8(255))
    return raw.reshape((height, width) if head[1] == b"P5" else (height, width, 3)).copy()


def _bits_at(data: bytes) -> int:
    head = re.match(rb"P4\s+(?:#.*\n)?\d+\s+\d+\s", data)
    assert head is not None
    return head.end()
