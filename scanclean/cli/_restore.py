"""The work behind `scanclean restore`: run the jobs, tell what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO

from scanclean import documents, jobs
from scanclean.atomic import left_behind
from scanclean.cli import _console
from scanclean.cli._console import Words
from scanclean.cli._watch import Watcher
from scanclean.config import RestoreOptions
from scanclean.errors import ExitCode, ScancleanError
from scanclean.jobs import Job, Plan
from scanclean.restoration import FileReport, Session, as_json
from scanclean.resume import Resuming
from scanclean.unfinished import place_of


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
    join: Callable[[], FileReport]
    restore: Callable[[Job], FileReport]
    with ExitStack() as stack:
        progress = stack.enter_context(_console.progress(quiet=words.quiet))
        session = stack.enter_context(Session(options, progress))
        if options.resume:
            resuming = stack.enter_context(Resuming(session, options, plan))
            join, restore = resuming.join, resuming.restore
        else:
            join, restore = partial(session.join, plan), partial(session.restore, stdout=stdout)
        watcher = Watcher(options, compare, stack) if compare or json_file else None
        if watcher:
            join = partial(watcher.join, join, plan)
            restore = partial(watcher.restore, restore, stdout=stdout)
        if plan.joined:
            reports = [join()]
        elif len(plan.jobs) == 1:
            reports = [restore(plan.jobs[0])]
        else:
            reports = [_one(restore, session, job) for job in plan.jobs]
        notes = watcher.compare(progress) if watcher else ()
    if not words.quiet:
        for notice in (*session.notices, *notes, *_leftovers(plan)):
            _console.say(notice)
        for report in reports:
            _tell(report, verbose=words.verbose)
    if json_file:
        _console.write_json(json_file, as_json(reports), stdout)
    return next((r.exit_code for r in reports if r.exit_code), ExitCode.DONE)


def _one(restore: Callable[[Job], FileReport], session: Session, job: Job) -> FileReport:
    try:
        return restore(job)
    except ScancleanError as error:  # one bad file among many does not end the others
        _console.error(str(error), error.hint)
        return session.failed(job, error)


def _leftovers(plan: Plan) -> list[str]:
    """What earlier runs that were killed have left beside the outputs: nobody else would see it."""
    places = {place_of(job) for job in plan.jobs if job.target is not None}
    if plan.joined is not None:
        places = {plan.joined.parent}
    return [
        f"{place}: holds unfinished files of a run that was killed, unless one is at work there "
        f"now; delete them: {' '.join(path.name for path in found)}"
        for place in sorted(places)
        if (found := left_behind(place))
    ]


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
