"""PNM: portable bit, gray and pixel maps, as netpbm, pdftoppm and scanimage hand them on.

A raw file holds any number of pictures, one right behind the other, without a table of them
(netpbm's pbm(5), pgm(5), ppm(5)): so come the pages of a document through a pipe.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import HEAD, Document, Source, Target, Writer, _encode, _picture
from scanclean.documents._picture_writer import PictureWriter
from scanclean.errors import DeviceError, InputError
from scanclean.page import Action, Kept, Page

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["SUFFIXES", "create", "open", "recognises"]

SUFFIXES = tuple(suffix for suffix, kind in _encode.KINDS.items() if kind == "pnm")


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
    return PictureWriter(target, document, suffix, options, several=True)


@dataclass(frozen=True)
class _Part:
    """A picture in the file."""

    start: int
    """Where its header begins."""
    end: int
    """Where what follows it begins."""
    size: tuple[int, int]
    """Width and height in pixels."""


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
                self._parts, broken = _parts(self._file)
                self._check(broken=broken)
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
        return len(self._parts)

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

    def _check(self, *, broken: bool) -> None:
        """Refuse what is too large, before any work; say that something else follows."""
        for index, part in enumerate(self._parts):
            if self._options.wants(index):
                _picture.check_size(self._called(index), part.size, self._options)
        if broken:
            what = f"what follows page {len(self)} is no picture"
            if self._options.strict:
                raise InputError(f"{self.name}: {what}", hint="drop --strict to leave it out")
            self.warnings.append(f"{what}: left out, unless that page goes out as it came")

    def _page(self, index: int) -> Page | Kept:
        try:
            decoded = self._decoded(index)
        except DeviceError as error:
            if self._options.strict or len(self) == 1:
                raise
            return Kept(index, "copied", str(error))
        for note in decoded.warnings:
            # None of the pictures can state a resolution: once is enough.
            if len(self) > 1 and not note.startswith("states no resolution"):
                self.warnings.append(f"page {index + 1}: {note}")
            elif note not in self.warnings:
                self.warnings.append(note)
        if decoded.damage:
            if self._options.strict:
                raise InputError(
                    f"{self._called(index)}: is {decoded.damage.partition(':')[0]}",
                    hint="get the file again, or drop --strict",
                )
            return Kept(index, "copied", decoded.damage)
        return decoded.page

    def _decoded(self, index: int) -> _picture.Decoded:
        try:
            decoded = self._read(index, self._stored(index))
            if decoded.damage:
                said = f"damaged ({decoded.damage}): goes out as far as it can be read"
                decoded = replace(decoded, damage=said)
        except InputError as error:
            if len(self) == 1:
                raise
            # an empty page keeps the numbers of the others
            width, height = self._parts[index].size
            empty = b"P4 %d %d\n" % (width, height) + bytes((width + 7) // 8 * height)
            why = f"damaged ({error.__cause__ or error}): an empty page stands in its place"
            decoded = replace(self._read(index, empty), damage=why)
        if decoded.damage:
            self._damaged.add(index)
        return decoded

    def _read(self, index: int, data: bytes) -> _picture.Decoded:
        with _picture.reading(self._called(index)):
            return _picture.decode(io.BytesIO(data), "pnm", index, self._options)

    def _stored(self, index: int) -> bytes:
        part = self._parts[index]
        with _picture.reading(self.name):
            self._file.seek(part.start)
            return self._file.read(part.end - part.start)

    def _called(self, index: int) -> str:
        return self.name if len(self) == 1 else f"{self.name}: page {index + 1}"


def _parts(file: BinaryIO) -> tuple[list[_Part], bool]:
    """The pictures of a file; whether anything but blanks follows that is none.

    Each goes on to where the next begins, and the last one to the end of the file.
    """
    parts: list[_Part] = []
    start, total = 0, file.seek(0, io.SEEK_END)
    while True:
        file.seek(start)
        try:
            image = _picture.identify(file, "pnm")
            width, height = image.size
            if parts and (width < 1 or height < 1):
                raise ValueError("has no pixels")
        except _picture.FAILURES:
            if not parts:
                raise
            parts[-1] = replace(parts[-1], end=total)
            return parts, True
        follows = _behind(image, file)
        parts.append(_Part(start, total if follows is None else follows, image.size))
        if follows is None:
            return parts, False
        start = follows


def _behind(image: ImageFile, file: BinaryIO) -> int | None:
    """Where something begins behind a picture whose header was read; None: nothing does."""
    codec, _, raster, how = cast(Any, image.tile[0])
    if codec == "ppm_plain":  # such a file holds one
        return None
    deep = how == "I;16B" or (codec == "ppm" and how[1] > 255)
    row = (image.width + 7) // 8
    if image.mode != "1":
        row = image.width * len(image.getbands()) * (2 if deep else 1)
    at = file.seek(raster + row * image.height)
    while chunk := file.read(HEAD):
        if rest := chunk.lstrip():
            return at + len(chunk) - len(rest)
        at += len(chunk)
    return None
