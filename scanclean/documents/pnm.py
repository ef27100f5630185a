"""PNM: portable bit, gray and pixel maps, as netpbm, pdftoppm and scanimage hand them on.

A raw file holds any number of pictures, one right behind the other, without a table of them
(netpbm's pbm(5), pgm(5), ppm(5)): so come the pages of a document through a pipe.
"""

from __future__ import annotations

import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from scanclean.atomic import output_error, replacing
from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import Document, Encoded, Source, Target, Writer, _encode, _picture
from scanclean.errors import InputError, OutputError
from scanclean.page import Action, Kept, Page

__all__ = ["SUFFIXES", "create", "open", "recognises"]

SUFFIXES = tuple(suffix for suffix, kind in _encode.KINDS.items() if kind == "pnm")

_SPOOL = 16 << 20  # bytes of an output for a stream that stay in memory


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a PNM."""
    return _picture.kind_of(head) == "pnm"


def open(source: Source, name: str, options: ReadOptions) -> Document:  # noqa: A001
    """Open a PNM: its pictures are found and their sizes checked.

    Raises:
        InputError: it cannot be read, or a picture that is to be cleaned is too large.
    """
    return PnmDocument(source, name, options)


def create(target: Target, document: Document, suffix: str, options: StoreOptions) -> Writer:
    """Begin a PNM with a picture for each page of `document`.

    Raises:
        OutputError: the target exists.
    """
    return PnmWriter(target, document, suffix, options)


class PnmDocument:
    """The pictures of a PNM as pages."""

    kind = "pnm"
    suffix = SUFFIXES[0]

    def __init__(self, source: Source, name: str, options: ReadOptions) -> None:
        self.name = name
        self.warnings: list[str] = []
        self._options = options
        self._damaged: set[int] = set()
        with _picture.reading(name):
            self._file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        try:
            with _picture.reading(name):
                self._starts = self._found()
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
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Page | Kept]:
        for index in range(len(self)):
            if self._options.wants(index):
                yield self._page(index)
            else:
                yield Kept(index, "skipped", "not among the chosen pages")

    def original(self, index: int, action: Action) -> bytes | None:
        """A picture as it is stored; None if it is damaged, so that others could not open it."""
        if action == "copied" and index not in self._damaged:
            self._decoded(index)  # copied because of something else, or not read yet
        return None if index in self._damaged else self._stored(index)

    def render(self, index: int, most: float | None = None) -> Page:
        """A picture, as far as it can be read, cleaned or not."""
        return self._decoded(index).page

    def _found(self) -> list[int]:
        """Where each picture begins, and where the last one ends."""
        starts: list[int] = []
        follows: int | None = 0
        while follows is not None:
            starts.append(follows)
            follows = self._behind(len(starts) - 1, follows)
        return [*starts, self._file.seek(0, io.SEEK_END)]

    def _behind(self, index: int, at: int) -> int | None:
        """Where the picture begins that follows the one at `at`; None if none does."""
        self._file.seek(at)
        image = _picture.identify(self._file, "pnm")
        if self._options.wants(index):
            _picture.check_size(self._called(index, single=not at), image.size, self._options)
        codec, _, raster, *_ = image.tile[0]
        if codec == "ppm_plain":  # such a file holds one
            return None
        self._file.seek(at)
        header = re.sub(rb"#[^\n\r]*", b"", self._file.read(raster - at)).split()
        row = (image.width + 7) // 8
        if header[0] != b"P4":
            deep = 2 if int(header[3]) > 255 else 1
            row = image.width * deep * (3 if header[0] == b"P6" else 1)
        end = raster + row * image.height
        self._file.seek(end)
        head = self._file.read(512)
        blank = len(head) - len(head.lstrip())
        return end + blank if _picture.kind_of(head[blank:]) == "pnm" else None

    def _page(self, index: int) -> Page | Kept:
        decoded = self._decoded(index)
        # None of the pictures can state a resolution: once is enough.
        self.warnings.extend(note for note in decoded.warnings if note not in self.warnings)
        if not decoded.damage:
            return decoded.page
        what = f"damaged ({decoded.damage})"
        if self._options.strict:
            called = self._called(index, single=len(self) == 1)
            raise InputError(f"{called}: is {what}", hint="get the file again, or drop --strict")
        return Kept(index, "copied", f"{what}: goes out as far as it can be read")

    def _decoded(self, index: int) -> _picture.Decoded:
        with _picture.reading(self._called(index, single=len(self) == 1)):
            file = io.BytesIO(self._stored(index))
            decoded = _picture.decode(file, "pnm", index, self._options)
        if decoded.damage:
            self._damaged.add(index)
        return decoded

    def _stored(self, index: int) -> bytes:
        start, end = self._starts[index : index + 2]
        with _picture.reading(self.name):
            self._file.seek(start)
            return self._file.read(end - start)

    def _called(self, index: int, *, single: bool) -> str:
        return self.name if single else f"{self.name}: page {index + 1}"


class PnmWriter:
    """Makes a PNM, one picture behind the other; only the one at hand is in memory."""

    def __init__(
        self, target: Target, document: Document, suffix: str, options: StoreOptions
    ) -> None:
        self._target, self._document = target, document
        self._suffix, self._options = suffix, options
        self._stack = ExitStack()
        self._pictures = 0

    def __enter__(self) -> Self:
        with self._stack:  # undone if the file cannot be made
            if isinstance(self._target, Path):
                made = replacing(self._target, force=self._options.force)
                path = self._stack.enter_context(made)
                self._out = cast(BinaryIO, self._stack.enter_context(path.open("wb")))
            else:
                spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115
                self._out = cast(BinaryIO, self._stack.enter_context(spool))
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
            self._deliver()

    def encode(self, page: Page) -> Encoded:
        """Store the page as a picture; safe in any thread."""
        return _encode.encoded(page, self._document, self._suffix, self._options)

    def add(self, encoded: Encoded) -> None:
        """Append a cleaned page."""
        if encoded.payload is None:
            self.keep(Kept(encoded.page, "unchanged", "nothing to clean"))
        elif isinstance(encoded.payload, bytes):
            self._append(encoded.payload)

    def keep(self, kept: Kept) -> None:
        """Append a page as it came."""
        self._append(_encode.kept(self._document, kept, self._suffix, self._options))

    def _append(self, data: bytes) -> None:
        self._out.write(data)
        self._pictures += 1

    def _deliver(self) -> None:
        if not self._pictures:
            raise OutputError(f"{self._document.name}: there is no page to write")
        if isinstance(self._target, Path):
            return
        self._out.seek(0)
        try:
            shutil.copyfileobj(self._out, self._target)
            self._target.flush()
        except OSError as error:
            raise output_error("standard output", error) from error
