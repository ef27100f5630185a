"""The work behind `scanclean restore`: run the jobs, tell what happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from scanclean import documents, jobs
from scanclean.atomic import left_behind
from scanclean.cli import _console
from scanclean.cli._console import Words
from scanclean.cli._products import require_apart, require_browser_page, require_report
from scanclean.cli._watch import Watcher
from scanclean.config import RestoreOptions
from scanclean.errors import ExitCode, InputError, LockedError, RefusedError, ScancleanError
from scanclean.jobs import Job, Plan
from scanclean.page import Action
from scanclean.records import FileReport, as_json
from scanclean.restoration import Session
from scanclean.resume import Resuming, no_place
from scanclean.unfinished import place_of

ONE_INPUT = (InputError, LockedError, RefusedError)
"""What is wrong with one of several inputs."""
NAMED = 5
"""Files that are named in a notice; the rest is counted."""


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

    Raises:
        ScancleanError: the only document failed; the report is written all the same.
    """
    join: Callable[[], FileReport]
    restore: Callable[[Job], FileReport]
    with ExitStack() as stack:
        plan = _planned(inputs, output, kind, stack, resume=options.resume)
        _require_apart(plan, json_file, compare)
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
        reports, failure = _carried_out(plan, session, join, restore)
        if failure and not json_file:
            raise failure
        notes = watcher.compare(progress) if watcher and not failure else ()
        if output == jobs.PIPE:
            reports = _poured(plan, reports, stdout)
    if not words.quiet:
        said = *_no_pdf(plan, options.store.codec), *_left_out(plan), *_leftovers(plan)
        for line in (*session.notices, *notes, *said, *_told(plan, reports, words)):
            _console.say(line)
    if json_file:
        _console.write_json(json_file, as_json(reports), stdout)
    if failure:
        raise failure
    return _exit_code(reports)


def _planned(
    inputs: Sequence[str], output: str, kind: str | None, stack: ExitStack, *, resume: bool
) -> Plan:
    """What to do; several documents that are to be one PDF on stdout are joined in a file first."""
    several = len(inputs) > 1 or Path(inputs[0]).is_dir()
    if several and output == jobs.PIPE and kind and kind.lower().lstrip(".") == "pdf":
        if resume:
            raise no_place()
        folder = stack.enter_context(TemporaryDirectory(prefix="scanclean-"))
        output = str(Path(folder, "stdout.pdf"))
    return jobs.plan(inputs, output, kind, documents.suffixes())


def _require_apart(plan: Plan, json_file: str | None, compare: Path | None) -> None:
    """Look before any work whether the report or the page for the browser would overwrite a thing.

    Raises:
        UsageError: it is an input or the output as well.
        OutputError: the report is a file that is none.
    """
    require_report(json_file)
    written = [("-o", path) for path in _targets(plan)]
    written += [("--compare", compare)] if compare else []
    written += [("--json", Path(json_file))] if json_file and json_file != jobs.PIPE else []
    if compare or json_file:
        require_apart([job.source for job in plan.jobs if job.source], written, in_place=True)
    require_browser_page("--compare", compare)


def _targets(plan: Plan) -> list[Path]:
    if plan.joined:
        return [plan.joined]
    return [job.target for job in plan.jobs if job.target and not job.numbered]


def _as_job(plan: Plan) -> Job:
    """The one job of a plan, or one that stands for all that were to be joined."""
    if not plan.joined:
        return plan.jobs[0]
    return Job(None, plan.joined, called=", ".join(job.name for job in plan.jobs))


def _carried_out(
    plan: Plan,
    session: Session,
    join: Callable[[], FileReport],
    restore: Callable[[Job], FileReport],
) -> tuple[list[FileReport], ScancleanError | None]:
    """A report for each document; and what ended the command, if nothing came of it."""
    if not plan.joined and len(plan.jobs) > 1:
        return [_one(restore, session, job) for job in plan.jobs], None
    try:
        return [join() if plan.joined else restore(plan.jobs[0])], None
    except ScancleanError as error:
        if plan.joined and len(plan.jobs) > 1 and isinstance(error, ONE_INPUT):
            aside = "leave it out, or give a folder with -o, where the others come out"
            error.hint = f"{aside}; {error.hint}" if error.hint else aside
        return [session.failed(_as_job(plan), error)], error


