"""Pictures of every degradation, to be compared with real scans by eye."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scanclean.atomic import output_error
from scanclean.page import Pixels
from scanclean.training._light import Scene, to_light, to_pixels
from scanclean.training._words import load
from scanclean.training.degradation import PROFILES, Choice, Degradation, apply, degrade
from scanclean.training.pages import CleanPage, clean_pages, made_page

LEVELS = (0.25, 0.6, 1.0)
"""Levels that every single degradation is shown at."""
SIDE = 400
"""Side of one picture, pixels."""
COMPOSITES = 24
_COLUMNS = 6


def gallery(
    folder: Path, sources: Sequence[Path] = (), texts: Path | None = None, seed: int = 0
) -> list[Path]:
    """Write a picture for each degradation (clean, then rising levels) and for each profile.

    Args:
        folder: made if missing.
        sources: as for `pages.clean_pages`; they are used for the sheet of composites.
        texts: as for `pages.clean_pages`.
        seed: of everything.

    Returns:
        The files written: `<degradation>.png`, `profile-<name>.png`, `composites.png`.

    Raises:
        OutputError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    pages = _specimens(texts, seed)
    written = []
    for choice in _choices():
        name = choice.what.__name__
        rows = [_levels(choice, page, pages[0].pixels, seed) for page in pages[1:3]]
        labels = ["clean", *(f"{name} {level}" for level in LEVELS)]
        written.append(
            _save(folder / f"{name.lower()}.png", [p for row in rows for p in row], labels, 4)
        )
    for name in PROFILES:
        shown = [
            degrade(
                pages[i % 3].pixels,
                np.random.default_rng([seed, i]),
                pages[0].pixels,
                dpi=200,
                profile=name,
            )
            for i in range(8)
        ]
        written.append(_save(folder / f"profile-{name}.png", shown, [name], 4))
    shown = list(_composites(sources, texts, seed))
    written.append(_save(folder / "composites.png", shown, [""], _COLUMNS))
    return written


def _specimens(texts: Path | None, seed: int) -> list[CleanPage]:
    words, size = [w for w in load(texts) if w.language == "en"], (SIDE, SIDE)
    rng = np.random.default_rng([seed, 77])
    kinds = ("article", "magazine", "article")
    return [
        max((made_page(rng, words, kind, size=size) for _ in range(16)), key=_busy)
        for kind in kinds
    ]


def _busy(page: CleanPage) -> float:
    return min(float(page.pixels.std()), 70) * min(len(page.words), 60)


def _choices() -> Iterator[Choice]:
    seen = set()
    for _, profile in PROFILES.values():
        for choice in profile:
            if choice.what not in seen:
                seen.add(choice.what)
                yield choice


def _levels(choice: Choice, page: CleanPage, reverse: Pixels, seed: int) -> Iterator[Pixels]:
    yield page.pixels
    for level in LEVELS:
        rng = np.random.default_rng([seed, round(level * 100)])
        drawn = choice.what.draw(rng, level)
        if hasattr(drawn, "apply"):
            scene = Scene(rng, 200, to_light(reverse))
            yield to_pixels(drawn.apply(to_light(page.pixels), scene))
        else:
            yield apply(Degradation("one", 200, (), (drawn,)), page.pixels, rng)


def _composites(sources: Sequence[Path], texts: Path | None, seed: int) -> Iterator[Pixels]:
    rng = np.random.default_rng([seed, 5])
    pages = clean_pages(sources, rng, texts, size=(SIDE, SIDE))
    for _ in range(COMPOSITES):
        page, other = next(pages), next(pages)
        yield degrade(page.pixels, rng, other.pixels, dpi=page.dpi)


def _save(path: Path, pictures: Sequence[Pixels], labels: Sequence[str], columns: int) -> Path:
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (SIDE + 4), rows * (SIDE + 4)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, picture in enumerate(pictures):
        x, y = index % columns * (SIDE + 4), index // columns * (SIDE + 4)
        sheet.paste(Image.fromarray(picture), (x, y))
        label = labels[index % len(labels)]
        if label:
            pen.rectangle((x, y, x + 8 + 7 * len(label), y + 16), fill="white")
            pen.text((x + 4, y + 3), label, fill="red")
    sheet.save(path)
    return path
