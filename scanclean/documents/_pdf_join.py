"""Several PDFs made into one, page after page, with their bookmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scanclean.documents._pdf_library import pymupdf, reading
from scanclean.documents._pdf_save import save, verify
from scanclean.errors import LockedError


def join(parts: Sequence[Path], target: Path) -> None:
    """Write the pages of all parts, in order, to one PDF at `target`.

    Raises:
        LockedError: a part is encrypted; one file cannot keep the locks of several.
        InputError: a part cannot be read.
    """
    bookmarks: list[list[object]] = []
    with reading("the pages cannot be joined"), pymupdf().open() as whole:
        for part in parts:
            with pymupdf().open(str(part), filetype="pdf") as document:
                if document.needs_pass or document.metadata.get("encryption"):
                    raise LockedError(
                        "a locked PDF cannot be joined with others",
                        hint="give a folder as output, or remove the lock first",
                    )
                before = whole.page_count
                whole.insert_pdf(document)
                bookmarks += _moved(document.get_toc(), before)
        whole.set_toc(bookmarks)
        save(pymupdf()._as_pdf_document(whole), target, "the joined PDF")
        pages = whole.page_count
    verify(target, "the joined PDF", password=None, pages=pages, streams={})


def _moved(bookmarks: list[list[object]], by: int) -> list[list[object]]:
    """Bookmarks with their page numbers moved; those that lead nowhere (-1) stay so."""
    return [
        [level, title, number + by if isinstance(number, int) and number > 0 else number]
        for level, title, number, *_ in bookmarks
    ]
