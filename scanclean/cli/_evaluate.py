"""The work behind `scanclean evaluate`: open what is compared, score it, print."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from scanclean.cli import _console
from scanclean.cli._products import require_report
from scanclean.config import RestoreOptions
from scanclean.evaluation import ocr, score, table
from scanclean.evaluation.contest import Choice, contest
from scanclean.evaluation.data import Sample
from scanclean.evaluation.pictures import write_worst


def run(
    choice: Choice,
    weights: Sequence[str],
    options: RestoreOptions,
    *,
    baselines: bool,
    reader: ocr.Reader | None,
    language: str,
    readings: int,
    worst_folder: Path | None,
    json_file: str | None,
    quiet: bool,
) -> None:
    """Score, and print the table on stdout, words on stderr."""
    require_report(json_file)
    with ExitStack() as stack:
        progress = stack.enter_context(_console.progress(quiet=quiet))
        ready = stack.enter_context(
            contest(choice, weights, options, baselines=baselines, progress=progress)
        )
        if reader and not quiet:
            _warn(ready.samples, language, reader)
        rows = score.evaluate(
            ready.samples,
            ready.restorers,
            reader=reader,
            language=language,
            readings=readings,
            progress=progress,
        )
        worst = list(table.worst(rows, weights))
        count = len(ready.samples)
        facts = {"data": ready.title, "count": count, **table.as_json(rows, weights)}
        # What took long to find out is shown before anything else can fail.
        with _console.data_stdout() as stdout:
            if json_file != "-":
                stdout.write(_words(f"{ready.title}: {count} pages", rows, worst).encode())
            if json_file:
                _console.write_json(json_file, facts, stdout)
        if worst_folder:
            write_worst(worst_folder, worst, ready.samples, ready.restorers)


def _words(title: str, rows: Sequence[score.Row], worst: Sequence[table.Worst]) -> str:
    lines = [f"worst {item.measure} of {item.row}: {item.page} {item.value}\n" for item in worst]
    return f"{title}\n{table.as_text(rows)}{''.join(lines)}"


def _warn(samples: Sequence[Sample], language: str, reader: ocr.Reader) -> None:
    if not any(sample.text for sample in samples):
        return
    if not reader.ready():
        _console.say(f"no OCR error: {reader.install} to have it")
        return
    codes = {language or sample.language for sample in samples if sample.text}
    missing = sorted(code or "en" for code in codes if reader.language_for(code) is None)
    if missing:
        what = ", ".join(missing)
        _console.say(f"no OCR error for pages in {what}: {reader.name} lacks the language")
