"""Rows of a score as a table for people and as JSON for programs, and the worst pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

from scanclean.evaluation import ink
from scanclean.evaluation.score import TRUTH, PageScore, Row, by_family, kept, mean, pooled_rmse
from scanclean.training.metrics import psnr

Summary: TypeAlias = Mapping[str, float | None]
"""Figures of one row by key; None is what cannot be known."""

NOTHING = "nothing"
"""Name of the row that the others are compared with."""
WORSE = 0.005
"""OCR error must rise by more than this for a page to count as worse."""
INVISIBLE = 2
"""Index of the palest class of marks; such inventions are not counted, as grain reaches it."""


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    key: str
    """Key in a `Summary`."""
    title: str
    """Two lines at most, parted by a blank."""
    form: str
    """How a figure is written: a format specification, "%" with one digit where it ends so."""


COLUMNS = (
    Column("rmse", "RMSE", ".4f"),
    Column("psnr", "PSNR dB", ".2f"),
    Column("gain", "gain dB", "+.1f"),
    Column("gain_worst", "gain worst", "+.1f"),
    Column("ssim", "SSIM", ".3f"),
    *(Column(f"kept_{i}", f"ink {name}", ".2%") for i, name in enumerate(ink.CLASS_NAMES)),
    Column("eaten", "ink eaten", ".2%"),
    Column("invented", "ink invented", ".0f"),
    Column("dirt", "dirt left", ".2%"),
    Column("touched", "clean changed", ".3%"),
    Column("colour_picture", "dE picture", ".2f"),
    Column("colour_flat", "dE flat", ".2f"),
    Column("ssim_picture", "SSIM picture", ".3f"),
    Column("ocr", "OCR error", ".2%"),
    Column("ocr_gone", "error gone", ".0%"),
    Column("ocr_worst", "worst rise", "+.1%"),
    Column("ocr_worse", "pages worse", ".0f"),
    Column("seconds", "s/page", ".2f"),
    Column("seconds_mp", "s/Mpx", ".2f"),
    Column("memory_mb", "MB", ".0f"),
)
"""In the order in which they are printed; those without any figure are left out."""


def summaries(rows: Sequence[Row]) -> dict[str, Summary]:
    """The figures of every row, by its name."""
    read = {row.name: {page.page: page.ocr for page in row.pages} for row in rows}
    return {row.name: _summary(row, read.get(NOTHING, {}), read.get(TRUTH, {})) for row in rows}


def _summary(
    row: Row, before: Mapping[str, float | None], ideal: Mapping[str, float | None]
) -> Summary:
    pages = row.pages
    rmse = pooled_rmse(pages)
    gains = [page.gain for page in pages if page.gain is not None]
    rises = list(_rises(pages, before).values())
    seconds = [page.seconds for page in pages if page.seconds is not None]
    shares = kept(pages)
    return {
        "rmse": rmse,
        "psnr": psnr(rmse) if rmse is not None else None,
        "gain": mean(gains),
        "gain_worst": min(gains, default=None),
        "ssim": mean(page.ssim for page in pages),
        **{f"kept_{i}": share for i, share in enumerate(shares)},
        "eaten": _eaten(pages),
        "invented": _invented(pages),
        "dirt": _dirt(pages),
        "touched": mean(page.touched for page in pages),
        "colour_picture": mean(page.colour_picture for page in pages),
        "colour_flat": mean(page.colour_flat for page in pages),
        "ssim_picture": mean(page.ssim_picture for page in pages),
        "ocr": mean(page.ocr for page in pages),
        "ocr_gone": _gone(mean(page.ocr for page in pages), mean(before.values()), ideal),
        "ocr_worst": max(rises, default=None),
        "ocr_worse": float(sum(rise > WORSE for rise in rises)) if rises else None,
        "seconds": mean(seconds),
        "seconds_mp": sum(seconds) / sum(page.megapixels for page in pages) if seconds else None,
        "memory_mb": max((p.memory_mb for p in pages if p.memory_mb is not None), default=None),
    }


def _eaten(pages: Sequence[PageScore]) -> float | None:
    """Share of the marks that the scans show which the outputs do not."""
    fates = [page.fate for page in pages if page.fate]
    shown = sum(sum(fate.shown) for fate in fates)
    return sum(sum(fate.eaten) for fate in fates) / shown if shown else None


def _invented(pages: Sequence[PageScore]) -> float | None:
    fates = [page.fate for page in pages if page.fate]
    return float(sum(sum(fate.invented[:INVISIBLE]) for fate in fates)) if fates else None


def _dirt(pages: Sequence[PageScore]) -> float | None:
    """Share of the blank ground of all pages that is not as blank as it should be."""
    fates = [page.fate for page in pages if page.fate]
    ground = sum(fate.ground for fate in fates)
    return sum(fate.dirt for fate in fates) / ground if ground else None


def _rises(pages: Sequence[PageScore], before: Mapping[str, float | None]) -> dict[str, float]:
    rises = {}
    for page in pages:
        old = before.get(page.page)
        if page.ocr is not None and old is not None:
            rises[page.page] = page.ocr - old
    return rises


def _gone(
    after: float | None, before: float | None, ideal: Mapping[str, float | None]
) -> float | None:
    """Share of the OCR error above that of the clean pages which restoring took away."""
    least = mean(ideal.values())
    if after is None or before is None or least is None or before <= least:
        return None
    return (before - after) / (before - least)


def as_text(rows: Sequence[Row]) -> str:
    """The table, aligned with blanks, and a second one with the gain of each family."""
    found = summaries(rows)
    columns = [c for c in COLUMNS if any(s.get(c.key) is not None for s in found.values())]
    split = [c.title.split(" ", 1) for c in columns]
    first = ["", *(words[0] if len(words) > 1 else "" for words in split)]
    second = ["", *(words[-1] for words in split)]
    cells = [
        [name, *(_written(summary.get(c.key), c.form) for c in columns)]
        for name, summary in found.items()
    ]
    return _aligned([first, second, *cells]) + _families(rows)


def _families(rows: Sequence[Row]) -> str:
    gains = {
        row.name: {family: mean(p.gain for p in pages) for family, pages in by_family(row.pages)}
        for row in rows
    }
    names = sorted({f for row in gains.values() for f, gain in row.items() if gain is not None})
    if not names:
        return ""
    cells = [
        [name, *(_written(row.get(f), "+.1f") for f in names)]
        for name, row in gains.items()
        if any(gain is not None for gain in row.values())
    ]
    return "\nPSNR gain in dB by family\n" + _aligned([["", *names], *cells])


def _written(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in lines
    )


@dataclass(frozen=True)
class Worst:
    """The page on which a restorer did worst by one measure."""

    row: str
    """Name of the restorer."""
    measure: str
    """Which measure."""
    page: str
    """File name of the scan."""
    value: str
    """The figure, written."""


def worst(rows: Sequence[Row], names: Sequence[str]) -> Iterator[Worst]:
    """The worst page of the named rows, by every measure that is known.

    Nothing is said where even the worst page is faultless: all ink kept, no error risen.
    """
    before = next(({p.page: p.ocr for p in r.pages} for r in rows if r.name == NOTHING), {})
    for row in rows:
        if row.name not in names:
            continue
        rises = _rises(row.pages, before)
        for measure, form, badness, sign in _measures(rises):
            known = [(value, p.page) for p in row.pages if (value := badness(p)) is not None]
            value, page = max(known, default=(None, ""))
            if value is not None:
                yield Worst(row.name, measure, page, format(sign * value, form))


_Measure: TypeAlias = tuple[str, str, Callable[[PageScore], float | None], int]
"""Name, format, badness (more is worse), sign that turns badness into the figure to print."""


def _measures(rises: Mapping[str, float]) -> Iterator[_Measure]:
    yield "RMSE", ".4f", lambda p: p.rmse or None, 1
    yield "gain dB", "+.1f", lambda p: _minus(p.gain), -1
    yield "SSIM", ".3f", lambda p: _minus(p.ssim), -1
    yield "marks lost", ".0f", lambda p: _lost(p.fate), 1
    yield "marks eaten", ".0f", lambda p: (sum(p.fate.eaten) or None) if p.fate else None, 1
    yield "ink invented", ".0f", lambda p: _invented([p]) or None, 1
    yield "dirt left", ".1%", lambda p: _dirt([p]) or None, 1
    yield "dE picture", ".1f", lambda p: p.colour_picture or None, 1
    yield "dE flat", ".1f", lambda p: p.colour_flat or None, 1
    yield "SSIM picture", ".3f", lambda p: _minus(p.ssim_picture), -1
    yield "clean changed", ".2%", lambda p: p.touched or None, 1
    yield "OCR rise", "+.1%", lambda p: rises.get(p.page, 0) or None, 1


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _lost(fate: ink.Fate | None) -> float | None:
    return (sum(fate.marks) - sum(fate.kept) or None) if fate else None


def as_json(rows: Sequence[Row], names: Sequence[str]) -> dict[str, object]:
    """Everything: for each row its figures and its pages, and the worst pages of the named rows."""
    found = summaries(rows)
    return {
        "rows": [
            {
                "name": row.name,
                "figures": found[row.name],
                "pages": [{**asdict(page), "rmse": page.rmse} for page in row.pages],
            }
            for row in rows
        ],
        "worst": [asdict(item) for item in worst(rows, names)],
    }
