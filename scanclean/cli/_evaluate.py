"""The work behind `scanclean evaluate`: open what is compared, score it, print."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scanclean.atomic import replacing
from scanclean.cli import _console
from scanclean.config import CLASSICAL, RestoreOptions
from scanclean.engine import open_engine
from scanclean.errors import UsageError
from scanclean.evaluation import baselines as filters
from scanclean.evaluation import data as pages
from scanclean.evaluation import frozen, ocr, score, table
from scanclean.evaluation.pictures import write_worst
from scanclean.page import Pixels
from scanclean.progress import Progress

FONTS = (".ttf", ".otf")
"""Endings of font files."""


@dataclass(frozen=True)
class Choice:
    """Which pages to score on."""

    data: Path | None
    """A data folder, or None for the frozen set."""
    frozen: int
    """Pages of the frozen set."""
    fonts: Path | None
    """Folder of fonts for it."""
    only: str
    """Which pages of the folder."""
    limit: int
    """At most so many; 0 for all."""


def run(
    choice: Choice,
    weights: Sequence[str],
    options: RestoreOptions,
    *,
    baselines: bool,
    use_ocr: bool,
    language: str,
    worst_folder: Path | None,
    json_file: str | None,
    quiet: bool,
) -> None:
    """Score, and print the table on stdout, words on stderr."""
    with ExitStack() as stack:
        progress = stack.enter_context(_console.progress(quiet=quiet))
        restorers = _restorers(weights, options, stack, baselines=baselines)
        folder, digest = stack.enter_context(_folder(choice, progress))
        samples = _thinned(pages.samples(folder, choice.only), choice.limit)
        _warn(samples, language, use_ocr=use_ocr, quiet=quiet)
        rows = score.evaluate(
            samples, restorers, use_ocr=use_ocr, language=language, progress=progress
        )
        worst = list(table.worst(rows, weights))
        title = f"frozen set {digest}" if digest else str(folder)
        facts = {"data": title, "count": len(samples), **table.as_json(rows, weights)}
        # What took long to find out is shown before anything else can fail.
        with _console.data_stdout() as stdout:
            if json_file == "-":
                stdout.write(_json(facts))
            else:
                stdout.write(_words(f"{title}: {len(samples)} pages", rows, worst).encode())
        if json_file and json_file != "-":
            with replacing(Path(json_file), force=True) as temporary:
                temporary.write_bytes(_json(facts))
        if worst_folder:
            write_worst(worst_folder, worst, samples, restorers)


def _json(facts: dict[str, object]) -> bytes:
    return (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode()


def _words(title: str, rows: Sequence[score.Row], worst: Sequence[table.Worst]) -> str:
    lines = [f"worst {item.measure} of {item.row}: {item.page} {item.value}\n" for item in worst]
    return f"{title}\n{table.as_text(rows)}{''.join(lines)}"


def _restorers(
    weights: Sequence[str], options: RestoreOptions, stack: ExitStack, *, baselines: bool
) -> dict[str, score.Restore]:
    """What is compared, by name, in the order of the table."""
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
    """The data folder, and the digest of a frozen set, which is made for the time of the score."""
    if choice.data is not None:
        yield choice.data, ""
        return
    fonts: list[Path] = []
    if choice.fonts:
        fonts = sorted(p for p in choice.fonts.rglob("*") if p.suffix.lower() in FONTS)
        if not fonts:
            raise UsageError(f"--fonts {choice.fonts}: no font files there")
    with tempfile.TemporaryDirectory(prefix="scanclean-") as folder:
        yield (
            Path(folder),
            frozen.build(Path(folder), choice.frozen, fonts=fonts, progress=progress),
        )


def _thinned(samples: list[pages.Sample], limit: int) -> list[pages.Sample]:
    """At most `limit` pages, taken evenly over the whole."""
    if not limit or len(samples) <= limit:
        return samples
    return [samples[i * len(samples) // limit] for i in range(limit)]


def _warn(samples: Sequence[pages.Sample], language: str, *, use_ocr: bool, quiet: bool) -> None:
    if quiet or not use_ocr or not any(sample.text for sample in samples):
        return
    if not ocr.languages():
        _console.say("no OCR error: install tesseract to have it")
        return
    codes = {language or sample.language for sample in samples if sample.text}
    missing = sorted(code or "en" for code in codes if ocr.language_for(code) is None)
    if missing:
        _console.say(
            f"no OCR error for pages in {', '.join(missing)}: tesseract lacks the language"
        )
