"""Pages of a PDF as pictures: what a viewer shows, not the raster that lies below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from scanclean.config import StoreOptions
from scanclean.documents import Encoded, Writer
from scanclean.documents._pdf_content import Box, Matrix, drawing, overlap
from scanclean.documents._pdf_edit import Edits, Origin, Replacement
from scanclean.documents._pdf_library import Object, get, items, reading
from scanclean.documents._pdf_scans import Scan, page_box, user_unit
from scanclean.page import Kept, Page
from scanclean.tones import in_mode

if TYPE_CHECKING:
    from scanclean.documents.pdf import PdfDocument


SLACK = 3.0
"""Points, a millimetre, by which the sides of a page and of its scan may differ: boxes are often
rounded, and to draw a page for that would resample it."""


class ShownWriter:
    """Gives a writer of pictures each page once, as it is shown.

    A page that shows one scan, whole, and nothing else goes to the writer in the scan's own pixels.
    The scans of others are put into the document, which is not saved, and the page is drawn: in
    black and white if its scans are so now, and nothing on them has a colour.

    Args:
        writer: makes the pictures.
        document: the opened PDF.
    """

    def __init__(self, writer: Writer, document: PdfDocument) -> None:
        self._writer = writer
        self._document = document
        self._edits = Edits(document, StoreOptions(codec="png"))
        self._changed: Encoded | None = None
        self._gray = False  # whether a scan of the page that waits has more than two tones
        self._kept: Kept | None = None

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._draw()
        except BaseException as raised:
            self._writer.__exit__(type(raised), raised, raised.__traceback__)
            raise
        else:
            self._writer.__exit__(kind, error, trace)
        finally:
            self._edits.close()

    def encode(self, page: Page) -> Encoded:
        """Compress a page, or the scans that have to be drawn on it; touches nothing shared."""
        assert isinstance(page.origin, Origin)
        if page.origin.bare:
            return self._writer.encode(upright(page))
        # how its scans wait here is no news
        return replace(self._edits.encode(page), warnings=())

    def add(self, encoded: Encoded) -> None:
        """Take a cleaned scan; its page is drawn when the next one begins."""
        self._turn_to(encoded.page)
        pieces = encoded.payload
        if not isinstance(pieces, tuple) or not all(isinstance(p, Replacement) for p in pieces):
            self._writer.add(encoded)
            return
        self._edits.add(encoded)
        self._gray |= any(piece.stream.bits > 1 for piece in pieces)
        self._changed = encoded

    def keep(self, kept: Kept) -> None:
        """Take a page, or one of its scans, that was not cleaned."""
        self._turn_to(kept.index)
        self._kept = kept

    def _turn_to(self, index: int) -> None:
        if self._index() not in (None, index):
            self._draw()

    def _index(self) -> int | None:
        """The page that waits."""
        if self._changed:
            return self._changed.page
        return self._kept.index if self._kept else None

    def _draw(self) -> None:
        index, changed, kept = self._index(), self._changed, self._kept
        gray, self._gray = self._gray, False
        self._changed = self._kept = None
        if index is None:
            return
        with reading(f"{self._document.name}: page {index + 1} cannot be changed"):
            self._edits.follow(index)
        if changed:
            page = self._document.render(index)
            if changed.payload and not gray and not kept and page.pixels.ndim == 2:
                page = in_mode(page, "bitonal")
            self._writer.add(self._writer.encode(page))
        elif kept:
            self._writer.keep(kept)


def is_bare(page: Object, scan: Scan) -> bool:
    """Whether a page shows all of a scan and nothing else, along its sides and not mirrored.

    Args:
        page: the page's dictionary.
        scan: one of its scans.
    """
    drawn = drawing(page)
    return (
        scan.plain
        and _fills(page, scan)
        and not (
            drawn.characters > min(part.placement.characters_before for part in scan.parts)
            or drawn.strokes
            or drawn.inline
            or items(get(page, "Annots"))
            or len(drawn.placements) != len(scan.parts)
            or any(part.placement.see_through for part in scan.parts)
        )
    )


def _fills(page: Object, scan: Scan) -> bool:
    """Whether a page shows a scan from side to side: no more of the plane, and no less of it."""
    placed = [(part.placement, _box(part.placement.matrix)) for part in scan.parts]
    slack = max(SLACK / user_unit(page), *scan.pixel)
    whole = _around([box for _, box in placed])
    seen = _around([overlap(box, placement.clip) for placement, box in placed])
    return all(
        abs(side - end) <= slack
        for box in (whole, seen)
        for side, end in zip(box, page_box(page), strict=True)
    )


def _box(matrix: Matrix) -> Box:
    """Around the unit square once placed."""
    a, b, c, d, e, f = matrix
    across, up = (e, e + a, e + c, e + a + c), (f, f + b, f + d, f + b + d)
    return min(across), min(up), max(across), max(up)


def _around(boxes: Sequence[Box]) -> Box:
    left, bottom, right, top = zip(*boxes, strict=True)
    return min(left), min(bottom), max(right), max(top)


def upright(page: Page) -> Page:
    """A scan turned as its page shows it."""
    assert isinstance(page.origin, Origin)
    turn, (across, down) = page.origin.turn, page.dpi
    if not turn:
        return page
    pixels = np.ascontiguousarray(np.rot90(page.pixels, -turn))
    return replace(page, pixels=pixels, dpi=(down, across) if turn % 2 else (across, down))