def _poured(plan: Plan, reports: list[FileReport], stdout: BinaryIO) -> list[FileReport]:
    """What was joined in a file goes to stdout, which is where the report says it is."""
    if plan.joined and plan.joined.exists():
        with plan.joined.open("rb") as file:
            shutil.copyfileobj(file, stdout)
    return [replace(report, output="stdout") for report in reports]


def _exit_code(reports: Sequence[FileReport]) -> int:
    """A document that is missing weighs more than a page that was copied."""
    codes = [report.exit_code for report in reports if report.exit_code]
    return next((code for code in codes if code != ExitCode.PARTIAL), max(codes, default=0))


def _one(restore: Callable[[Job], FileReport], session: Session, job: Job) -> FileReport:
    try:
        return restore(job)
    except ScancleanError as error:  # one bad file among many does not end the others
        _console.error(str(error), error.hint)
        return session.failed(job, error)


def _no_pdf(plan: Plan, codec: str) -> list[str]:
    """That `--codec` does nothing, where no output is a PDF for sure."""
    kinds = {job.suffix or (job.target or job.source or Path()).suffix for job in plan.jobs}
    pictures = set(documents.suffixes()) - {".pdf"}
    if codec == "auto" or plan.joined or not {kind.lower() for kind in kinds} <= pictures:
        return []
    instead = "; --mode bitonal makes pictures black and white" if codec == "g4" else ""
    return [f"--codec {codec} did nothing: it is for pictures inside a PDF{instead}"]


def _left_out(plan: Plan) -> list[str]:
    """Which files of folders were not read: a page may be among them."""
    names = [str(path) for path in plan.left_out]
    if not names:
        return []
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [
        f"left out, as their names are not those of documents: {', '.join(names[:NAMED])}{more}; "
        "those that are, give by name"
    ]


def _missing(reports: Sequence[FileReport]) -> list[str]:
    """How many of several documents did not come out: why was said far above."""
    names = [r.input for r in reports if r.exit_code not in (ExitCode.DONE, ExitCode.PARTIAL)]
    if not names or len(reports) == 1:
        return []
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"{len(names)} of {len(reports)} documents failed: {', '.join(names[:NAMED])}{more}"]


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


def _told(plan: Plan, reports: Sequence[FileReport], words: Words) -> Iterator[str]:
    """How it went, document by document, and at last how many did not come out."""
    for report in reports:
        yield from _of_one(report, verbose=words.verbose, joined=plan.joined is not None)
    yield from _missing(reports)


def _of_one(report: FileReport, *, verbose: bool, joined: bool) -> Iterator[str]:
    if report.exit_code not in (ExitCode.DONE, ExitCode.PARTIAL):  # that was said already
        return
    name = report.output if joined else report.input
    for warning in report.warnings:  # of what was joined each warning names its own input
        yield warning if joined else f"{name}: {warning}"
    for page in report.pages:
        for warning in page.warnings:
            yield f"{name}: page {page.page}: {warning}"
        if page.action == "copied":
            yield f"{name}: page {page.page} copied unchanged: {page.reason}"
        elif verbose:
            why = f": {page.reason}" if page.reason else ""
            yield f"{name}: page {page.page} {page.action}{why}"
    said = ", ".join(filter(None, (_counted(report, action) for action in _ORDER)))
    where = f"{report.weights} on {report.device}" if report.device else report.weights
    yield f"{report.output}: {said} in {report.seconds:.1f} s ({where})"


def _counted(report: FileReport, action: Action) -> str:
    """How many pages that happened to, and why if there is one reason; nothing for none."""
    reasons = {page.reason for page in report.pages if page.action == action} - {""}
    count = sum(page.action == action for page in report.pages)
    why = f" ({reasons.pop()})" if len(reasons) == 1 and action not in _SAID else ""
    return f"{count} {action}{why}" if count else ""


_ORDER: tuple[Action, ...] = ("restored", "unchanged", "kept", "skipped", "copied")
_SAID = ("restored", "copied")
"""What goes without saying, or was said for each page."""
