"""TIFF with any number of frames, each with its own mode, size, resolution and compression."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import BinaryIO, Self

from scanclean.atomic import growing
from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import (
    Document,
    Encoded,
    Source,
    Target,
    Writer,
    _encode,
    _picture,
    _salvage,
    _tiff_file,
)
from scanclean.documents._tiff_file import Assembler, Frame, TiffFile
from scanclean.errors import DeviceError, InputError, OutputError
from scanclean.page import Action, Kept, Page

__all__ = ["SUFFIXES", "create", "open", "recognises"]

SUFFIXES = (".tif", ".tiff")

# Tags of a frame that are as true of the cleaned one: what kind of page, its names and makers, and
# where on the earth a map lies (GeoTIFF); these only if its pixels lie as they did.
_CARRIED = (254, 269, 270, 271, 272, 285, 297, 305, 306, 315, 33432, 33723, 34665, 34853)
_PLACED = (33550, 33922, 34264, 34735, 34736, 34737, 42113)
_FOREIGN = (34661, 34676, 34677, 34712, 34887, 34892, 50002)  # JBIG, LogLuv, JPEG 2000, LERC, ...
_ODD_BITS = (10, 12, 14, 24, 64)
_AS_FAR = "goes out as far as it can be read"
_XMP = 700  # states an orientation of its own


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a TIFF or BigTIFF."""
    return _picture.kind_of(head) == "tiff"


def open(source: Source, name: str, options: ReadOptions) -> Document:  # noqa: A001
    """Open a TIFF: its frames are found and their sizes checked.

    Raises:
        InputError: it cannot be read, or a frame that is to be cleaned is too large.
    """
    return TiffDocument(source, name, options)


def create(target: Target, document: Document, suffix: str, options: StoreOptions) -> Writer:
    """Begin a TIFF with a frame for each page of `document`.

    Raises:
        OutputError: the target exists.
    """
    return TiffWriter(target, document, options)


class TiffDocument:
    """The frames of a TIFF as pages."""

    kind = "tiff"
    suffix = SUFFIXES[0]

    def __init__(self, source: Source, name: str, options: ReadOptions) -> None:
        self.name = name
        self.warnings: list[str] = []
        self._options = options
        self._damaged: set[int] = set()
        self._turned: set[int] = set()
        with _picture.reading(name):
            self._file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        try:
            with _picture.reading(name):
                self.tiff = TiffFile(self._file)
                self._check()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.tiff.frames)

    def __iter__(self) -> Iterator[Page | Kept]:
        for index, frame in enumerate(self.tiff.frames):
            kept = self._let_through(index, frame)
            yield self._page(index) if kept is None else kept

    def original(self, index: int, action: Action) -> bytes | None:
        """A frame as a file of its own, exactly as it is stored; None if it must not go out so."""
        if not self.intact(index, action):
            return None
        with _picture.reading(self._called(index)):
            if len(self) == 1 and not self.tiff.broken:
                self._file.seek(0)
                return self._file.read()
            return _tiff_file.extracted(self.tiff, self.tiff.frames[index])

    def intact(self, index: int, action: Action) -> bool:
        """Whether a frame may go out exactly as it is stored: it opens, and is not on its side."""
        return index not in self._damaged and not (action == "unchanged" and index in self._turned)

    def render(self, index: int, most: float | None = None) -> Page:
        """A frame, as far as it can be read, cleaned or not."""
        return self._decoded(index).page

    def copy_to(self, out: BinaryIO) -> None:
        """Write the whole file, byte for byte."""
        self._file.seek(0)
        shutil.copyfileobj(self._file, out)

    def _check(self) -> None:
        """Refuse what is too large or cannot be read at all, before any work."""
        tiff = self.tiff
        for index, frame in enumerate(tiff.frames):
            if self._let_through(index, frame) is None:
                tags = (_tiff_file.WIDTH, _tiff_file.HEIGHT)
                width, height = (tiff.integer(frame, tag, 0) for tag in tags)
                _picture.check_size(self._called(index), (width, height), self._options)
        _picture.identify(io.BytesIO(_tiff_file.extracted(tiff, tiff.frames[0])), "tiff")
        if tiff.broken and self._options.strict:
            raise InputError(
                f"{self.name}: what follows page {len(self)} cannot be found: {tiff.broken}",
                hint="without --strict the pages before are cleaned",
            )

    def _let_through(self, index: int, frame: Frame) -> Kept | None:
        if not self._options.wants(index):
            return Kept(index, "skipped", "not among the chosen pages")
        if index and self.tiff.integer(frame, _tiff_file.NEW_SUBFILE_TYPE, 0) & 0b101:
            return Kept(index, "kept", "a small copy or a mask of another page")
        return None

    def _page(self, index: int) -> Page | Kept:
        try:
            decoded = self._decoded(index)
        except DeviceError as error:
            if self._options.strict or len(self) == 1:
                raise
            return Kept(index, "copied", str(error))
        except InputError as error:
            if self._options.strict or not self._copyable(index):
                raise InputError(str(error), hint=self._around(index) or error.hint) from error
            return Kept(index, "copied", "stored in a way that cannot be read here")
        notes = (f"page {index + 1}: {note}" for note in decoded.warnings)
        self.warnings.extend(decoded.warnings if len(self) == 1 else notes)
        if decoded.damage:
            if self._options.strict:
                raise InputError(
                    f"{self._called(index)}: is {decoded.damage.partition(':')[0]}",
                    hint="without --strict the other pages are cleaned",
                )
            return Kept(index, "copied", decoded.damage)
        if self.tiff.broken and index + 1 == len(self):
            return Kept(index, "copied", f"what follows cannot be found: {self.tiff.broken}")
        return decoded.page

    def _copyable(self, index: int) -> bool:
        """Whether a frame is sound, and only of a kind that Pillow cannot read."""
        frame = self.tiff.frames[index]
        compression = self.tiff.integer(frame, _tiff_file.COMPRESSION, 1)
        bits = self.tiff.integer(frame, _tiff_file.BITS, 1)
        if compression not in _FOREIGN and bits not in _ODD_BITS:
            return False
        with _picture.reading(self._called(index)):
            return len(self) > 1 and self.tiff.complete(frame)

    def _around(self, index: int) -> str | None:
        """What to type so that a frame goes out as it is stored and the others are cleaned."""
        if len(self) == 1:
            return None
        before = [f"1-{index}"] if index else []
        after = [f"{index + 2}-"] if index + 1 < len(self) else []
        return f"leave that page as it is: --pages {','.join(before + after)}"

    def _decoded(self, index: int) -> _picture.Decoded:
        """Decode a frame, with a second try for a damaged one that keeps what can be read."""
        frame = self.tiff.frames[index]
        with _picture.reading(self._called(index)):
            data = _tiff_file.extracted(self.tiff, frame, (_tiff_file.ORIENTATION,))
        try:
            decoded = self._decode(index, data, "")
            if decoded.damage:
                decoded = replace(decoded, damage=f"damaged ({decoded.damage}): {_AS_FAR}")
        except InputError as error:
            decoded = self._rescued(index, data, error)
        if decoded.damage:
            self._damaged.add(index)
        return decoded

    def _rescued(self, index: int, data: bytes, error: InputError) -> _picture.Decoded:
        """What can be read of a frame that does not decode; an empty page if that is nothing.

        In a document an empty page keeps the numbers of the others; a single picture has none.
        """
        why = str(error.__cause__ or error)
        with contextlib.suppress(InputError):
            with _picture.reading(self._called(index)):
                part = _salvage.salvaged(self.tiff, self.tiff.frames[index])
            if part is not None:
                return self._decode(index, part, f"damaged ({why}): {_AS_FAR}")
        if len(self) == 1 or self._copyable(index):
            raise error
        with _picture.reading(self._called(index)):
            size = _picture.identify(io.BytesIO(data), "tiff").size
            empty = _encode.empty_frame(size)
        return self._decode(index, empty, f"damaged ({why}): an empty page stands in its place")

    def _decode(self, index: int, data: bytes, damage: str) -> _picture.Decoded:
        orientation = self.tiff.integer(self.tiff.frames[index], _tiff_file.ORIENTATION, 1)
        with _picture.reading(self._called(index)):
            decoded = _picture.decode(
                io.BytesIO(data), "tiff", index, self._options, orientation=orientation
            )
        if orientation != 1:
            self._turned.add(index)
        return replace(decoded, damage=damage or decoded.damage)

    def _called(self, index: int) -> str:
        return self.name if len(self) == 1 else f"{self.name}: page {index + 1}"


