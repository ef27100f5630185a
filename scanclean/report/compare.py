"""Pages before and after as one HTML file that needs nothing else.

Pages are drawn, packed and written one after the other, so memory does not grow with their number.
"""

from __future__ import annotations

import base64
import bisect
import contextlib
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TextIO

import numpy as np

from scanclean.atomic import replacing
from scanclean.config import ReadOptions
from scanclean.documents import Document, open_document
from scanclean.errors import InputError
from scanclean.page import Pixels
from scanclean.progress import SILENT, Progress
from scanclean.report import _template

HEIGHT = 1400
"""Longest height of a shown page, in pixels."""
WIDTH = 2000
"""Longest width."""
ENOUGH = 4.0 * WIDTH * HEIGHT
"""Pixels at which a page of a PDF is drawn, before it is made smaller."""
QUALITY = 80
"""Of the shown pictures, as WebP."""
MAX_PAGES = 200
"""Pages that are shown."""
MAX_BYTES = 80_000_000
"""Size of the file from which on no page is added; browsers get slow."""
SAME = 8
"""Grey levels up to which two shown pages look the same."""


@dataclass(frozen=True)
class Pair:
    """Two documents to lay side by side."""

    title: str
    """What they are called."""
    before: Sequence[Path]
    """The input; several files are shown as one document."""
    after: Sequence[Path]
    """The output; the files of one picture a page are shown as one document."""
    notes: Mapping[int, str] = field(default_factory=dict)
    """What was done to a page, by its number from 1."""
    remarks: Sequence[str] = ()
    """What is to be said about the whole."""


def write(
    pairs: Sequence[Pair],
    target: Path,
    options: ReadOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = SILENT,
) -> tuple[str, ...]:
    """Write the page.

    Args:
        pairs: what to show.
        target: the HTML file.
        options: how documents are opened; signed ones may be looked at.
        force: overwrite the target.
        progress: told of pages.

    Returns:
        What a user should know: pages that are left out or cannot be drawn.

    Raises:
        InputError: a document cannot be opened.
        LockedError: a password is missing or wrong.
        OutputError: the target exists or cannot be written.
    """
    title = pairs[0].title if len(pairs) == 1 else f"{len(pairs)} documents"
    with replacing(target, force=force) as path, path.open("w", encoding="utf-8") as file:
        writer = _Writer(file, options or ReadOptions())
        file.write(_template.HEAD.format(title=_text(f"{title}: before and after")))
        for pair in pairs:
            if len(pairs) > 1:
                file.write(_template.SECTION.format(title=_text(pair.title)))
            writer.pair(pair, progress)
        file.write(writer.left_out())
        file.write(_template.TAIL)
    return tuple(writer.warnings)


class _Writer:
    """Writes pages until the file is full."""

    def __init__(self, file: TextIO, options: ReadOptions) -> None:
        self.warnings: list[str] = []
        self._file = file
        # Nothing is cleaned here: pages of any size may be drawn, small, and signatures stay whole.
        self._options = replace(options, pages=(), allow_signed=True, strict=False)
        self._shown = self._skipped = self._size = 0

    def pair(self, pair: Pair, progress: Progress) -> None:
        if pair.remarks:
            said = "".join(f"<li>{_text(remark)}</li>\n" for remark in pair.remarks)
            self._file.write(_template.NOTES.format(items=said))
        with (
            _Pages(pair.before, self._options) as before,
            _Pages(pair.after, self._options) as after,
        ):
            count = max(len(before), len(after))
            progress.start(count, "shown page")
            for index in range(count):
                if self._shown >= MAX_PAGES or self._size >= MAX_BYTES:
                    self._skipped += count - index
                    return
                self._page(index, before, after, pair)
                progress.advance()

    def _page(self, index: int, before: _Pages, after: _Pages, pair: Pair) -> None:
        shown = [self._drawn(pages, index) for pages in (before, after)]
        block = _block(index + 1, shown[0], shown[1], pair.notes.get(index + 1, ""))
        self._file.write(block)
        self._size += len(block)
        self._shown += 1

    def _drawn(self, pages: _Pages, index: int) -> Pixels | str:
        """A page, small enough to be shown; or why there is none."""
        if index >= len(pages):
            return "there is no such page"
        try:
            return _reduced(pages.draw(index))
        except InputError as error:
            self.warnings.append(f"cannot be shown: {error}")
            return str(error)

    def left_out(self) -> str:
        """What is said at the end about pages that are not shown."""
        if not self._skipped:
            return ""
        words = f"{self._skipped} more pages are left out: {self._shown} are shown"
        self.warnings.append(words)
        return f"<p>{words}, which is as much as a browser can take.</p>\n"


class _Pages:
    """The pages of one or more files in a row; one file is open at a time."""

    def __init__(self, files: Sequence[Path], options: ReadOptions) -> None:
        self._files, self._options = files, options
        self._opened = contextlib.ExitStack()
        self._document: Document | None = None
        self._at = -1
        self._starts = [0]
        for number in range(len(files)):
            self._starts.append(self._starts[-1] + len(self._open(number)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def __len__(self) -> int:
        return self._starts[-1]

    def draw(self, index: int) -> Pixels:
        """A page as a viewer shows it."""
        number = bisect.bisect_right(self._starts, index) - 1
        return self._open(number).render(index - self._starts[number], ENOUGH).pixels

    def _open(self, number: int) -> Document:
        if self._document is None or number != self._at:
            self._opened.close()
            path = self._files[number]
            document = open_document(path, str(path), self._options)
            self._document, self._at = self._opened.enter_context(document), number
        return self._document


def _reduced(pixels: Pixels) -> Pixels:
    """Pixels no larger than is shown, each the mean of those it stands for."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((WIDTH, HEIGHT), Image.Resampling.BOX, reducing_gap=None)
    return np.asarray(image)


def _block(number: int, before: Pixels | str, after: Pixels | str, note: str) -> str:
    if not isinstance(before, str) and not isinstance(after, str):
        height, width = before.shape[:2]
        return _template.PAIR.format(
            number=number,
            note=_text(note or ("looks the same" if _look_alike(before, after) else "")),
            width=width,
            height=height,
            before=_packed(before),
            after=_packed(after),
        )
    sides = zip(("before", "after"), (before, after), strict=True)
    body = "".join(_one_side(number, side, shown) for side, shown in sides)
    return _template.ALONE.format(number=number, note=_text(note), body=body)


def _one_side(number: int, side: str, shown: Pixels | str) -> str:
    if isinstance(shown, str):
        return f"<p>{side}: {_text(shown)}</p>\n"
    return f'<img alt="Page {number} {side}" decoding="async" src="{_packed(shown)}">\n'


def _look_alike(one: Pixels, other: Pixels) -> bool:
    if one.shape[:2] != other.shape[:2]:
        return False
    deep = (pixels if pixels.ndim == 3 else pixels[..., None] for pixels in (one, other))
    first, second = (pixels.astype(np.int16) for pixels in deep)
    return int(np.abs(first - second).max()) <= SAME


def _packed(pixels: Pixels) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _text(words: str) -> str:
    """Words as HTML; names that are no text keep their readable part."""
    return html.escape(words.encode("utf-8", "replace").decode("utf-8"))
