"""Two PDFs compared, apart from the pixels of what was cleaned: what differs, in words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanclean.config import ReadOptions
from scanclean.documents import Source
from scanclean.documents._pdf_facts import BOXES, Facts
from scanclean.documents._pdf_gate import open_handle
from scanclean.documents._pdf_library import pymupdf, reading

MOST = 100
"""Differences that are listed; the rest are counted."""
MOVED = 0.1
"""Points by which a word may seem to move."""
CATALOGUE = {
    "AcroForm": "form fields",
    "Dests": "named destinations",
    "Lang": "language",
    "MarkInfo": "mark that it is tagged",
    "Metadata": "XMP metadata",
    "Names": "names (attachments, destinations, scripts)",
    "OCProperties": "layers",
    "OpenAction": "action on opening",
    "Outlines": "outline",
    "OutputIntents": "output intents",
    "PageLabels": "page labels",
    "PageLayout": "page layout",
    "PageMode": "page mode",
    "StructTreeRoot": "structure tree",
    "Threads": "articles",
    "ViewerPreferences": "viewer preferences",
}
_READABLE = {*BOXES, "rotation", "UserUnit", "encryption", "permissions"}


@dataclass(frozen=True)
class _Pair:
    before: Facts
    after: Facts


def differences(
    before: Source,
    after: Source,
    *,
    password: str | None = None,
    unchanged: Collection[int] = (),
    draw: bool = False,
) -> tuple[str, ...]:
    """Compare two PDFs in everything but the pixels of pictures.

    Page count, boxes, rotation, UserUnit, drawing operators and with them text, fonts and all other
    resources, links, annotations, outline, labels, fields, attachments, Info, XMP, structure tree,
    layers, whatever else the catalogue and the pages hold, encryption and permissions.

    Args:
        before: the input.
        after: the output.
        password: opens both if they are locked.
        unchanged: pages, from 0, whose pictures must be the same to the byte as well.
        draw: draw the `unchanged` pages and compare every pixel; slow.

    Returns:
        One line for each difference, at most `MOST` and one more; empty if there is none.

    Raises:
        InputError: one of them cannot be read.
        LockedError: the password does not open one of them.
    """
    options = ReadOptions(password=password)
    with (
        open_handle(before, _called(before, "before"), options, []) as first,
        open_handle(after, _called(after, "after"), options, []) as second,
        reading("the structure cannot be compared"),
    ):
        pair = _Pair(Facts(first), Facts(second))
        found = itertools.chain(_document(pair), _pages(pair, unchanged, draw))
        lines = list(itertools.islice(found, MOST))
        more = sum(1 for _ in found)
    return (*lines, f"and {more} more") if more else tuple(lines)


def _called(source: Source, side: str) -> str:
    return side if isinstance(source, bytes) else str(source)


def _document(pair: _Pair) -> Iterator[str]:
    if len(pair.before) != len(pair.after):
        yield f"pages: {len(pair.before)} before, {len(pair.after)} after"
    yield from _changed(pair.before.lock(), pair.after.lock())
    yield from _changed(pair.before.information(), pair.after.information(), "Info ", plain=True)
    old, new = pair.before.catalogue(), pair.after.catalogue()
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        words = CATALOGUE.get(key, f"catalogue /{key}")
        detail = _CATALOGUE_DETAILS.get(key)
        told = list(detail(pair)) if detail and key in old and key in new else []
        yield from told or [_state(words, old.get(key), new.get(key))]


def _changed(
    old: Mapping[str, str], new: Mapping[str, str], prefix: str = "", *, plain: bool = False
) -> Iterator[str]:
    for key in sorted({*old, *new}):
        a, b = old.get(key), new.get(key)
        if a == b:
            continue
        if a is not None and b is not None and (plain or key in _READABLE):
            yield f"{prefix}{key}: was {_short(a)}, is {_short(b)}"
        else:
            yield _state(prefix + key, a, b)


def _state(words: str, old: object, new: object) -> str:
    return f"{words}: {'new' if old is None else 'missing' if new is None else 'differs'}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _outline(pair: _Pair) -> Iterator[str]:
    old, new = (facts.handle.get_toc(simple=True) for facts in (pair.before, pair.after))
    yield from _lists("outline", old, new, lambda entry: f"{entry[1]!r} to page {entry[2]}")


def _labels(pair: _Pair) -> Iterator[str]:
    old, new = (facts.handle.get_page_labels() for facts in (pair.before, pair.after))
    yield from _lists("page labels", old, new, str)


def _attachments(pair: _Pair) -> Iterator[str]:
    old, new = (
        {name: facts.handle.embfile_get(name) for name in facts.handle.embfile_names()}
        for facts in (pair.before, pair.after)
    )
    yield from (
        _state(f"attachment {name}", old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


_CATALOGUE_DETAILS: dict[str, Callable[[_Pair], Iterator[str]]] = {
    "Outlines": _outline,
    "PageLabels": _labels,
    "Names": _attachments,
}


def _lists(what: str, old: list[Any], new: list[Any], words: Callable[[Any], str]) -> Iterator[str]:
    """What two lists have different: their lengths, and the first entry that is not the same."""
    if len(old) != len(new):
        yield f"{what}: {len(old)} before, {len(new)} after"
    for number, (a, b) in enumerate(zip(old, new, strict=False), 1):
        if a != b:
            yield f"{what} {number}: was {_short(words(a))}, is {_short(words(b))}"
            return


def _pages(pair: _Pair, unchanged: Collection[int], draw: bool) -> Iterator[str]:
    for index in range(min(len(pair.before), len(pair.after))):
        same = index in unchanged
        old, new = (f.page(index, pictures=same) for f in (pair.before, pair.after))
        prefix = f"page {index + 1}: "
        if old != new:
            yield from (prefix + line for line in _page_details(pair, index, old, new))
        if draw and same:
            yield from (prefix + line for line in _drawn(pair, index))


def _page_details(
    pair: _Pair, index: int, old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[str]:
    yield from _changed(old, new)
    pages = [facts.handle[index] for facts in (pair.before, pair.after)]
    if old["drawing"] != new["drawing"] or old.get("resources Font") != new.get("resources Font"):
        words = [page.get_text("words") for page in pages]
        yield from _words(words[0], words[1])
        fonts = [sorted({font[3] for font in page.get_fonts()}) for page in pages]
        yield from _lists("fonts", fonts[0], fonts[1], str)
    if old["annotations"] != new["annotations"]:
        links = [[_link(entry) for entry in page.get_links()] for page in pages]
        yield from _lists("links", links[0], links[1], str)
        notes = [[_note(note) for note in page.annots()] for page in pages]
        yield from _lists("annotations", notes[0], notes[1], str)
        fields = [[(w.field_name, w.field_value) for w in page.widgets()] for page in pages]
        yield from _lists("fields", fields[0], fields[1], str)


def _link(entry: Mapping[str, Any]) -> str:
    box = " ".join(f"{value:.1f}" for value in entry["from"])
    return f"{entry.get('uri') or entry.get('nameddest') or entry.get('page')} at {box}"


def _note(note: Any) -> str:
    box = " ".join(f"{value:.1f}" for value in note.rect)
    return f"{note.type[1]} {note.info.get('content', '')!r} at {box}"


def _words(old: list[Any], new: list[Any]) -> Iterator[str]:
    texts = [[word[4] for word in words] for words in (old, new)]
    yield from _lists("words", texts[0], texts[1], repr)
    if texts[0] != texts[1]:
        return
    for a, b in zip(old, new, strict=False):
        by = max(abs(x - y) for x, y in zip(a[:4], b[:4], strict=True))
        if by > MOVED:
            yield f"words: {a[4]!r} has moved by {by:.1f} pt"
            return


def _drawn(pair: _Pair, index: int) -> Iterator[str]:
    """Whether a page looks different, at 72 dpi and to the pixel."""
    zoom = pymupdf().Matrix(1, 1)
    old, new = (
        facts.handle[index].get_pixmap(matrix=zoom, alpha=False)
        for facts in (pair.before, pair.after)
    )
    if (old.width, old.height) != (new.width, new.height):
        yield f"looks different: {old.width} x {old.height} points, now {new.width} x {new.height}"
        return
    a, b = (np.frombuffer(p.samples_mv, np.uint8).astype(np.int16) for p in (old, new))
    if (a != b).any():
        yield f"looks different, by up to {int(np.abs(a - b).max())} grey levels"