class TiffWriter:
    """Makes a TIFF, one frame after the other; only the frame at hand is in memory."""

    def __init__(self, target: Target, document: Document, options: StoreOptions) -> None:
        self._target, self._document, self._options = target, document, options
        self._source = document if isinstance(document, TiffDocument) else None
        self._stack = ExitStack()
        self._frames = 0
        self._untouched = True

    def __enter__(self) -> Self:
        with self._stack:  # undone if the file cannot be made
            self._out = self._stack.enter_context(growing(self._target, force=self._options.force))
            # Samples of more than 8 bits are copied as they are: the order must stay.
            order, big = "<", False
            if self._source:
                order, big = self._source.tiff.order, self._source.tiff.big
            self._assembler = Assembler(self._out, order, big=big)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            self._finish()

    def encode(self, page: Page) -> Encoded:
        """Compress a page as a frame; safe in any thread."""
        return _encode.encoded(page, self._document, SUFFIXES[0], self._options)

    def add(self, encoded: Encoded) -> None:
        """Append a cleaned page."""
        if encoded.payload is None:
            self.keep(Kept(encoded.page, "unchanged", "nothing to clean"))
        elif isinstance(encoded.payload, bytes):
            self._append(encoded.page, encoded.payload)

    def keep(self, kept: Kept) -> None:
        """Append a page as it came."""
        source = self._source
        if source is None or not source.intact(kept.index, kept.action):
            made = _encode.kept(self._document, kept, SUFFIXES[0], self._options)
            self._append(kept.index, made)
            return
        with _picture.reading(f"{source.name}: page {kept.index + 1}"):
            self._assembler.append(source.tiff, source.tiff.frames[kept.index])
        self._frames += 1

    def _append(self, index: int, data: bytes) -> None:
        made = TiffFile(io.BytesIO(data))
        beside = self._carried(index) if self._source else None
        self._assembler.append(made, made.frames[0], beside)
        self._frames += 1
        self._untouched = False

    def _carried(self, index: int) -> tuple[TiffFile, Frame]:
        """Entries of the old frame that stay with the new one."""
        assert self._source is not None
        tiff = self._source.tiff
        frame = tiff.frames[index]
        turned = tiff.integer(frame, _tiff_file.ORIENTATION, 1) != 1
        tags = _CARRIED if turned else (*_CARRIED, *_PLACED, _XMP)
        return tiff, {tag: entry for tag, entry in frame.items() if tag in tags}

    def _finish(self) -> None:
        source = self._source
        if not self._frames:
            raise OutputError(f"{self._document.name}: there is no page to write")
        whole = source and self._frames == len(source) and not source.tiff.broken
        if source and whole and self._untouched:
            self._out.seek(0)
            self._out.truncate()
            source.copy_to(self._out)
