"""The work behind `scanclean restore`: run the jobs, tell what happened."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from scanclean import documents, jobs
from scanclean.cli import _console
from scanclean.cli._console import Words
from scanclean.cli._watch import Watcher
from scanclean.config import RestoreOptions
from scanclean.errors import ExitCode, ScancleanError
from scanclean.restoration import FileReport, Session, as_json


def run(
    inputs: Sequence[str],
    output: str,
    kind: str | None,
    options: RestoreOptions,
    json_file: str | None,
    stdout: BinaryIO,
    words: Words,
    compare: Path | None = None,
) -> int:
    """Restore everything that was asked for, and say how it went.

    Returns:
        The exit code: that of the first input that failed as a whole, else 9 if pages were copied
        unchanged, else 0.
    """
    plan = jobs.plan(inputs, output, kind, documents.suffixes())
    with ExitStack() as stack:
        progress = stack.enter_context(_console.progress(quiet=words.quiet))
        session = stack.enter_context(Session(options, progress))
        watcher = Watcher(options, compare, stack) if compare or json_file else None
        reports = []
        if plan.joined:
            reports.append(watcher.join(session, plan) if watcher else session.join(plan))
        else:
            alone = len(plan.jobs) == 1
            reports = [_one(session, job, stdout, watcher, alone=alone) for job in plan.jobs]
        notes = watcher.compare(progress) if watcher else ()
    if not words.quiet:
        for notice in (*session.notices, *notes):
            _console.say(notice)
        for report in reports:
            _tell(report, verbose=words.verbose)
    if json_file:
        _console.write_json(json_file, as_json(reports), stdout)
    return next((r.exit_code for r in reports if r.exit_code), ExitCode.DONE)


def _one(
    session: Session, job: jobs.Job, stdout: BinaryIO, watcher: Watcher | None, *, alone: bool
) -> FileReport:
    def work() -> FileReport:
        return watcher.restore(session, job, stdout) if watcher else session.restore(job, stdout)

    if alone:
        return work()
    try:
        return work()
    except ScancleanError as error:  # one bad file among many does not end the others
        _console.error(str(error), error.hint)
        return session.failed(job, error)


def _tell(report: FileReport, *, verbose: bool) -> None:
    for warning in report.warnings:
        _console.say(f"{report.input}: {warning}")
    if report.exit_code not in (ExitCode.DONE, ExitCode.PARTIAL):
        return
    for page in report.pages:
        for warning in page.warnings:
            _console.say(f"{report.input}: page {page.page}: {warning}")
        if page.action == "copied":
            _console.say(f"{report.input}: page {page.page} copied unchanged: {page.reason}")
        elif verbose:
            _console.say(f"{report.input}: page {page.page} {page.action} {page.reason}".rstrip())
    counts = {action: sum(p.action == action for p in report.pages) for action in _ORDER}
    said = ", ".join(f"{n} {action}" for action, n in counts.items() if n)
    where = f"{report.weights} on {report.device}" if report.device else report.weights
    _console.say(f"{report.output}: {said} in {report.seconds:.1f} s ({where})")


_ORDER = ("restored", "unchanged", "kept", "skipped", "copied")
