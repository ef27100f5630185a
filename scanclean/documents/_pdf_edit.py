"""Putting cleaned pictures back into the PDF that they came from, object by object.

The stream of the same object is written anew and only the keys that explain it change, so
placement, masks, sharing, names and structure stay. (`Page.replace_image` would add a second
picture, drop the mask, and touch every page that shares the picture.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from scanclean.codecs import Stream
from scanclean.config import StoreOptions
from scanclean.documents import Encoded, Target
from scanclean.documents._pdf_content import inherited
from scanclean.documents._pdf_gate import refuse_partial_lock
from scanclean.documents._pdf_library import Object, get, is_null, mupdf, reading
from scanclean.documents._pdf_output import Held, Spool, publishing
from scanclean.documents._pdf_picture import shared_symbols
from scanclean.documents._pdf_save import save, verify
from scanclean.documents._storage import ALLOWANCE, Before, kilo, store
from scanclean.page import Kept, Page, Pixels, fingerprint

if TYPE_CHECKING:
    from scanclean.documents.pdf import PdfDocument


@dataclass(frozen=True)
class Tile:
    """A picture object of a scan, its place in the scan's raster, and how it was stored."""

    xref: int
    """Number of the object."""
    path: tuple[str, ...]
    """Names that lead to it from the page."""
    x: int
    """Pixels from the raster's left side."""
    y: int
    """Pixels from the raster's top."""
    size: tuple[int, int]
    """Width and height in pixels."""
    ours: bool
    """Whether this scan is the one that cleans it; an earlier page may have."""
    outside: bool
    """Whether pages that must not change show it too, so that it has to be copied."""
    space: str
    """PDF syntax of the colour space of its decoded pixels; empty if it is a stencil."""
    gray: bool
    """Whether it has one component."""
    bitonal: bool
    """Whether it is black and white."""
    pair: tuple[bytes, bytes] | None
    """Colours of a two-tone picture that is not black and white: of 0, of 255."""
    digest: bytes
    """Of its decoded pixels: what is still the same is not stored again."""
    before: Before
    """How it was stored."""


@dataclass(frozen=True)
class Origin:
    """What a PDF remembers of a scan (`Page.origin`)."""

    tiles: tuple[Tile, ...]
    """Its pictures."""
    turn: int
    """Quarter turns clockwise by which the page shows the scan, 0 to 3."""
    bare: bool
    """Whether the page shows that scan and nothing else; known if pictures are made of it."""


@dataclass(frozen=True)
class Replacement:
    """A picture's new stream."""

    xref: int
    path: tuple[str, ...]
    copy: bool
    stream: Stream
    space: str
    """PDF syntax of its colour space; empty: a stencil has none."""


