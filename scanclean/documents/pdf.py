"""PDF: scans are cleaned inside the document; everything else stays as it is."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from scanclean.codecs import Stream
from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import Document, Source, Target, Writer, _pdf_light_text, steady
from scanclean.documents._pdf_content import drawing, inherited, seems_lost
from scanclean.documents._pdf_edit import Origin, PdfEditor, Replacement, Tile
from scanclean.documents._pdf_gate import open_handle, refuse_signed_or_dynamic, refuse_sparse
from scanclean.documents._pdf_join import join, refuse_locked
from scanclean.documents._pdf_library import (
    Object,
    mupdf,
    out_of_memory,
    pymupdf,
    reading,
)
from scanclean.documents._pdf_new import NewPage, PdfMaker
from scanclean.documents._pdf_output import Held
from scanclean.documents._pdf_picture import (
    LOSSY,
    Picture,
    decode,
    jpeg_quality,
    last_filter,
    obstacle,
    shared_symbols,
    size,
    stored_bytes,
)
from scanclean.documents._pdf_reach import images_of, pages_that_share, reach_of
from scanclean.documents._pdf_scans import BLANK, Part, Scan, Verdict, judge, user_unit
from scanclean.documents._pdf_shown import ShownWriter, is_bare
from scanclean.documents._pdf_spaces import declared_srgb, has_intent, redefined
from scanclean.documents._storage import Before
from scanclean.documents._structure import differences
from scanclean.errors import InputError
from scanclean.page import SAME_PICTURE, Kept, Page, Pixels, fingerprint

__all__ = [
    "PAYLOADS",
    "SUFFIXES",
    "PdfDocument",
    "create",
    "differences",
    "join",
    "open",
    "recognises",
    "refuse_locked",
]

SUFFIXES = (".pdf",)
PAYLOADS = (NewPage, Replacement, Stream)
"""What `Encoded.payload` of its writers is made of, beside bytes."""

LIGHT_TEXT = "light text lies on its scan: on white it would be gone"
RENDER_DPI = 300.0
"""Resolution at which pages without a scan are drawn."""


def recognises(head: bytes) -> bool:
    """Whether a file begins like a PDF; a little rubbish before the mark is usual."""
    return b"%PDF-" in head[:1024]


def open(source: Source, name: str, options: ReadOptions) -> Document:
    """Open a PDF.

    Raises:
        InputError: it cannot be read, or a page to be cleaned is too large.
        LockedError: the password is missing or wrong.
        RefusedError: it is signed, or a dynamic form.
    """
    return PdfDocument(source, name, options)


def create(target: Target, document: Document, suffix: str, options: StoreOptions) -> Writer:
    """Edit the document if it is a PDF; else begin a PDF with one page for each picture."""
    if isinstance(document, PdfDocument):
        return PdfEditor(target, document, options)
    return PdfMaker(target, document, options)


class PdfDocument:
    """An opened PDF."""

    def __init__(self, source: Source, name: str, options: ReadOptions) -> None:
        self.name = name
        self.suffix = SUFFIXES[0]
        self.warnings: list[str] = []
        self.password = options.password
        self.held: list[Held] = []
        """Data that the document points into; must live as long as it."""
        self.followers: list[tuple[int, int, tuple[str, ...]]] = []
        """(object, page, names that lead there) of pictures that an earlier page has cleaned."""
        self._source = source
        self._options = options
        self._watch = ExitStack()
        self.refuse_if_changed = self._watch.enter_context(steady(source, name))
        """Fails if the file was written to since it was opened; saving still reads from it."""
        self.handle: Object = open_handle(source, name, options, self.warnings)
        self.pdf: Object = pymupdf()._as_pdf_document(self.handle)
        # Now: the file may be gone when this is asked for.
        self.file_size = len(source) if isinstance(source, bytes) else source.stat().st_size
        """Bytes of the document as it came."""
        self._count = int(self.handle.page_count)
        self._claims: dict[int, int] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        self._sharers: Counter[int] | None = None
        self._twice: set[int] | None = None
        self._srgb = ""
        self._in_pictures = False
        self._limit = options.max_mpixels * 1e6
        with reading(f"{name}: cannot be read as PDF"):
            refuse_sparse(self.pdf, self.file_size, name)
            refuse_signed_or_dynamic(self.pdf, name, options)
            self._outside = self._shown_outside()
            self._refuse_large_pages()
        self._note_repair()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.handle.close()
        self._watch.close()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Page | Kept]:
        self._claims.clear()
        self.followers.clear()
        for index in range(self._count):
            yield from self._page(index)

    def render(self, index: int, most: float | None = None) -> Page:
        """Draw a page as a viewer shows it.

        At the resolution of its scan, or 300 dpi; less if it would have more pixels than are
        allowed, or than `most`.

        Raises:
            InputError: it cannot be drawn.
        """
        what = f"{self.name}: page {index + 1} cannot be drawn"
        with reading(what):
            page = self.handle[index]
            scans = self._judge(index).scans
            dpi = max((max(self._dpi(index, scan)) for scan in scans), default=RENDER_DPI)
            inches = (page.rect.width / 72, page.rect.height / 72)
            limit = min(self._limit, most or self._limit)
            dpi = min(dpi, (limit / (inches[0] * inches[1])) ** 0.5)
            zoom = pymupdf().Matrix(dpi / 72, dpi / 72)
            pixmap = page.get_pixmap(matrix=zoom, alpha=False)
            shape = (pixmap.height, pixmap.width, 3)
            pixels: Pixels = np.frombuffer(pixmap.samples_mv, np.uint8).reshape(shape).copy()
        if (pixels == pixels[..., :1]).all():
            pixels = np.ascontiguousarray(pixels[..., 0])
        return Page(index, pixels, (dpi, dpi))

    def in_pictures(self, writer: Writer) -> Writer:
        """A writer that gives the pages to one of pictures, as they are shown."""
        self._in_pictures = True
        return ShownWriter(writer, self)

    def page_object(self, index: int) -> Object:
        """The dictionary of a page."""
        return mupdf().pdf_lookup_page_obj(self.pdf, index)

    def comes_from(self, path: Path) -> bool:
        """Whether `path` is the file that was opened."""
        if isinstance(self._source, bytes):
            return False
        try:
            return path.samefile(self._source)
        except OSError:
            return False

    def copy_source(self, path: Path) -> None:
        """Write the document as it came, byte for byte.

        Raises:
            InputError: it is no longer there.
            OSError: it cannot be written.
        """
        if isinstance(self._source, bytes):
            path.write_bytes(self._source)
            return
        try:
            source = self._source.open("rb")
        except OSError as error:
            raise InputError(f"{self.name}: has gone while it was read") from error
        with source, path.open("wb") as copy:
            shutil.copyfileobj(source, copy)

    def _selected(self, index: int) -> bool:
        return self._options.wants(index)

    def _shown_outside(self) -> frozenset[int]:
        """Pictures that are also shown where they must not change.

        On other pages, small, or inside a pattern, a note or a mask.
        """
        pages = range(self._count)
        others = [index for index in pages if not self._selected(index)]
        chosen = [index for index in pages if self._selected(index)]
        found = set(reach_of(map(self.page_object, pages)).inside)
        elsewhere = set(images_of(map(self.page_object, others)))
        if elsewhere and not elsewhere.isdisjoint(images_of(map(self.page_object, chosen))):
            for index in others:  # perhaps all pages have the same resources
                found |= self._painted(index)
        for index in pages_that_share(list(map(self.page_object, chosen))):
            with suppress(InputError), reading("cannot be read"):
                found |= self._figures(chosen[index])
        return frozenset(found)

    def _painted(self, index: int) -> set[int]:
        """Pictures that a page paints; all that it might paint, where it cannot be read."""
        page = self.page_object(index)
        with suppress(InputError), reading("cannot be read"):
            drawn = drawing(page)
            if drawn.whole:
                return {placement.xref for placement in drawn.placements}
        return set(images_of([page]))

    def _figures(self, index: int) -> set[int]:
        """Pictures that a page paints, but not as its scan."""
        page = self.page_object(index)
        painted = {placement.xref for placement in drawing(page).placements}
        return painted - {part.placement.xref for s in self._judge(index).scans for part in s.parts}

    def _note_repair(self) -> None:
        if not self.handle.is_repaired:
            return
        if self._options.strict:
            raise InputError(f"{self.name}: is damaged", hint="leave out --strict to mend it")
        self.warnings.append("the file is damaged and was mended while it was read")

    def _refuse_large_pages(self) -> None:
        # Judging reads what a page paints; a look at the pictures' sizes usually makes it needless.
        chosen = [index for index in range(self._count) if self._selected(index)]
        if self._pixels_on(chosen) <= self._limit:
            return
        for index in chosen:
            scans = self._judge(index).scans if self._pixels_on([index]) > self._limit else ()
            for scan in scans:
                pixels = scan.size[0] * scan.size[1]
                if pixels > self._limit:
                    raise InputError(
                        f"{self.name}: page {index + 1} holds a picture of {pixels / 1e6:.0f} "
                        f"mpixels; the limit is {self._options.max_mpixels:g}",
                        hint="raise the limit with --max-mpixels, or leave the page out with "
                        "--pages",
                    )

    def _pixels_on(self, pages: list[int]) -> int:
        """Pixels of all pictures that these pages can reach."""
        found = images_of(map(self.page_object, pages))
        return sum(width * height for width, height in map(self._size, found))

    def _judge(self, index: int) -> Verdict:
        page = self.page_object(index)
        drawn = drawing(page)
        verdict = judge(page, drawn, {p.xref: self._size(p.xref) for p in drawn.placements})
        if verdict.printed and self._shows_light_text(index):
            return Verdict(reason=LIGHT_TEXT, layered=True)
        return verdict

    def _size(self, xref: int) -> tuple[int, int]:
        if xref not in self._sizes:
            self._sizes[xref] = size(self.object_at(xref))
        return self._sizes[xref]

    def object_at(self, xref: int) -> Object:
        """The object with a number."""
        return mupdf().pdf_new_indirect(self.pdf, xref, 0)

    def _page(self, index: int) -> Iterator[Page | Kept]:
        if not self._selected(index):
            yield Kept(index, "skipped", "not in --pages")
            return
        try:
            with reading("cannot be read"):
                page, verdict = self.page_object(index), self._judge(index)
        except (InputError, MemoryError) as error:
            yield self._copied(index, error)
            return
        if verdict.reason == BLANK and seems_lost(page, damaged=self.handle.is_repaired):
            yield self._copied(index, InputError("the file is damaged and nothing is left of it"))
            return
        if not verdict.scans:
            yield Kept(index, "skipped" if verdict.layered else "kept", verdict.reason)
        for scan in verdict.scans:
            found = self._scan(index, scan)
            if found is not None:
                yield found

    def _shows_light_text(self, index: int) -> bool:
        with suppress(InputError), reading("its text cannot be read"):
            return _pdf_light_text.lies_on(self.handle[index])
        return False

    def _copied(self, index: int, error: InputError | MemoryError) -> Kept:
        if isinstance(error, MemoryError) or out_of_memory(error):
            if self._options.strict:
                raise MemoryError from error
            return Kept(index, "copied", "needs more memory than there is")
        if self._options.strict:
            raise InputError(f"{self.name}: page {index + 1}: {error}") from error
        return Kept(index, "copied", str(error))

    def _scan(self, index: int, scan: Scan) -> Page | Kept | None:
        """A scan, decoded; or why it stays; or None if this very page has shown it already."""
        claimed = [self._claims.get(part.placement.xref) for part in scan.parts]
        self._follow(index, scan)
        first = claimed[0]
        if first is not None and None not in claimed:
            if first == index:
                return None
            return Kept(index, "restored", f"{SAME_PICTURE}{first + 1}", first)
        try:
            with reading("the picture cannot be read"):
                for part in scan.parts:
                    reason = obstacle(self.handle, self.object_at(part.placement.xref), self._limit)
                    if reason:
                        return Kept(index, "skipped", reason)
            return self._decoded(index, scan)
        except (InputError, MemoryError) as error:
            return self._copied(index, error)

    def _follow(self, index: int, scan: Scan) -> None:
        for part in scan.parts:
            xref = part.placement.xref
            if xref in self._claims and xref in self._outside:
                self.followers.append((xref, index, part.placement.path))

    def _decoded(self, index: int, scan: Scan) -> Page:
        pictures = [self._picture(index, part) for part in scan.parts]
        tiles = tuple(
            self._tile(part, picture) for part, picture in zip(scan.parts, pictures, strict=True)
        )
        for part in scan.parts:
            self._claims.setdefault(part.placement.xref, index)
        return Page(
            index,
            _assembled(scan, pictures),
            self._dpi(index, scan),
            bitonal=all(picture.bitonal for picture in pictures),
            origin=Origin(tiles, self._turn(index, scan), self._is_bare(index, scan)),
        )

    def _is_bare(self, index: int, scan: Scan) -> bool:
        if not self._in_pictures:  # nobody asks
            return False
        shown = {part.placement.xref for part in scan.parts}
        alone = shown.isdisjoint(self._shown_twice())
        return alone and is_bare(self.page_object(index), scan)

    def _shown_twice(self) -> set[int]:
        """Pictures that several pages can reach."""
        if self._twice is None:
            pages = (images_of([self.page_object(index)]) for index in range(self._count))
            counts = Counter(xref for found in pages for xref in found)
            self._twice = {xref for xref, count in counts.items() if count > 1}
        return self._twice

    def _picture(self, index: int, part: Part) -> Picture:
        image, way = self.object_at(part.placement.xref), part.placement.path
        device = not redefined(self.page_object(index), way)
        picture = decode(self.handle, image, "the picture", device=device)
        if picture.converted and (not device or has_intent(self.pdf)):
            self._srgb = self._srgb or declared_srgb(self.pdf)
            picture = replace(picture, space=self._srgb)
        if picture.pixels.shape[1::-1] != part.size:
            raise InputError("the picture has another size than it says")
        return picture

    def _tile(self, part: Part, picture: Picture) -> Tile:
        xref = part.placement.xref
        image = self.object_at(xref)
        return Tile(
            xref=xref,
            path=part.placement.path,
            x=part.x,
            y=part.y,
            size=part.size,
            ours=xref not in self._claims,
            outside=xref in self._outside,
            space=picture.space,
            gray=picture.pixels.ndim == 2,
            bitonal=picture.bitonal,
            pair=picture.pair,
            digest=fingerprint(picture.pixels),
            before=Before(self._stored(image), last_filter(image) in LOSSY, jpeg_quality(image)),
        )

    def _stored(self, image: Object) -> int:
        """Size of a picture in the file, with its share of the symbols of JBIG2 pictures."""
        symbols = shared_symbols(image)
        if not symbols:
            return stored_bytes(image)
        if self._sharers is None:
            images = images_of(map(self.page_object, range(self._count))).values()
            self._sharers = Counter(map(shared_symbols, images))
        return stored_bytes(image) + stored_bytes(self.object_at(symbols)) // (
            self._sharers[symbols] or 1
        )

    def _dpi(self, index: int, scan: Scan) -> tuple[float, float]:
        unit = user_unit(self.page_object(index))
        across, down = (72 / (side * unit) for side in scan.pixel)
        return across, down

    def _turn(self, index: int, scan: Scan) -> int:
        rotation = mupdf().pdf_to_int(inherited(self.page_object(index), "Rotate"))
        return int(scan.turn + round(rotation / 90)) % 4


def _assembled(scan: Scan, pictures: list[Picture]) -> Pixels:
    """The tiles of a scan as one raster, white where there is none."""
    if len(pictures) == 1:
        return pictures[0].pixels
    width, height = scan.size
    colored = any(picture.pixels.ndim == 3 for picture in pictures)
    raster = np.full((height, width, 3) if colored else (height, width), 255, np.uint8)
    for part, picture in zip(scan.parts, pictures, strict=True):
        pixels = picture.pixels
        if colored and pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        raster[part.y : part.y + part.size[1], part.x : part.x + part.size[0]] = pixels
    return raster
