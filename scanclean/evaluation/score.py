"""The score of restorers on pages: all measures, page by page, and their sums.

Pages are the outer loop: what is to be known of a clean page is found once, and one page is in
memory at a time, however many restorers are compared.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from scanclean.errors import UsageError
from scanclean.evaluation import data, ink, text
from scanclean.evaluation.colour import Regions, colour_error, regions
from scanclean.evaluation.data import Sample
from scanclean.evaluation.memory import Peak
from scanclean.evaluation.ocr import SIZES, Reader, in_sizes
from scanclean.evaluation.similarity import luminance, ssim_map
from scanclean.page import Pixels
from scanclean.progress import SILENT, Progress
from scanclean.training.metrics import psnr
from scanclean.training.pairs import load

Restore: TypeAlias = Callable[[Pixels], Pixels]
"""Anything that restores pixels: uint8 `(H, W)` or `(H, W, 3)` to the same shape."""

TRUTH = "clean page"
"""Name of the row that holds the OCR error of the clean pages themselves."""
LEAST_TEXT = 80
"""Characters that must be known to be on a page before its OCR error means anything."""
READABLE = 0.5
"""OCR error of a clean page above which its text says nothing: handwriting, decoration."""
UNTOUCHED = 2
"""Levels by which a clean page may be changed unnoticed."""


@dataclass(frozen=True)
class PageScore:
    """One restorer on one page; None is what cannot be known there."""

    page: str
    """File name of the scan."""
    family: str = ""
    """What happened to the page."""
    squares: float = 0.0
    """Sum of squared errors, in levels."""
    values: int = 0
    """Number of values compared: pixels times channels."""
    gain: float | None = None
    """PSNR above that of the scan, dB; None where the scan is the clean page already."""
    touched: float | None = None
    """Share of pixels changed by more than `UNTOUCHED`, where the scan is the clean page."""
    ssim: float | None = None
    """Structural similarity."""
    ssim_picture: float | None = None
    """The same over pictures alone."""
    fate: ink.Fate | None = None
    """What became of the marks."""
    colour_picture: float | None = None
    """CIEDE2000 in pictures."""
    colour_flat: float | None = None
    """CIEDE2000 on flat colours."""
    ocr: float | None = None
    """Character errors a character."""
    seconds: float | None = None
    """Time to restore."""
    megapixels: float = 0.0
    """Size of the page."""
    memory_mb: float | None = None
    """Memory that restoring took above what the program held, MB."""

    @property
    def rmse(self) -> float | None:
        """Root mean square error, 0..1."""
        return math.sqrt(self.squares / self.values) / 255 if self.values else None


@dataclass(frozen=True)
class Row:
    """One restorer on all pages."""

    name: str
    """What to call it."""
    pages: tuple[PageScore, ...]
    """In the order of the samples."""


@dataclass(frozen=True)
class _Known:
    """What is found once for each page."""

    scan: Pixels
    clean: Pixels | None
    where: Regions | None
    marks: ink.Truth | None
    language: str | None
    reader: Reader | None
    readings: int


def evaluate(
    samples: Sequence[Sample],
    restorers: Mapping[str, Restore],
    *,
    reader: Reader | None = None,
    language: str = "",
    readings: int = 1,
    progress: Progress = SILENT,
) -> list[Row]:
    """Score every restorer on every page.

    Args:
        samples: the pages.
        restorers: by name.
        reader: reads pages whose text is known, where it has their language; None: nobody does.
        language: read them all in this one, instead of what the data says.
        readings: sizes in which each page is read, 1 to 5; the error is their mean.
        progress: told of every page and restorer.

    Returns:
        A row for each restorer; before them `TRUTH`, if clean pages could be read.

    Raises:
        UsageError: there are not so many sizes.
        InputError: a picture cannot be read.
        DeviceError: a restorer failed.
    """
    if not 1 <= readings <= len(SIZES):
        raise UsageError(f"readings {readings}: is not within 1 to {len(SIZES)}")
    rows: dict[str, list[PageScore]] = {TRUTH: [], **{name: [] for name in restorers}}
    progress.start(len(samples) * len(restorers), "result")
    for sample in samples:
        known = _know(sample, language, reader, readings)
        if known.clean is not None and known.language:
            error = _read(known.clean, sample, known)
            if error <= READABLE:
                rows[TRUTH].append(PageScore(sample.name, sample.family, ocr=error))
            else:
                known = replace(known, language=None)
        for name, restore in restorers.items():
            output, seconds, memory = _timed(restore, known.scan)
            rows[name].append(_score(sample, known, output, seconds, memory))
            progress.advance()
    return [Row(name, tuple(pages)) for name, pages in rows.items() if pages]


def _know(sample: Sample, language: str, reader: Reader | None, readings: int) -> _Known:
    scan = load(sample.scan)
    code = None
    if reader and len(sample.text) >= LEAST_TEXT:
        code = reader.language_for(language or sample.language)
    if sample.clean is None:
        return _Known(scan, None, None, None, code, reader, readings)
    clean = data.like(load(sample.clean), scan)
    where = regions(clean)
    height, width = clean.shape[:2]
    marks = ink.truth(clean, where.picture_pixels((height, width)))
    return _Known(scan, clean, where, marks, code, reader, readings)


def _timed(restore: Restore, scan: Pixels) -> tuple[Pixels, float, float | None]:
    with Peak() as peak:
        start = time.perf_counter()
        output = restore(scan)
        seconds = time.perf_counter() - start
    return output, seconds, peak.mb


def _score(
    sample: Sample, known: _Known, output: Pixels, seconds: float, memory: float | None
) -> PageScore:
    size = output.shape[0] * output.shape[1] / 1e6
    read = _read(output, sample, known) if known.language else None
    if known.clean is None or known.where is None or known.marks is None:
        return PageScore(
            sample.name, sample.family, ocr=read, seconds=seconds, megapixels=size, memory_mb=memory
        )
    before, squares = _squares(known.scan, known.clean), _squares(output, known.clean)
    colours = colour_error(known.clean, output, known.where)
    whole, pictures = _similarities(known.clean, output, known.where)
    return PageScore(
        sample.name,
        sample.family,
        squares=squares,
        values=output.size,
        gain=_db(squares, output.size) - _db(before, output.size) if before else None,
        touched=None if before else _touched(known.clean, output),
        ssim=whole,
        ssim_picture=pictures,
        fate=ink.fate(known.marks, known.scan, output),
        colour_picture=colours.picture,
        colour_flat=colours.flat,
        ocr=read,
        seconds=seconds,
        megapixels=size,
        memory_mb=memory,
    )


def _read(pixels: Pixels, sample: Sample, known: _Known) -> float:
    assert known.language and known.reader
    found = [
        text.error_rate(known.reader.read(page, known.language), sample.text)
        for page in in_sizes(pixels, known.readings)
    ]
    return sum(found) / len(found)


def _squares(first: Pixels, second: Pixels) -> float:
    difference = np.subtract(first, second, dtype=np.int16).astype(np.float32)
    return float(np.square(difference, out=difference).sum(dtype=np.float64))


def _db(squares: float, values: int) -> float:
    # At most 80 dB: an infinite gain could not be averaged.
    return psnr(max(math.sqrt(squares / values) / 255, 1e-4))


def _touched(clean: Pixels, output: Pixels) -> float:
    difference = np.abs(np.subtract(clean, output, dtype=np.int16)) > UNTOUCHED
    return float((difference if clean.ndim == 2 else difference.any(axis=2)).mean())


def _similarities(
    clean: Pixels, output: Pixels, where: Regions
) -> tuple[float | None, float | None]:
    found = ssim_map(luminance(clean), luminance(output))
    if not found.size:
        return None, None
    height, width = clean.shape[:2]
    margin = (height - found.shape[0]) // 2
    inside = slice(margin, -margin or None)
    picture = where.picture_pixels((height, width))[inside, inside]
    part = float(found[picture].mean(dtype=np.float64)) if picture.any() else None
    return float(found.mean(dtype=np.float64)), part


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def pooled_rmse(pages: Sequence[PageScore]) -> float | None:
    """Root mean square error over all values of all pages, 0..1, as Kaggle's score has it."""
    values = sum(page.values for page in pages)
    return math.sqrt(sum(page.squares for page in pages) / values) / 255 if values else None


def kept(pages: Sequence[PageScore]) -> list[float | None]:
    """Share of the marks kept, for each of `ink.CLASSES`; None where there are none."""
    fates = [page.fate for page in pages if page.fate]
    shares: list[float | None] = []
    for index in range(len(ink.CLASSES)):
        marks = sum(fate.marks[index] for fate in fates)
        shares.append(sum(fate.kept[index] for fate in fates) / marks if marks else None)
    return shares


def by_family(pages: Sequence[PageScore]) -> Iterator[tuple[str, list[PageScore]]]:
    """The pages of each family, families sorted."""
    for family in sorted({page.family for page in pages} - {""}):
        yield family, [page for page in pages if page.family == family]
