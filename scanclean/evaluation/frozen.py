"""The frozen validation set: pages that are made again, to the same bytes, instead of being stored.

Page `n` depends on `n` alone, so a larger set begins with the smaller one. Kinds of scan, scripts
and kinds of page turn at different speeds: nine pages in a row are one of each kind of scan.

What is held out from training: the sentences, which are in no text that pages for training are made
of; all chance, whose seeds no training uses, and with it photographs, colours, layouts and
degradations; and the letters. Only fonts that PyMuPDF itself ships are used, since bytes must not
depend on what is installed. Training sees these families as well, so they are set here condensed
and extended, as no page for training is. `fonts` takes families that training never saw, for a
stricter judgement that only those can repeat who have the same files.

The bytes follow the page maker and the degradations: when these change, so does the set. Its digest
is printed with every score; figures are comparable only under equal digests.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanclean.atomic import replacing
from scanclean.evaluation._sentences import SENTENCES
from scanclean.page import Pixels
from scanclean.progress import SILENT, Progress
from scanclean.training._page_kinds import KINDS
from scanclean.training._page_maker import mupdf, render_pdf
from scanclean.training._words import Words
from scanclean.training.degradation import apply, has_colour, sample, tone_share
from scanclean.training.pages import CleanPage, Word, write_png

DEFAULT_PAGES = 27
"""Three of each kind of scan."""
SIZE = (1000, 800)
"""Height and width of a page, pixels."""
SEED = 0x5CA_C1EA
"""Beginning of every seed here; training counts from small numbers."""
DPI = (110, 150, 200, 260)
"""Resolutions that pages are drawn in."""
STRETCH = (0.84, 1.19, 0.9, 1.12)
"""Width of the letters, in turn. Training has 1 only."""
KINDS_USED = (
    "article", "magazine", "table", "form", "notes", "poster", "marked", "picture", "slide",
    "small print", "coloured paper", "receipt", "contents",
)  # fmt: skip
"""Kinds of page, in turn."""
FAMILIES = (
    "book", "copier", "feeder", "flatbed", "identity", "mild", "phone", "recoded", "spoiled",
)  # fmt: skip
"""Kinds of scan, in turn. Training may add more; the set stays as it is."""
GRAY_ONLY = frozenset({"copier"})
"""Kinds of scan that have no colour, so their clean pages have none either."""
_TRIES = 6  # parts of a page, of which the one with the most words is taken


def build(
    folder: Path,
    numbers: Sequence[int] = range(DEFAULT_PAGES),
    *,
    fonts: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> str:
    """Write the set as `scan/NNNNN.png`, `clean/NNNNN.png`, `text/NNNNN.json`.

    Args:
        folder: made if missing.
        numbers: which pages, from 0.
        fonts: font files to set every other page in; letters that they lack come from PyMuPDF's.
        progress: told of every page.

    Returns:
        The digest of the pixels and words of these pages.
    """
    digest = hashlib.sha256()
    progress.start(len(numbers), "page")
    for number in numbers:
        page, scan, facts = make(number, fonts)
        name = f"{number:05}"
        write_png(folder / "scan" / f"{name}.png", page, scan)
        write_png(folder / "clean" / f"{name}.png", page)
        line = json.dumps(facts, ensure_ascii=False, indent=1)
        with replacing(folder / "text" / f"{name}.json", force=True) as temporary:
            temporary.write_text(line, encoding="utf-8")
        for part in (scan.tobytes(), page.pixels.tobytes(), line.encode()):
            digest.update(part)
        progress.advance()
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Plan:
    """What one page is to be."""

    family: str
    """Kind of scan: one of `FAMILIES`."""
    language: str
    """A key of `SENTENCES`."""
    kind: str
    """Kind of page: a key of `KINDS`."""
    stretch: float
    """Width of the letters; 1 is normal."""


def plan(number: int) -> Plan:
    """What page `number` of the set is to be."""
    # When a kind of scan comes back, it is in another script and on another kind of page.
    turn = number + number // len(FAMILIES)
    languages = list(SENTENCES)
    return Plan(
        FAMILIES[number % len(FAMILIES)],
        languages[turn % len(languages)],
        KINDS_USED[turn * 5 % len(KINDS_USED)],
        STRETCH[number % len(STRETCH)],
    )


def make(number: int, fonts: Sequence[Path] = ()) -> tuple[CleanPage, Pixels, dict[str, object]]:
    """One page of the set: clean, scanned, and what is known of it.

    Args:
        number: which, from 0.
        fonts: as for `build`.
    """
    wanted = plan(number)
    rng = np.random.default_rng([SEED, number])
    faces = [fonts[number // 2 % len(fonts)]] if fonts and number % 2 else []
    page = _clean(wanted, rng, faces)
    reverse = _clean(plan(number + 1), np.random.default_rng([SEED, number, 1]), faces)
    drawn = sample(
        rng, page.dpi, wanted.family, colour=has_colour(page.pixels), tones=_tones(page.pixels)
    )
    scan = apply(drawn, page.pixels, rng, reverse.pixels)
    facts: dict[str, object] = {
        "dpi": page.dpi,
        "kind": page.kind,
        "profile": wanted.family,
        "language": wanted.language,
        "words": [{"text": word.text, "box": word.box} for word in page.words],
    }
    return page, scan, facts


def _tones(pixels: Pixels) -> float:
    # A page with any tones is never scanned in black and white here: no restorer could know them.
    return min(tone_share(pixels), 0.2)


def _clean(wanted: Plan, rng: np.random.Generator, faces: Sequence[Path]) -> CleanPage:
    sheet = KINDS[wanted.kind](rng, Words(wanted.language, SENTENCES[wanted.language]))
    if faces:
        sheet.css = re.sub(r"font-family: [\w-]+", "font-family: made0", sheet.css)
    dpi = int(rng.choice(DPI))
    with render_pdf(sheet, faces) as document:
        pixels, found = _drawn(document[0], rng, dpi, wanted.stretch)
    if wanted.family in GRAY_ONLY:
        pixels = np.repeat(pixels[..., 1:2], 3, axis=2)
    return CleanPage(pixels, float(dpi), wanted.kind, found)


def _drawn(
    page: Any, rng: np.random.Generator, dpi: int, stretch: float
) -> tuple[Pixels, tuple[Word, ...]]:
    """Draw a part of a page that `SIZE` holds, and name the words on it; none is cut off."""
    pymupdf = mupdf()
    height, width = SIZE
    scale_y = max(dpi / 72, height / page.rect.height)
    scale_x = max(scale_y * stretch, width / page.rect.width)
    zoom = pymupdf.Matrix(scale_x, scale_y)
    spare = (page.rect.width * scale_x - width, page.rect.height * scale_y - height)
    boxes = np.array([pymupdf.Rect(word[:4]) * zoom for word in page.get_text("words")])
    corners = [tuple((rng.random(2) * spare).astype(int).tolist()) for _ in range(_TRIES)]
    left, top = max(corners, key=lambda corner: int(_inside(boxes, corner).sum()))
    _drop_cut_words(page, boxes, (left, top), zoom)
    whole = page.get_pixmap(matrix=zoom, colorspace=pymupdf.csRGB, alpha=False)
    pixels = np.frombuffer(whole.samples, np.uint8).reshape(whole.height, whole.width, 3)
    pixels = pixels[top : top + height, left : left + width]
    missing = (height - pixels.shape[0], width - pixels.shape[1])
    if any(missing):  # the renderer may round a row or column away
        pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    words = []
    for *corners_pt, text, _, _, _ in page.get_text("words"):
        x0, y0, x1, y1 = pymupdf.Rect(*corners_pt) * zoom
        if _inside(np.array([[x0, y0, x1, y1]]), (left, top))[0]:
            box = (x0 - left, y0 - top, x1 - left, y1 - top)
            words.append(Word(text, (round(box[0]), round(box[1]), round(box[2]), round(box[3]))))
    return np.ascontiguousarray(pixels), tuple(words)


def _inside(boxes: npt.NDArray[np.float64], corner: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Which boxes `(n, 4)` lie wholly in the part of the page that begins at a corner."""
    if not len(boxes):
        return np.zeros(0, np.bool_)
    left, top = corner
    height, width = SIZE
    low = (boxes[:, :2] >= (left, top)).all(axis=1)
    return np.asarray(low & (boxes[:, 2:] <= (left + width, top + height)).all(axis=1))


def _drop_cut_words(
    page: Any, boxes: npt.NDArray[np.float64], corner: tuple[int, int], zoom: Any
) -> None:
    """Take words off the page that the edge of the part would cut: nobody could read them right."""
    pymupdf = mupdf()
    part = pymupdf.Rect(*corner, corner[0] + SIZE[1], corner[1] + SIZE[0])
    for box, whole in zip(boxes, _inside(boxes, corner), strict=True):
        rect = pymupdf.Rect(*box)
        if not whole and rect.intersects(part):
            middle = (rect.y0 + rect.y1) / 2  # a thin line through the word spares its neighbours
            strip = pymupdf.Rect(rect.x0, middle - 1, rect.x1, middle + 1) * ~zoom
            page.add_redact_annot(strip, fill=False)
    page.apply_redactions(images=0, graphics=0)
