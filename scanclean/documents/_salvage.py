"""What can still be read of a damaged TIFF frame.

libtiff gives up a whole strip at its first bad code, and Pillow the whole frame with it. Here each
strip is unpacked as far as it goes, filled up with white, and packed again, so that it opens.
"""

from __future__ import annotations

import io
import struct
import zlib

from scanclean.documents import _tiff_file
from scanclean.documents._tiff_file import Entry, Frame, TiffFile

_LZW, _DEFLATE, _OLD_DEFLATE = 5, 8, 32946
_BITS, _SAMPLES, _ROWS, _PLANAR, _PREDICTOR = 258, 277, 278, 284, 317
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_CLEAR, _END = 256, 257
_MAX_BYTES = 1 << 30
_LITERALS = (*(bytes((value,)) for value in range(256)), b"", b"")  # and the two commands


def salvaged(source: TiffFile, frame: Frame) -> bytes | None:
    """A frame as a file of its own that opens, or None if nothing of it can be read."""
    compression = source.integer(frame, _tiff_file.COMPRESSION, 1)
    if compression not in (_LZW, _DEFLATE, _OLD_DEFLATE):
        return None
    unpack = _unlzw if compression == _LZW else _inflated
    row, rows = _shape(source, frame)
    blocks = source.blocks(frame)
    if not 0 < row * rows * len(blocks) <= _MAX_BYTES:
        return None
    packed, read = [], 0
    for at, length in blocks:
        source.file.seek(at)
        data = unpack(source.file.read(length), row * rows)
        read += len(data)
        packed.append(zlib.compress(_filled(data, row, rows, _white_row(source, frame, row))))
    return _assembled(source, frame, packed) if read else None


def _shape(source: TiffFile, frame: Frame) -> tuple[int, int]:
    """Bytes of a row of a strip or tile, and its rows."""
    height = source.integer(frame, _tiff_file.HEIGHT, 0)
    width = source.integer(frame, _TILE_WIDTH, source.integer(frame, _tiff_file.WIDTH, 0))
    rows = source.integer(frame, _TILE_HEIGHT, min(source.integer(frame, _ROWS, height), height))
    samples = source.integer(frame, _SAMPLES, 1)
    if source.integer(frame, _PLANAR, 1) == 2:  # each sample in strips of its own
        samples = 1
    return (width * samples * source.integer(frame, _BITS, 1) + 7) // 8, rows


def _white_row(source: TiffFile, frame: Frame, row: int) -> bytes:
    if source.integer(frame, _tiff_file.PHOTOMETRIC, 1) == 0:  # 0 is white
        return bytes(row)
    if source.integer(frame, _PREDICTOR, 1) == 2:  # differences to the pixel on the left
        samples = source.integer(frame, _SAMPLES, 1)
        return (b"\xff" * samples).ljust(row, b"\0")[:row]
    return b"\xff" * row


def _filled(data: bytes, row: int, rows: int, white: bytes) -> bytes:
    """Rows that were read, the last one completed, then white ones."""
    data = data[: row * rows]
    data += bytes(-len(data) % row)
    return data + white * (rows - len(data) // row)


def _assembled(source: TiffFile, frame: Frame, packed: list[bytes]) -> bytes:
    base = _tiff_file.extracted(source, frame)
    made = TiffFile(io.BytesIO(base + b"".join(packed)))
    tiled = bool(source.integers(frame, _tiff_file.TILE_OFFSETS))
    offsets, at = [], len(base)
    for block in packed:
        offsets.append(at)
        at += len(block)
    code = f"{made.order}{len(packed)}I"
    lengths = [len(block) for block in packed]
    places = [_tiff_file.STRIP_OFFSETS, _tiff_file.STRIP_COUNTS]
    if tiled:
        places = [_tiff_file.TILE_OFFSETS, _tiff_file.TILE_COUNTS]
    changed = {
        tag: Entry(_tiff_file.LONG, len(packed), struct.pack(code, *values))
        for tag, values in zip(places, (offsets, lengths), strict=True)
    }
    short = struct.pack(made.order + "H", _DEFLATE)
    changed[_tiff_file.COMPRESSION] = Entry(_tiff_file.SHORT, 1, short)
    return _tiff_file.extracted(made, {**made.frames[0], **changed})


def _inflated(data: bytes, limit: int) -> bytes:
    """Inflate byte by byte near the end, where the damage stops it."""
    stream = zlib.decompressobj()
    made = bytearray()
    for at in range(0, len(data), 64):
        try:
            made += stream.decompress(data[at : at + 64], max(limit - len(made), 1))
        except zlib.error:
            break
        if len(made) >= limit or stream.eof:
            break
    return bytes(made)


def _unlzw(data: bytes, limit: int) -> bytes:
    """Unpack TIFF's LZW (high bits first, codes lengthen one early) until a code makes no sense."""
    table = list(_LITERALS)
    made = bytearray()
    previous = b""
    bits, have, width = 0, 0, 9
    for byte in data:
        bits, have = (bits << 8 | byte) & 0xFFFFFF, have + 8
        if have < width:
            continue
        have -= width
        code = bits >> have & (1 << width) - 1
        if code == _CLEAR:
            table = list(_LITERALS)
            previous, width = b"", 9
            continue
        if code == _END or code > len(table) or len(made) >= limit or (not previous and code > 255):
            break
        entry = table[code] if code < len(table) else previous + previous[:1]
        made += entry
        if previous:
            table.append(previous + entry[:1])
        previous = entry
        width = min(max((len(table) + 1).bit_length(), 9), 12)
    return bytes(made)
