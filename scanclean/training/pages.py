"""Clean pages to train on: crops of PDFs and pictures, and of pages made up on the spot.

for page in clean_pages(sources, rng, texts): ...          # endless
render_pool(folder, sources, texts, count=500, seed=1)     # once, before a training
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scanclean.atomic import replacing
from scanclean.errors import DataError
from scanclean.page import Pixels
from scanclean.progress import SILENT, Progress
from scanclean.training._light import between, log_between
from scanclean.training._page_kinds import KINDS, WEIGHTS
from scanclean.training._page_maker import mupdf, render, render_pdf
from scanclean.training._words import Words, load, pick
from scanclean.training.pairs import load_rgb, stated_dpi

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".jp2"})
"""Endings of pictures that can be clean pages."""
FONTS = frozenset({".ttf", ".otf"})
"""Endings of font files for made pages."""
DEFAULT_SIDE = 768
"""Side of a crop, pixels."""
_DPI = (100.0, 400.0)
_TRIES = 6


@dataclass(frozen=True)
class Word:
    """A word on a page."""

    text: str
    """Its letters."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the crop."""


@dataclass(frozen=True)
class CleanPage:
    """A crop of a clean page."""

    pixels: Pixels
    """uint8 `(H, W, 3)`; a gray page has three equal channels."""
    dpi: float
    """Pixels an inch on paper."""
    kind: str
    """Key of `KINDS`, or "pdf", or "picture"."""
    words: tuple[Word, ...] = ()
    """Words that lie wholly inside, where known."""


def clean_pages(
    sources: Sequence[Path],
    rng: np.random.Generator,
    texts: Path | None = None,
    *,
    fonts: Sequence[Path] = (),
    size: tuple[int, int] = (DEFAULT_SIDE, DEFAULT_SIDE),
    made_share: float = 0.5,
) -> Iterator[CleanPage]:
    """Give clean crops without end.

    Args:
        sources: PDFs, pictures, or folders of them; none: only made pages.
        rng: chance; the same state gives the same crops.
        texts: folder of HTML files with text for made pages; None: short sentences of ours.
        fonts: font files, or folders of them, for made pages beside PyMuPDF's own.
        size: height and width of a crop, pixels.
        made_share: share of made pages among all.

    Raises:
        DataError: a source does not exist, or holds neither PDFs nor pictures.
    """
    files = source_files(sources)
    words, faces = load(texts), _files(fonts, FONTS)
    while True:
        page = None
        if not files or rng.random() < made_share:
            page = made_page(rng, words, fonts=faces, size=size)
        else:
            path = files[int(rng.integers(len(files)))]
            page = (
                _cut_pdf(path, rng, size)
                if path.suffix.lower() == ".pdf"
                else _cut_picture(path, rng, size)
            )
        if page is not None:
            yield _gray_now_and_then(page, rng)


def source_files(sources: Sequence[Path]) -> list[Path]:
    """All PDFs and pictures in `sources`, sorted inside each folder.

    Raises:
        DataError: a source does not exist, or holds neither.
    """
    files: list[Path] = []
    for source in sources:
        found = _files([source], PICTURES | {".pdf"})
        if not found:
            raise DataError(
                f"{source}: no clean pages there", hint="name PDFs, pictures, or folders of them"
            )
        files += found
    return files


def made_page(
    rng: np.random.Generator,
    words: Sequence[Words],
    kind: str | None = None,
    *,
    fonts: Sequence[Path] = (),
    size: tuple[int, int] = (DEFAULT_SIDE, DEFAULT_SIDE),
) -> CleanPage:
    """Make one page and cut a crop out of it.

    Args:
        rng: chance.
        words: texts to choose from.
        kind: key of `KINDS`; None: any.
        fonts: font files to choose from.
        size: height and width of the crop, pixels.
    """
    if kind is None:
        names = list(KINDS)
        weights = np.array([WEIGHTS.get(name, 1.0) for name in names])
        kind = str(rng.choice(names, p=weights / weights.sum()))
    sheet = KINDS[kind](rng, pick(rng, words))
    faces = [fonts[int(i)] for i in rng.integers(0, len(fonts), 2)] if fonts else []
    with render_pdf(sheet, faces) as document:
        return _busy_crop(document[0], rng, size, kind)


def render_pool(
    folder: Path,
    sources: Sequence[Path],
    texts: Path | None,
    count: int,
    seed: int,
    *,
    fonts: Sequence[Path] = (),
    side: int = DEFAULT_SIDE,
    made_share: float = 0.5,
    progress: Progress = SILENT,
) -> list[Path]:
    """Write `count` clean crops as PNG, and `index.json` with their dpi and kind.

    Args:
        folder: made if missing; files of an earlier pool are overwritten.
        sources: as for `clean_pages`.
        texts: as for `clean_pages`.
        count: number of crops.
        seed: the same seed gives the same crops.
        fonts: as for `clean_pages`.
        side: of a crop, pixels.
        made_share: as for `clean_pages`.
        progress: told of every crop.

    Returns:
        The pictures, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pages = clean_pages(sources, rng, texts, fonts=fonts, size=(side, side), made_share=made_share)
    paths, index = [], []
    progress.start(count, "page")
    for number in range(count):
        page = next(pages)
        path = folder / f"{number:05}.png"
        write_png(path, page)
        paths.append(path)
        index.append({"file": path.name, "dpi": page.dpi, "kind": page.kind})
        progress.advance()
    with replacing(folder / "index.json", force=True) as temporary:
        temporary.write_text(json.dumps(index, indent=1), encoding="utf-8")
    return paths


def write_png(path: Path, page: CleanPage, pixels: Pixels | None = None) -> None:
    """Write a page as PNG with its resolution; `pixels` replaces the page's own."""
    with replacing(path, force=True) as temporary:
        image = Image.fromarray(page.pixels if pixels is None else pixels)
        image.save(temporary, "PNG", compress_level=3, dpi=(page.dpi, page.dpi))


