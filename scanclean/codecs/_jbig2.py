"""JBIG2 as one lossless generic region: half the size of group 4, but slow to make.

Only for scans that came as JBIG2 and would outgrow their file as group 4; hence not a codec to ask
for. Names follow ITU-T T.88: a pixel is coded by the MQ coder (annex E) in the context of 16 pixels
above and to the left of it (template 0, figure 3). Symbols are never matched, so none is ever
swapped for a similar one.

Since the picture is known, all contexts are computed at once. What remains is one step of the coder
for each pixel; but equal (context, pixel) pairs in a row, which is all of the white paper, only
subtract from one interval again and again, and are taken many at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from scanclean.codecs import Stream
from scanclean.page import Pixels

PAGE_INFORMATION, GENERIC_REGION = 48, 38
"""Kinds of segments."""
FLAGS = 0b1000
"""Of the region: arithmetic coding, template 0, typical prediction (rows like the one above)."""
ADAPTIVE = bytes([3, 255, 253, 255, 2, 254, 254, 254])
"""Where the four movable pixels of the template are: in their usual places."""
ROW_CONTEXT = 0x9B25
"""Context in which is coded whether a row begins or ends to be like the one above."""

# Table E.1: probability of the less probable symbol, next state after the more and the less
# probable one, and whether the two change roles.
_TABLE = """
5601 1 1 1/3401 2 6 0/1801 3 9 0/0AC1 4 12 0/0521 5 29 0/0221 38 33 0/5601 7 6 1/5401 8 14 0/
4801 9 14 0/3801 10 14 0/3001 11 17 0/2401 12 18 0/1C01 13 20 0/1601 29 21 0/5601 15 14 1/
5401 16 14 0/5101 17 15 0/4801 18 16 0/3801 19 17 0/3401 20 18 0/3001 21 19 0/2801 22 19 0/
2401 23 20 0/2201 24 21 0/1C01 25 22 0/1801 26 23 0/1601 27 24 0/1401 28 25 0/1201 29 26 0/
1101 30 27 0/0AC1 31 28 0/09C1 32 29 0/08A1 33 30 0/0521 34 31 0/0441 35 32 0/02A1 36 33 0/
0221 37 34 0/0141 38 35 0/0111 39 36 0/0085 40 37 0/0049 41 38 0/0025 42 39 0/0015 43 40 0/
0009 44 41 0/0005 45 42 0/0001 45 43 0/5601 46 46 0
"""


def encode(tones: Pixels) -> Stream:
    """Encode `(H, W)` pixels of 0 and 255 exactly."""
    ink = tones == 0
    height, width = ink.shape
    region = struct.pack(">IIIIBB", width, height, 0, 0, 0, FLAGS) + ADAPTIVE
    page = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    data = _segment(0, PAGE_INFORMATION, page)
    data += _segment(1, GENERIC_REGION, region + _coded(_decisions(ink)))
    return Stream(data, "JBIG2Decode", width, height, 1, "/DeviceGray")


def _segment(number: int, kind: int, data: bytes) -> bytes:
    return struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data


def _decisions(ink: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
    """What is coded, in order: context * 2 + pixel; rows like the one above are left out."""
    height, width = ink.shape
    keys = _contexts(ink) << 1 | ink
    above = np.vstack([np.zeros((1, width), bool), ink[:-1]])
    alike = (ink == above).all(axis=1)
    turns = alike ^ np.concatenate([[False], alike[:-1]])
    rows = np.column_stack([ROW_CONTEXT << 1 | turns.astype(np.uint32), keys])
    coded = np.ones(rows.shape, bool)
    coded[alike, 1:] = False
    return rows[coded]


def _contexts(ink: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
    """The pixels around each one as a number: two rows above, row above, this row."""
    height, width = ink.shape
    room = np.zeros((height + 2, width + 8), np.uint32)
    room[2:, 4 : width + 4] = ink
    around = [(0, x) for x in range(-2, 3)] + [(1, x) for x in range(-3, 4)]
    around += [(2, x) for x in range(-4, 0)]
    contexts = np.zeros((height, width), np.uint32)
    for y, x in around:
        contexts <<= 1
        contexts |= room[y : y + height, x + 4 : x + 4 + width]
    return contexts


def _runs(decisions: npt.NDArray[np.uint32]) -> Iterable[tuple[int, int]]:
    """Equal neighbours taken together, as (decision, count)."""
    starts = np.flatnonzero(np.diff(decisions, prepend=decisions[0] ^ 1))
    counts = np.diff(starts, append=decisions.size)
    return zip(decisions[starts].tolist(), counts.tolist(), strict=True)


def _states() -> tuple[list[int], list[int], list[int]]:
    """The table with the more probable symbol as lowest bit of the state."""
    probability, after_more, after_less = [], [], []
    for row in "".join(_TABLE.split("\n")).split("/"):
        value, more, less, switch = row.split()
        for symbol in (0, 1):
            probability.append(int(value, 16))
            after_more.append(int(more) * 2 + symbol)
            after_less.append(int(less) * 2 + (symbol ^ int(switch)))
    return probability, after_more, after_less


def _coded(decisions: npt.NDArray[np.uint32]) -> bytes:
    """The MQ coder: `low` and `range` of the interval (C and A), `room` bits before a byte is full.

    Written as one loop, since calls would double its time.
    """
    probability, after_more, after_less = _states()
    states = bytearray(1 << 16)
    out = bytearray(1)
    low, width, room = 0, 0x8000, 12
    for key, count in _runs(decisions):
        context, symbol = key >> 1, key & 1
        while count:
            state = states[context]
            less = probability[state]
            if symbol == state & 1:
                # As long as the interval stays in the upper half, nothing but it changes.
                quick = min(count - 1, (width - 0x8000) // less)
                count -= quick + 1
                low += quick * less
                width -= (quick + 1) * less
                if width & 0x8000:
                    low += less
                    continue
                if width < less:
                    width = less
                else:
                    low += less
                states[context] = after_more[state]
            else:
                count -= 1
                width -= less
                if width < less:
                    low += less
                else:
                    width = less
                states[context] = after_less[state]
            while not width & 0x8000:
                width <<= 1
                low <<= 1
                room -= 1
                if not room:
                    low, room = _byte_out(out, low)
    return _flushed(out, low, width, room)


def _byte_out(out: bytearray, low: int) -> tuple[int, int]:
    """Move a byte out of the interval; after 0xFF only seven bits, to leave room for a carry."""
    if out[-1] != 0xFF and low >= 0x8000000:
        out[-1] += 1
        low &= 0x7FFFFFF
    if out[-1] == 0xFF:
        out.append(low >> 20)
        return low & 0xFFFFF, 7
    out.append(low >> 19)
    return low & 0x7FFFF, 8


def _flushed(out: bytearray, low: int, width: int, room: int) -> bytes:
    """The data with the last bits of the interval and the end mark; the first byte is no data."""
    end = low + width
    low |= 0xFFFF
    if low >= end:
        low -= 0x8000
    for _ in range(2):
        low, room = _byte_out(out, low << room)
    if out[-1] == 0xFF:
        out.pop()
    return bytes(out[1:]) + b"\xff\xac"