class Edits:
    """Cleaned pictures on their way into the opened document."""

    def __init__(self, document: PdfDocument, options: StoreOptions) -> None:
        self._document = document
        self._options = options
        self._spool = Spool()
        self.written: dict[int, int] = {}
        """Bytes of each new stream, by the number of its object."""
        self._copies: dict[int, int] = {}
        self._symbols: set[int] = set()

    def close(self) -> None:
        """Give up the file in which streams wait; the document can still read them."""
        self._spool.close()

    def relieve(self) -> None:
        """Let go of memory that can be had again."""
        self._spool.relieve()

    def encode(self, page: Page) -> Encoded:
        """Compress what has changed; touches nothing shared."""
        assert isinstance(page.origin, Origin)
        found: list[Replacement] = []
        warnings: list[str] = []
        before = after = 0
        for tile in page.origin.tiles:
            before += tile.before.size
            width, height = tile.size
            pixels = page.pixels[tile.y : tile.y + height, tile.x : tile.x + width]
            pixels = _as_stored(pixels, tile, page)
            if not tile.ours or fingerprint(pixels) == tile.digest:
                after += tile.before.size
                continue
            bitonal = page.bitonal or (
                tile.bitonal and (len(page.origin.tiles) > 1 or not tile.space)
            )
            stream, words = store(
                pixels, bitonal=bitonal, before=tile.before, options=self._options
            )
            after += len(stream.data)
            warnings += words
            space = _space(stream, tile, bitonal=bitonal)
            found.append(Replacement(tile.xref, tile.path, tile.outside, stream, space))
        return Encoded(page.index, tuple(found), before, after, tuple(dict.fromkeys(warnings)))

    def add(self, encoded: Encoded) -> None:
        """Put the new streams into the document."""
        assert isinstance(encoded.payload, tuple)
        for replacement in encoded.payload:
            with reading(f"page {encoded.page + 1}: cannot be changed"):
                self._replace(encoded.page, replacement)

    def follow(self, index: int | None = None) -> None:
        """Lead pages, or one, to the copies of pictures that an earlier page has cleaned."""
        for xref, page, way in self._document.followers:
            if xref in self._copies and index in (None, page):
                repoint(
                    self._document.pdf, self._document.page_object(page), way, self._copies[xref]
                )

    def drop_unused(self) -> None:
        """Delete streams of JBIG2 symbols that no picture uses any longer."""
        _drop_unused(self._document.pdf, self._symbols - {0})

    def _replace(self, index: int, new: Replacement) -> None:
        document, xref = self._document, new.xref
        if new.copy:
            xref = self._copies[new.xref] = duplicate(document.pdf, new.xref)
            repoint(document.pdf, document.page_object(index), new.path, xref)
        held: Held = self._spool.keep(new.stream.data)
        document.held.append(held)
        lib = mupdf()
        self._symbols.add(shared_symbols(document.object_at(xref)))
        buffer = lib.fz_new_buffer_from_shared_data(lib.python_buffer_data(held), len(held))
        lib.pdf_update_stream(document.pdf, document.object_at(xref), buffer, 1)
        self.written[xref] = len(held)
        for key, value in _keys(new).items():
            document.handle.xref_set_key(xref, key, value)
        for key in OUTDATED + (() if new.stream.decode_parms else ("DecodeParms",)):
            lib.pdf_dict_dels(document.object_at(xref), key)


class PdfEditor:
    """Writer that edits the opened document."""

    def __init__(self, target: Target, document: PdfDocument, options: StoreOptions) -> None:
        with reading(f"{document.name}: cannot be read as PDF"):
            refuse_partial_lock(document.pdf, document.name)
        self._document = document
        self._options = options
        self._output: AbstractContextManager[None] = self._publishing(target)
        self._edits = Edits(document, options)

    def __enter__(self) -> Self:
        self._output.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._output.__exit__(kind, error, trace)
        finally:
            self._edits.close()

    @contextmanager
    def _publishing(self, target: Target) -> Iterator[None]:
        in_place = isinstance(target, Path) and self._document.comes_from(target)
        with publishing(target, force=self._options.force or in_place) as path:
            yield
            self._finish(path)

    def encode(self, page: Page) -> Encoded:
        """Compress what has changed; touches nothing shared."""
        return self._edits.encode(page)

    def add(self, encoded: Encoded) -> None:
        """Write the new streams into the document."""
        self._edits.add(encoded)

    def keep(self, kept: Kept) -> None:
        """Do nothing: a page that is not changed is already where it belongs."""

    def _finish(self, path: Path) -> None:
        document, edits = self._document, self._edits
        if not edits.written:
            document.copy_source(path)
            document.refuse_if_changed()
            return
        with reading(f"{document.name}: cannot be changed"):
            edits.follow()
            edits.drop_unused()
        save(document.pdf, path, document.name, edits.relieve)
        document.refuse_if_changed()
        verify(
            path,
            document.name,
            password=document.password,
            pages=len(document),
            streams=edits.written,
        )
        self._tell_growth(path.stat().st_size)

    def _tell_growth(self, size: int) -> None:
        """Say so if the whole file has grown too much; each picture tells its own reason."""
        before = self._document.file_size
        if size > max(self._options.max_growth * before, before + ALLOWANCE):
            self._document.warnings.append(
                f"the PDF grows from {kilo(before)} to {kilo(size)}, {size / before:.1f} times"
            )


