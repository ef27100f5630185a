"""The boxes of a JPEG 2000 file that Pillow leaves out: resolution and colour profile."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_METRES_PER_INCH = 0.0254


def bits(head: bytes) -> int:
    """Bits per sample, from the first bytes of a file."""
    at = head.find(b"ihdr")  # height and width of 4 bytes, components of 2, depth less one
    depth = head[at + 14 : at + 15] if at >= 0 else b""
    if not depth:
        at = head.find(b"\xff\x4f\xff\x51")  # the codestream's own: 38 bytes of size come first
        depth = head[at + 42 : at + 43] if at >= 0 else b""
    return (depth[0] & 0x7F) + 1 if depth and depth[0] != 255 else 8


def reversible(head: bytes) -> bool:
    """Whether the wavelet is the one that can give the exact pixels back."""
    start = head.find(b"\xff\x4f\xff\x51")
    at = head.find(b"\xff\x52", start)  # 2 marker, 2 length, 1 style, 4 layers, 4 blocks
    return start >= 0 and at >= 0 and head[at + 13 : at + 14] == b"\x01"


def profile(head: bytes) -> bytes | None:
    """The ICC profile, if one is stated."""
    for name, body in _boxes(_header(head)):
        if name == b"colr" and body[:1] in (b"\x02", b"\x03"):
            return body[3:]
    return None


def completed(data: bytes, dpi: tuple[float, float], icc: bytes | None) -> bytes:
    """A file as Pillow writes it, with its resolution in pixels an inch and its profile."""
    for at, name, length in _places(data):
        if name == b"jp2h":
            parts = [
                _box(b"colr", b"\x02\0\0" + icc) if kind == b"colr" and icc else _box(kind, body)
                for kind, body in _boxes(data[at + 8 : at + length])
            ]
            header = _box(b"jp2h", b"".join([*parts, _resolution(dpi)]))
            return data[:at] + header + data[at + length :]
    return data


def _header(data: bytes) -> bytes:
    for at, name, length in _places(data):
        if name == b"jp2h":
            return data[at + 8 : at + length]
    return b""


def _places(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Offset, name and length of each box; ends at one that does not state its length."""
    at = 0 if data.startswith(_SIGNATURE) else len(data)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if length < 8:
            return
        yield at, name, length
        at += length


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(body):
        length, name = struct.unpack_from(">I4s", body, at)
        if length < 8:
            return
        yield name, body[at + 8 : at + length]
        at += length


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def _resolution(dpi: tuple[float, float]) -> bytes:
    """Resolution of capture: numerators and denominators of 16 bits, exponents of 8, per metre."""
    fields: list[tuple[int, int, int]] = []
    for value in (dpi[1], dpi[0]):
        per_metre, exponent = value / _METRES_PER_INCH, 0
        while per_metre > 65_535:
            per_metre, exponent = per_metre / 10, exponent + 1
        denominator = max(int(65_535 / per_metre), 1)
        fields.append((round(per_metre * denominator), denominator, exponent))
    (vn, vd, ve), (hn, hd, he) = fields
    return _box(b"res ", _box(b"resc", struct.pack(">HHHHbb", vn, vd, hn, hd, ve, he)))
