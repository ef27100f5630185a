"""Which pictures the pages of a PDF reach: shown as they are, or inside something else."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from scanclean.documents._pdf_library import Object, entries, get, items, mupdf, name_of

MAX_REACHED = 100_000
"""Pictures that are counted page by page; many more are all taken as shared."""


@dataclass(frozen=True)
class Reach:
    """The picture objects that pages reach, by number."""

    shown: dict[int, Object] = field(default_factory=dict)
    """Those in the pages' resources, and in forms that are drawn there."""
    inside: dict[int, Object] = field(default_factory=dict)
    """Those inside patterns, glyphs, masks and notes, and those that mask another picture."""


def reach_of(pages: Iterable[Object]) -> Reach:
    """Follow the resources of pages as far as they lead."""
    return _walked(pages, everywhere=True)


def images_of(pages: Iterable[Object]) -> dict[int, Object]:
    """The pictures that pages show, by number; those in forms are among them."""
    return _walked(pages, everywhere=False).shown


def pages_that_share(pages: Sequence[Object]) -> list[int]:
    """Which of the pages reach a picture that another of them reaches too."""
    reached = []
    looked_at = 0
    for page in pages:
        reached.append(set(images_of([page])))
        looked_at += len(reached[-1])
        if looked_at > MAX_REACHED:
            return list(range(len(pages)))
    times = Counter(itertools.chain.from_iterable(reached))
    return [n for n, found in enumerate(reached) if any(times[image] > 1 for image in found)]


def _walked(pages: Iterable[Object], everywhere: bool) -> Reach:
    reach = Reach()
    pending: list[tuple[Object, bool]] = []
    seen: set[tuple[int, bool]] = set()
    for page in pages:
        with suppress(mupdf().FzErrorBase, RuntimeError, ValueError):
            resources = mupdf().pdf_new_name("Resources")
            pending.append((mupdf().pdf_dict_get_inheritable(page, resources), False))
            if everywhere:
                pending.extend((one, True) for one in _of_notes(page))
        while pending:
            resources, inside = pending.pop()
            if _is_new(resources, inside, seen):
                if everywhere:
                    pending.extend((one, True) for one in _within(resources))
                things = get(resources, "XObject")  # often shared by pages that share nothing else
                if _is_new(things, inside, seen):
                    for _, thing in entries(things):
                        if _is_new(thing, inside, seen):
                            _sort_in(thing, inside, reach, pending)
    return reach


def _is_new(thing: Object, inside: bool, seen: set[tuple[int, bool]]) -> bool:
    """Whether an object has not been seen in this way; notes that it has."""
    mark = (int(mupdf().pdf_to_num(thing)), inside)
    if mark in seen:
        return False
    if mark[0]:
        seen.add(mark)
    return True


def _of_notes(page: Object) -> Iterator[Object]:
    """The resources of how annotations look, in all their states."""
    for note in items(get(page, "Annots")):
        for _, look in entries(get(note, "AP")):
            looks = [look] if mupdf().pdf_is_stream(look) else [one for _, one in entries(look)]
            yield from (get(one, "Resources") for one in looks)


def _within(resources: Object) -> Iterator[Object]:
    """The resources of patterns, of fonts whose glyphs are drawn, and of soft masks."""
    for _, pattern in entries(get(resources, "Pattern")):
        yield get(pattern, "Resources")
    for _, font in entries(get(resources, "Font")):
        yield get(font, "Resources")
    for _, state in entries(get(resources, "ExtGState")):
        yield get(get(get(state, "SMask"), "G"), "Resources")


def _sort_in(thing: Object, inside: bool, reach: Reach, pending: list[tuple[Object, bool]]) -> None:
    kind = name_of(thing, "Subtype")
    if kind == "Form":
        pending.append((get(thing, "Resources"), inside))
    elif kind == "Image":
        (reach.inside if inside else reach.shown)[int(mupdf().pdf_to_num(thing))] = thing
        for key in ("SMask", "Mask"):
            mask = get(thing, key)
            if mupdf().pdf_is_stream(mask):
                reach.inside[int(mupdf().pdf_to_num(mask))] = mask
