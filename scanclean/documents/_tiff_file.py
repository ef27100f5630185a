"""TIFF files below their pixels: frames are found, taken out and put together as they are stored.

A TIFF is a chain of directories (IFDs); an entry holds a tag, a type, a count and the value, or
where the value lies. Frames are copied by moving what they point to and writing new pointers, so
that a frame that is not to be changed keeps its exact bytes, in every compression there is.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from scanclean.errors import OutputError

WIDTH, HEIGHT, BITS, COMPRESSION, ORIENTATION = 256, 257, 258, 259, 274
NEW_SUBFILE_TYPE, PHOTOMETRIC = 254, 262
SUB_IFDS, EXIF_IFD, GPS_IFD, INTEROP_IFD = 330, 34665, 34853, 40965
STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 273, 279, 324, 325
JPEG_OFFSET, JPEG_LENGTH = 513, 514
JPEG_TABLES = {519: 64, 520: 0, 521: 0}  # length of each; 0: it tells itself
_DIRECTORIES = (SUB_IFDS, EXIF_IFD, GPS_IFD, INTEROP_IFD)
_FREE = (288, 289)  # unused room in the old file

SHORT, LONG, LONG8 = 3, 4, 16
# Bytes of one value of each type, and how many of them turn round with the byte order.
_SIZES = {
    1: (1, 1),
    2: (1, 1),
    3: (2, 2),
    4: (4, 4),
    5: (8, 4),
    6: (1, 1),
    7: (1, 1),
    8: (2, 2),
    9: (4, 4),
    10: (8, 4),
    11: (4, 4),
    12: (8, 8),
    13: (4, 4),
    16: (8, 8),
    17: (8, 8),
    18: (8, 8),
}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MAX_ENTRIES = 4096
_MAX_DEPTH = 3
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One field of a directory."""

    type: int
    """Number of its type in TIFF."""
    count: int
    """How many values."""
    value: bytes
    """The values, in the byte order of the file."""


Frame = Mapping[int, Entry]
"""A directory: entries by tag."""