def _drop_unused(pdf: Object, symbols: set[int]) -> None:
    """Delete streams of JBIG2 symbols that no picture uses any longer."""
    unused = set(symbols)
    for number in range(1, mupdf().pdf_xref_len(pdf)):
        if not unused:
            return
        unused.discard(shared_symbols(mupdf().pdf_new_indirect(pdf, number, 0)))
    for number in unused:
        mupdf().pdf_delete_object(pdf, number)


def _as_stored(pixels: Pixels, tile: Tile, page: Page) -> Pixels:
    """Part of a raster as the tile holds it: tiles of one scan may be gray and coloured."""
    assert isinstance(page.origin, Origin)
    if not tile.space:
        return np.where(pixels < 128, np.uint8(0), np.uint8(255))
    if tile.gray and pixels.ndim == 3 and len(page.origin.tiles) > 1:
        return pixels[..., 1]
    return pixels


def _space(stream: Stream, tile: Tile, *, bitonal: bool) -> str:
    """The colour space of a new stream: the picture's own, where the pixels are still in it."""
    if tile.pair:
        if not bitonal:
            return stream.color_space  # its gray, no longer of its two colours
        table = b"".join(tile.pair).hex()
        return f"[/Indexed {tile.space} 1 <{table}>]"
    if not tile.space:
        return ""
    device = "/DeviceGray" if tile.gray else "/DeviceRGB"
    return stream.color_space.replace(device, tile.space)


OUTDATED = ("Decode", "SMaskInData", "Alternates", "OPI")
"""Keys that a new stream ends: a mapping that is applied already, transparency that the old data
held, and other versions of the picture, which would show the page uncleaned."""


def _keys(new: Replacement) -> dict[str, str]:
    """Keys of a picture's dictionary that explain its new stream."""
    stream = new.stream
    keys = {
        "Filter": f"/{stream.filter}",
        "Width": str(stream.width),
        "Height": str(stream.height),
        "BitsPerComponent": str(stream.bits),
    }
    if new.space:
        keys["ColorSpace"] = new.space
    return {**keys, "DecodeParms": stream.decode_parms} if stream.decode_parms else keys


def duplicate(pdf: Object, xref: int) -> int:
    """Copy a stream object; gives the new number."""
    lib = mupdf()
    old = lib.pdf_new_indirect(pdf, xref, 0)
    number = int(lib.pdf_create_object(pdf))
    lib.pdf_update_object(pdf, number, lib.pdf_copy_dict(lib.pdf_resolve_indirect(old)))
    new = lib.pdf_new_indirect(pdf, number, 0)
    lib.pdf_update_stream(pdf, new, lib.pdf_load_raw_stream(old), 1)
    return number


def repoint(pdf: Object, page: Object, path: tuple[str, ...], xref: int) -> None:
    """Make one page show another picture, touching nothing that it shares with other pages.

    Resources may be inherited or shared, and so may the forms on the way; whatever lies on the way
    to the picture is copied.
    """
    resources = _private(inherited(page, "Resources"))
    mupdf().pdf_dict_puts(page, "Resources", resources)
    _lead(pdf, resources, path, xref)


def _lead(pdf: Object, resources: Object, path: tuple[str, ...], xref: int) -> None:
    lib = mupdf()
    things = _private(get(resources, "XObject"))
    lib.pdf_dict_puts(resources, "XObject", things)
    name, *rest = path
    if not rest:
        lib.pdf_dict_puts(things, name, lib.pdf_new_indirect(pdf, xref, 0))
        return
    number = duplicate(pdf, int(lib.pdf_to_num(get(things, name))))
    form = lib.pdf_new_indirect(pdf, number, 0)
    own = get(form, "Resources")
    inner = _private(resources if is_null(own) else own)
    lib.pdf_dict_puts(form, "Resources", inner)
    lib.pdf_dict_puts(things, name, form)
    _lead(pdf, inner, tuple(rest), xref)


def _private(dictionary: Object) -> Object:
    return mupdf().pdf_copy_dict(mupdf().pdf_resolve_indirect(dictionary))
