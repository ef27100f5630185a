"""What takes part in an evaluation: the pages, and everything that restores them.

rows = evaluate("data/", ["scanclean", "mine.safetensors"])
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scanclean.config import CLASSICAL, DEFAULT_WEIGHTS, RestoreOptions
from scanclean.engine import open_engine
from scanclean.errors import UsageError
from scanclean.evaluation import baselines as filters
from scanclean.evaluation import data as pages
from scanclean.evaluation import frozen, score, table
from scanclean.evaluation.ocr import READERS
from scanclean.page import Pixels
from scanclean.progress import SILENT, Progress

FONTS = (".ttf", ".otf")
"""Endings of font files."""


@dataclass(frozen=True)
class Choice:
    """Which pages to score on."""

    data: Path | None = None
    """A data folder, or None for the frozen set."""
    frozen: range = range(0)
    """Which pages of the frozen set."""
    fonts: Path | None = None
    """Folder of fonts for it."""
    only: str = ""
    """Which pages of the folder, see `data.chosen`."""
    limit: int = 0
    """At most so many, evenly chosen; 0 for all."""


@dataclass(frozen=True)
class Contest:
    """Everything ready to be scored."""

    title: str
    """The folder, or the frozen set with its digest."""
    samples: list[pages.Sample]
    """The pages."""
    restorers: dict[str, score.Restore]
    """Who restores them, by name, in the order of the table."""


def evaluate(
    data: Path | str,
    weights: Sequence[str] = (DEFAULT_WEIGHTS,),
    *,
    only: str = "",
    limit: int = 0,
    options: RestoreOptions = RestoreOptions(),  # noqa: B008  # frozen
    baselines: bool = True,
    reader: str = "tesseract",
    language: str = "",
    readings: int = 1,
    progress: Progress = SILENT,
) -> list[score.Row]:
    """Score weights and simple filters on a data folder, as `scanclean evaluate` does.

    Args:
        data: folder with scan/ and clean/, or with scans and their text in ground_truth/.
        weights: names or files, and "classical".
        only: which pages, see `data.chosen`.
        limit: at most so many pages; 0 for all.
        options: device, engine, guard.
        baselines: score simple filters as well.
        reader: who reads pages whose text is known, see `ocr.READERS`; "" for nobody.
        language: read all of them in this one.
        readings: sizes in which each page is read, 1 to 5.
        progress: told of every page and restorer.

    Returns:
        A row for each restorer; `scanclean.evaluation.table` sums them up.

    Raises:
        UsageError: `readings` is not possible.
        DataError: the folder holds nothing to compare with.
        WeightsError: weights are unknown or damaged.
        DeviceError: the engine is missing.
    """
    choice = Choice(Path(data), only=only, limit=limit)
    with contest(choice, weights, options, baselines=baselines, progress=progress) as ready:
        return score.evaluate(
            ready.samples,
            ready.restorers,
            reader=READERS[reader] if reader else None,
            language=language,
            readings=readings,
            progress=progress,
        )


@contextmanager
def contest(
    choice: Choice,
    weights: Sequence[str],
    options: RestoreOptions,
    *,
    baselines: bool,
    progress: Progress = SILENT,
) -> Iterator[Contest]:
    """Open the engines and the pages; a frozen set is made, and is there within the context."""
    with ExitStack() as stack:
        restorers = _restorers(weights, options, stack, baselines=baselines)
        folder, title = stack.enter_context(_folder(choice, progress))
        samples = thinned(pages.samples(folder, choice.only), choice.limit)
        yield Contest(title, samples, restorers)


def thinned(samples: list[pages.Sample], limit: int) -> list[pages.Sample]:
    """At most `limit` pages, taken evenly over the whole; 0 takes all."""
    if not limit or len(samples) <= limit:
        return samples
    return [samples[i * len(samples) // limit] for i in range(limit)]


def _restorers(
    weights: Sequence[str], options: RestoreOptions, stack: ExitStack, *, baselines: bool
) -> dict[str, score.Restore]:
    names = [CLASSICAL, *weights] if baselines and CLASSICAL not in weights else list(weights)
    opened = {name: _engine(name, options, stack) for name in names}
    found: dict[str, score.Restore] = {table.NOTHING: filters.nothing}
    if baselines:
        found |= filters.available()
    return found | opened


def _engine(name: str, options: RestoreOptions, stack: ExitStack) -> score.Restore:
    # The filter runs on the processor wherever the networks run.
    device = "cpu" if name == CLASSICAL else options.device
    engine = open_engine(replace(options, weights=name, device=device))
    stack.callback(engine.close)

    def restore(pixels: Pixels) -> Pixels:
        return engine.clean(pixels).pixels

    return restore


@contextmanager
def _folder(choice: Choice, progress: Progress) -> Iterator[tuple[Path, str]]:
    if choice.data is not None:
        yield choice.data, str(choice.data)
        return
    fonts: list[Path] = []
    if choice.fonts:
        fonts = sorted(p for p in choice.fonts.rglob("*") if p.suffix.lower() in FONTS)
        if not fonts:
            raise UsageError(f"--fonts {choice.fonts}: no font files there")
    with tempfile.TemporaryDirectory(prefix="scanclean-") as name:
        folder = Path(name)
        digest = frozen.build(folder, choice.frozen, fonts=fonts, progress=progress)
        yield folder, f"frozen set {digest}"