class TiffFile:
    """A TIFF or BigTIFF that is read.

    Args:
        file: the open file; stays open as long as this is used.

    Raises:
        ValueError: it has no readable first directory.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, io.SEEK_END)
        head = self._at(0, 16)
        self.order = "<" if head[:2] == b"II" else ">"
        """Byte order, as `struct` writes it."""
        self.big = head[2:4] in (b"+\0", b"\0+")
        """Whether offsets have 8 bytes."""
        self.frames: list[Frame] = []
        """Its frames, in order."""
        self.broken = ""
        """Why frames after these could not be found; empty if there are none."""
        at = 8 if self.big else 4
        self._follow(*struct.unpack_from(self.order + ("Q" if self.big else "I"), head, at))
        if not self.frames:
            raise ValueError(self.broken or "holds no picture")

    def integers(self, frame: Frame, tag: int) -> tuple[int, ...]:
        """The values of an entry of whole numbers; empty if it is missing or of another type."""
        entry = frame.get(tag)
        code = _INTEGERS.get(entry.type) if entry else None
        if entry is None or code is None:
            return ()
        return struct.unpack(f"{self.order}{entry.count}{code}", entry.value)

    def integer(self, frame: Frame, tag: int, default: int) -> int:
        """The first value of an entry."""
        return (*self.integers(frame, tag), default)[0]

    def blocks(self, frame: Frame) -> list[tuple[int, int]]:
        """Offset and length of each strip or tile of a frame."""
        offsets = self.integers(frame, TILE_OFFSETS) or self.integers(frame, STRIP_OFFSETS)
        lengths = self.integers(frame, TILE_COUNTS) or self.integers(frame, STRIP_COUNTS)
        if not lengths and len(offsets) == 1:  # some old writers leave them out
            lengths = (max(self.size - offsets[0], 0),)
        found = list(zip(offsets, lengths, strict=False))
        if sum(length for _, length in found) > 4 * self.size:
            raise ValueError("its strips are larger than the file")
        return found

    def complete(self, frame: Frame) -> bool:
        """Whether all strips or tiles of a frame lie inside the file."""
        found = self.blocks(frame)
        return bool(found) and all(at + length <= self.size for at, length in found)

    def directory(self, at: int) -> tuple[Frame, int]:
        """Read the directory at an offset; gives it and the offset of the next, or 0."""
        code, width = ("Q", 8) if self.big else ("H", 2)
        (count,) = struct.unpack(self.order + code, self._at(at, width))
        if not 0 < count <= _MAX_ENTRIES:
            raise ValueError(f"a directory cannot have {count} entries")
        pattern = struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))
        raw = self._at(at + width, count * pattern.size)
        entries = {
            tag: entry
            for tag, kind, number, value in pattern.iter_unpack(raw)
            if (entry := self._entry(kind, number, value)) is not None
        }
        place = at + width + count * pattern.size
        code = "Q" if self.big else "I"
        rest = self._at(place, struct.calcsize(code), short=True)
        following = struct.unpack(self.order + code, rest)[0] if rest else 0
        return entries, following

    def _follow(self, at: int) -> None:
        """Walk the chain of directories; each may occur once, so that it ends."""
        seen: set[int] = set()
        read = 0
        while at:
            try:
                if at in seen:
                    raise ValueError("its chain of frames is a circle")
                seen.add(at)
                frame, at = self.directory(at)
                read += 12 * len(frame)
                if read > self.size:
                    raise ValueError("its directories are larger than the file")
            except (ValueError, struct.error) as error:
                self.broken = str(error)
                return
            self.frames.append(frame)

    def _entry(self, kind: int, count: int, value: bytes) -> Entry | None:
        """An entry with its value fetched; None for one that cannot be understood."""
        length = _SIZES.get(kind, (0, 0))[0] * count
        if length <= 0 or length > self.size:
            return None
        if length <= len(value):
            return Entry(kind, count, value[:length])
        (at,) = struct.unpack(self.order + ("Q" if self.big else "I"), value)
        return Entry(kind, count, self._at(at, length)) if at + length <= self.size else None

    def _at(self, at: int, length: int, *, short: bool = False) -> bytes:
        if at + length > self.size:
            if short:
                return b""
            raise ValueError("the file is cut off")
        self.file.seek(at)
        return self.file.read(length)


class Assembler:
    """Writes a TIFF, frame after frame.

    Args:
        out: a seekable file to write, empty.
        order: byte order, "<" or ">". Pixels are not turned round: frames with samples of more
            than 8 bits must come from files of the same order.
        big: write a BigTIFF, which may be larger than 4 GiB.
    """

    def __init__(self, out: BinaryIO, order: str = "<", *, big: bool = False) -> None:
        self._out, self._order, self._big = out, order, big
        self._word = "Q" if big else "I"
        mark = b"II" if order == "<" else b"MM"
        version = struct.pack(order + "HHH", 43, 8, 0) if big else struct.pack(order + "H", 42)
        out.write(mark + version)
        self._link = out.tell()
        self._out.write(struct.pack(order + self._word, 0))

    def append(
        self, source: TiffFile, frame: Frame, beside: tuple[TiffFile, Frame] | None = None
    ) -> None:
        """Copy a frame of a file to the end of this one.

        Args:
            source: the file.
            frame: the frame in it.
            beside: entries of another file, which are added where the frame has none.

        Raises:
            OutputError: the file would be too large.
            ValueError: the frame cannot be copied.
        """
        entries = self._moved(*beside, 0) if beside else {}
        at = self._written(entries | self._moved(source, frame, 0))
        self._out.seek(self._link)
        self._out.write(self._packed(at))
        self._out.seek(0, io.SEEK_END)
        self._link = self._out.tell() - struct.calcsize(self._word)

    def _moved(self, source: TiffFile, frame: Frame, depth: int) -> dict[int, Entry]:
        """Write all that a directory points to; gives its entries as they are here."""
        entries = {
            tag: Entry(entry.type, entry.count, self._turned(entry, source.order))
            for tag, entry in frame.items()
            if tag not in _FREE
        }
        entries |= self._moved_blocks(source, frame)
        entries |= self._moved_tables(source, frame)
        for tag in _DIRECTORIES:
            if tag in entries:
                moved = self._moved_directories(source, source.integers(frame, tag), depth + 1)
                entries.pop(tag)
                entries |= {tag: self._offsets(moved, LONG)} if moved else {}
        return entries

    def _moved_blocks(self, source: TiffFile, frame: Frame) -> dict[int, Entry]:
        found = source.blocks(frame)
        if not found:
            return {}
        tiled = bool(source.integers(frame, TILE_OFFSETS))
        tags = (TILE_OFFSETS, TILE_COUNTS) if tiled else (STRIP_OFFSETS, STRIP_COUNTS)
        moved = [self._copied(source, at, length) for at, length in found]
        return {
            tags[0]: self._offsets(moved, LONG),
            tags[1]: self._offsets([length for _, length in found], LONG),
        }

    def _moved_tables(self, source: TiffFile, frame: Frame) -> dict[int, Entry]:
        """What the old kind of JPEG in TIFF keeps outside of its strips."""
        entries: dict[int, Entry] = {}
        for tag, length in JPEG_TABLES.items():
            moved = [
                self._copied(source, at, length or 16 + sum(source._at(at, 16)))
                for at in source.integers(frame, tag)
            ]
            entries |= {tag: self._offsets(moved, LONG)} if moved else {}
        at, length = (source.integer(frame, tag, 0) for tag in (JPEG_OFFSET, JPEG_LENGTH))
        if at and length:
            entries[JPEG_OFFSET] = self._offsets([self._copied(source, at, length)], LONG)
        return entries

    def _moved_directories(
        self, source: TiffFile, places: tuple[int, ...], depth: int
    ) -> list[int]:
        if depth > _MAX_DEPTH:
            return []
        moved = []
        for at in places:
            try:
                entries = self._moved(source, source.directory(at)[0], depth)
                moved.append(self._written(entries))
            except (ValueError, struct.error):
                continue  # a damaged one cannot be moved; the frame can live without
        return moved

    def _copied(self, source: TiffFile, at: int, length: int) -> int:
        """Copy bytes, as far as they exist; gives where they are now."""
        start = self._even()
        source.file.seek(at)
        while length > 0:
            block = source.file.read(min(length, _BLOCK))
            if not block:
                break
            self._out.write(block)
            length -= len(block)
        return start

    def _written(self, entries: Mapping[int, Entry]) -> int:
        room = struct.calcsize(self._word)
        rows = []
        for tag in sorted(entries):
            entry = entries[tag]
            field = entry.value.ljust(room, b"\0")
            if len(entry.value) > room:
                field = self._packed(self._even())
                self._out.write(entry.value)
            rows.append(struct.pack(f"{self._order}HH{self._word}", tag, entry.type, entry.count))
            rows.append(field)
        at = self._even()
        count = struct.pack(self._order + ("Q" if self._big else "H"), len(entries))
        self._out.write(b"".join([count, *rows, self._packed(0)]))
        return at

    def _turned(self, entry: Entry, order: str) -> bytes:
        unit = _SIZES[entry.type][1]
        if order == self._order or unit == 1:
            return entry.value
        step = range(0, len(entry.value), unit)
        return b"".join(entry.value[at : at + unit][::-1] for at in step)

    def _offsets(self, values: list[int], kind: int) -> Entry:
        if self._big:
            kind = LONG8
        packed = b"".join(self._packed(value) for value in values)
        return Entry(kind, len(values), packed)

    def _packed(self, value: int) -> bytes:
        try:
            return struct.pack(self._order + self._word, value)
        except struct.error:
            raise OutputError(
                "a TIFF cannot be larger than 4 GiB",
                hint="write a PDF, or one picture for each page: -o out/%03d.tif",
            ) from None

    def _even(self) -> int:
        """Go to an even offset, where TIFF wants everything to begin."""
        if self._out.tell() % 2:
            self._out.write(b"\0")
        return self._out.tell()


def extracted(source: TiffFile, frame: Frame, without: tuple[int, ...] = ()) -> bytes:
    """A frame as a file of its own, without some of its tags."""
    out = io.BytesIO()
    assembler = Assembler(out, source.order, big=source.big)
    assembler.append(source, {tag: entry for tag, entry in frame.items() if tag not in without})
    return out.getvalue()


def patched(data: bytes, tag: int, value: int) -> bytes:
    """A file of one frame with one short number changed."""
    source = TiffFile(io.BytesIO(data))
    entry = Entry(SHORT, 1, struct.pack(source.order + "H", value))
    return extracted(source, {**source.frames[0], tag: entry})
