"""A new PDF from pictures: one page each, as large as the picture is on paper.

Written by hand, page by page as they come: no more than one is in memory, the same pages give the
same bytes, and the operating system's complaints arrive as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Protocol, Self, runtime_checkable

import numpy as np

from scanclean.codecs import Stream
from scanclean.config import StoreOptions
from scanclean.documents import Document, Encoded, Target
from scanclean.documents._pdf_output import publishing
from scanclean.documents._pdf_save import verify
from scanclean.documents._storage import Before, store
from scanclean.errors import InputError
from scanclean.page import Kept, Page

A4 = (595.0, 842.0)
"""Width and height in points of an empty page that no other comes before."""
LONGEST = 14_400.0
"""Longest side of a page in units; larger pages get larger units (UserUnit)."""


@runtime_checkable
class Traits(Protocol):
    """What the origin of a picture's page may offer."""

    icc: bytes | None
    """ICC profile of the pixels; None means sRGB, or plain gray."""
    stored: int
    """Size in the input, in bytes."""
    lossless: bool
    """Whether the input held exact pixels."""


@dataclass(frozen=True)
class NewPage:
    """A page, ready to be written."""

    stream: Stream
    size: tuple[float, float]
    """Width and height in points."""
    icc: bytes | None


class PdfMaker:
    """Writer that makes a PDF from pictures."""

    def __init__(self, target: Target, document: Document, options: StoreOptions) -> None:
        self._document = document
        self._options = options
        self._output: AbstractContextManager[None] = self._publishing(target)
        self._file: BinaryIO | None = None
        self._offsets: list[int] = [0, 0, 0]  # objects 1 and 2, catalogue and page tree, come last
        self._pages: list[int] = []
        self._empty = 0
        self._size = A4
        self._profiles: dict[bytes, int] = {}

    def __enter__(self) -> Self:
        self._output.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._output.__exit__(kind, error, trace)

    @contextmanager
    def _publishing(self, target: Target) -> Iterator[None]:
        with publishing(target, force=self._options.force) as path:
            with path.open("wb") as file:
                self._file = file
                file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
                yield
                self._finish(file)
            verify(path, self._document.name, password=None, pages=len(self._pages), streams={})

    def encode(self, page: Page) -> Encoded:
        """Compress a page; touches nothing shared."""
        traits = page.origin if isinstance(page.origin, Traits) else None
        before = Before(traits.stored, not traits.lossless) if traits else Before()
        stream, warnings = store(
            page.pixels, bitonal=page.bitonal, before=before, options=self._options
        )
        icc = traits.icc if traits else None
        if icc is not None and not _fits(icc, stream):
            icc = None
        across, down = page.dpi
        size = (stream.width * 72 / across, stream.height * 72 / down)
        new = NewPage(stream, size, icc)
        return Encoded(page.index, new, before.size, len(stream.data), warnings)

    def add(self, encoded: Encoded) -> None:
        """Write a page."""
        new = encoded.payload
        assert isinstance(new, NewPage)
        self._size = new.size
        picture = self._picture(new)
        unit = max(1.0, max(new.size) / LONGEST)
        width, height = (_number(side / unit) for side in new.size)
        drawing = f"q {width} 0 0 {height} 0 0 cm /Im0 Do Q".encode()
        contents = self._object("", drawing)
        keys = (
            f"/Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] "
            f"/Resources <</XObject <</Im0 {picture} 0 R>>>> /Contents {contents} 0 R"
        )
        if unit > 1:
            keys += f" /UserUnit {_number(unit)}"
        self._pages.append(self._object(keys))

    def keep(self, kept: Kept) -> None:
        """Write a page that was not cleaned; without pixels of it, an empty one, and say so.

        The pages behind it keep their numbers so.
        """
        try:
            page = self._document.render(kept.index)
        except InputError as error:
            self._document.warnings.append(f"page {kept.index + 1} is empty in the PDF: {error}")
            self._empty += 1
            width, height = self._size
            page = Page(kept.index, np.full((1, 1), 255, np.uint8), (72 / width, 72 / height), True)
        self.add(self.encode(page))

    def _picture(self, new: NewPage) -> int:
        stream = new.stream
        space = stream.color_space
        if new.icc is not None:
            device = "/DeviceRGB" if "/DeviceRGB" in space else "/DeviceGray"
            space = space.replace(device, f"[/ICCBased {self._profile(new.icc, device)} 0 R]")
        keys = (
            f"/Type /XObject /Subtype /Image /Width {stream.width} /Height {stream.height} "
            f"/BitsPerComponent {stream.bits} /ColorSpace {space} /Filter /{stream.filter}"
        )
        if stream.decode_parms:
            keys += f" /DecodeParms {stream.decode_parms}"
        return self._object(keys, stream.data)

    def _profile(self, icc: bytes, device: str) -> int:
        digest = hashlib.sha256(icc).digest()
        if digest not in self._profiles:
            components = 3 if device == "/DeviceRGB" else 1
            self._profiles[digest] = self._object(f"/N {components} /Alternate {device}", icc)
        return self._profiles[digest]

    def _object(self, keys: str, data: bytes | None = None) -> int:
        self._offsets.append(0)
        number = len(self._offsets) - 1
        self._write(number, keys, data)
        return number

    def _write(self, number: int, keys: str, data: bytes | None = None) -> None:
        assert self._file is not None
        self._offsets[number] = self._file.tell()
        length = "" if data is None else f" /Length {len(data)}"
        body = f"{number} 0 obj\n<<{keys}{length}>>\n".encode()
        if data is not None:
            body += b"stream\n" + data + b"\nendstream\n"
        self._file.write(body + b"endobj\n")

    def _finish(self, file: BinaryIO) -> None:
        if len(self._pages) == self._empty:
            raise InputError(f"{self._document.name}: no page could be read")
        self._write(1, "/Type /Catalog /Pages 2 0 R")
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        self._write(2, f"/Type /Pages /Count {len(self._pages)} /Kids [{kids}]")
        start, count = file.tell(), len(self._offsets)
        rows = "".join(f"{offset:010d} 00000 n \n" for offset in self._offsets[1:])
        file.write(f"xref\n0 {count}\n0000000000 65535 f \n{rows}".encode())
        file.write(f"trailer\n<</Size {count} /Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n".encode())


def _fits(icc: bytes, stream: Stream) -> bool:
    """Whether a profile describes the stream's components: its header names them at byte 16."""
    wanted = b"RGB " if "/DeviceRGB" in stream.color_space else b"GRAY"
    return icc[16:20] == wanted


def _number(value: float) -> str:
    """A number as PDF writes it: no exponent, no more digits than matter.

    >>> _number(595.0), _number(0.00001)
    ('595', '0.00001')
    """
    return f"{value:.5f}".rstrip("0").rstrip(".")
