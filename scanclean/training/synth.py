"""Pairs of scans and clean pages on disk, with the text of the page where it is known."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scanclean.atomic import replacing
from scanclean.errors import UsageError
from scanclean.progress import SILENT, Progress
from scanclean.training.degradation import apply, sample, traits
from scanclean.training.pages import DEFAULT_SIDE, CleanPage, clean_pages, source_files, write_png

PARTS = ("scan", "clean", "text")
"""Folders of a set."""


def synth(
    sources: Sequence[Path],
    out: Path,
    count: int,
    seed: int,
    size: tuple[int, int] = (DEFAULT_SIDE, DEFAULT_SIDE),
    progress: Progress = SILENT,
    *,
    texts: Path | None = None,
    fonts: Sequence[Path] = (),
    made_share: float = 0.5,
) -> None:
    """Write `scan/NNNNN.png`, `clean/NNNNN.png` and `text/NNNNN.json` for numbers from 0.

    The same arguments give the same bytes. Page `n` depends on the seed and on `n` only, so a
    larger set begins with the smaller one. A JSON file holds `dpi`, `kind` (what the page is),
    `profile` (what happened to it) and `words`, each with `text` and `box` (left, top, right,
    bottom in pixels).

    Args:
        sources: clean PDFs, pictures or folders of them; none: made pages only.
        out: made if missing; files of the same names are overwritten.
        count: number of pairs.
        seed: of all chance.
        size: height and width of a page, pixels.
        progress: told of every pair.
        texts: folder of HTML files with text for made pages.
        fonts: font files, or folders of them, for made pages.
        made_share: share of made pages among all.

    Raises:
        DataError: a source does not exist or cannot be read.
        OutputError: a file cannot be written.
    """
    progress.start(count, "page")
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        pages = clean_pages(sources, rng, texts, fonts=fonts, size=size, made_share=made_share)
        page, other = next(pages), next(pages)
        drawn = sample(rng, page.dpi, **traits(page.pixels))
        scan = apply(drawn, page.pixels, rng, other.pixels)
        name = f"{number:05}"
        write_png(out / "scan" / f"{name}.png", page, scan)
        write_png(out / "clean" / f"{name}.png", page)
        _write_text(out / "text" / f"{name}.json", page, drawn.profile)
        progress.advance()


def require_apart(sources: Sequence[Path], out: Path) -> None:
    """Look before any work whether pages would be written over those that they are made from.

    Raises:
        DataError: a source does not exist, or holds neither PDFs nor pictures.
        UsageError: a source lies in a folder that is written to.
    """
    if not sources:
        return
    written = [(out / part).resolve() for part in PARTS]
    for page in source_files(sources):
        if any(page.resolve().is_relative_to(folder) for folder in written):
            raise UsageError(
                f"{page}: is a clean page to begin with, and lies where -o {out} writes",
                hint="name another folder with -o",
            )


def clear(out: Path, count: int) -> None:
    """Remove the pairs of an earlier, larger set behind the `count` pairs of the one just made."""
    for part in PARTS:
        for path in (out / part).iterdir():
            numbered = re.fullmatch(r"([0-9]{5,})\.(png|json)", path.name)
            if numbered and int(numbered[1]) >= count:
                path.unlink()


def _write_text(path: Path, page: CleanPage, profile: str) -> None:
    facts = {
        "dpi": page.dpi,
        "kind": page.kind,
        "profile": profile,
        "words": [{"text": word.text, "box": word.box} for word in page.words],
    }
    with replacing(path, force=True) as temporary:
        temporary.write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