def _files(sources: Sequence[Path], suffixes: frozenset[str]) -> list[Path]:
    found: list[Path] = []
    for source in sources:
        inside = sorted(source.rglob("*")) if source.is_dir() else [source]
        found += [path for path in inside if path.is_file() and path.suffix.lower() in suffixes]
    return found


def _cut_pdf(path: Path, rng: np.random.Generator, size: tuple[int, int]) -> CleanPage | None:
    document = _open_pdf(path)
    if not len(document):
        return None
    return _busy_crop(document[int(rng.integers(len(document)))], rng, size, "pdf")


@lru_cache(maxsize=16)
def _open_pdf(path: Path) -> Any:
    try:
        document = mupdf().open(path)
    except Exception as error:  # MuPDF raises several kinds
        raise DataError(f"{path}: cannot be read as a PDF ({error})") from error
    if document.needs_pass:
        raise DataError(f"{path}: is locked", hint="remove its password, or the file")
    return document


def _busy_crop(page: Any, rng: np.random.Generator, size: tuple[int, int], kind: str) -> CleanPage:
    # Most of a page is margin. How much of a crop must be filled is drawn, so some stay empty.
    wanted = 0.6 * rng.random()
    best, most = None, -1.0
    for _ in range(_TRIES):
        crop = _crop(page, rng, size, kind)
        filled = _filled(crop.pixels)
        if filled > most:
            best, most = crop, filled
        if most >= wanted:
            break
    assert best is not None
    return best


def _filled(pixels: Pixels) -> float:
    # Share of 24-pixel cells in which anything happens.
    height, width = (side // 24 * 24 for side in pixels.shape[:2])
    cells = pixels[:height, :width, 1].reshape(height // 24, 24, width // 24, 24)
    return float((np.ptp(cells, axis=(1, 3)) > 12).mean())


def _crop(page: Any, rng: np.random.Generator, size: tuple[int, int], kind: str) -> CleanPage:
    dpi, zoom = log_between(rng, *_DPI), _zoom(page, rng)
    scale = dpi * zoom / 72
    # A crop larger than the page at this scale would show what is not there: enlarge instead.
    rect = page.rect
    scale = max(scale, size[0] / rect.height * 1.01, size[1] / rect.width * 1.01)
    wide, high = size[1] / scale, size[0] / scale
    left = rect.x0 + between(rng, 0, max(0.0, rect.width - wide))
    top = rect.y0 + between(rng, 0, max(0.0, rect.height - high))
    left, top = np.floor(left * scale) / scale, np.floor(top * scale) / scale  # whole pixels
    clip = (left, top, left + wide, top + high)
    pixels = _exactly(render(page, scale * 72, clip), size)
    return CleanPage(pixels, round(dpi, 1), kind, _words_inside(page, clip, scale))


def _zoom(page: Any, rng: np.random.Generator) -> float:
    # A headline is small print enlarged: one crop in five is, to letters of 200 pixels.
    if rng.random() > 0.2:
        return 1.0
    return log_between(rng, 1.3, 6)


def _words_inside(
    page: Any, clip: tuple[float, float, float, float], scale: float
) -> tuple[Word, ...]:
    left, top, right, bottom = clip
    words = []
    for x0, y0, x1, y1, text, *_ in page.get_text("words", clip=mupdf().Rect(*clip)):
        if x0 >= left and y0 >= top and x1 <= right and y1 <= bottom:
            box = [round(float(v) * scale, 1) for v in (x0 - left, y0 - top, x1 - left, y1 - top)]
            words.append(Word(text, (box[0], box[1], box[2], box[3])))
    return tuple(words)


def _exactly(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    # The renderer rounds the clip outwards: a row or column more, seldom one less.
    pixels = pixels[: size[0], : size[1]]
    missing = (size[0] - pixels.shape[0], size[1] - pixels.shape[1])
    if any(missing):
        pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return np.ascontiguousarray(pixels)


def _cut_picture(path: Path, rng: np.random.Generator, size: tuple[int, int]) -> CleanPage | None:
    picture, dpi = Image.fromarray(load_rgb(path)), stated_dpi(path) or 200.0
    zoom = max(log_between(rng, 0.6, 1.5), size[0] / picture.height, size[1] / picture.width)
    wide, high = size[1] / zoom, size[0] / zoom
    left, top = between(rng, 0, picture.width - wide), between(rng, 0, picture.height - high)
    box = (left, top, left + wide, top + high)
    cut = picture.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box)
    return CleanPage(np.asarray(cut), round(dpi * zoom, 1), "picture")


def _gray_now_and_then(page: CleanPage, rng: np.random.Generator) -> CleanPage:
    # Many scans are gray, and colours cannot be told from one: the clean page must be gray as well.
    # Coloured paper in gray would look like old paper, which has to become white.
    if rng.random() >= 0.3 or page.kind == "coloured paper":
        return page
    gray = np.asarray(Image.fromarray(page.pixels).convert("L"))
    pixels = np.repeat(gray[..., None], 3, axis=2)
    return CleanPage(pixels, page.dpi, page.kind, page.words)
