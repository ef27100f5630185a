"""Jobs whose input and output are looked at afterwards, pipes and files in place included."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from scanclean.atomic import output_error
from scanclean.config import RestoreOptions
from scanclean.documents import HEAD, pdf
from scanclean.documents.image import numbered_files
from scanclean.errors import OutputError
from scanclean.jobs import Job, Plan
from scanclean.progress import Progress
from scanclean.records import FileReport
from scanclean.report import compare
from scanclean.report.compare import Pair


class Watcher:
    """Runs jobs and looks at what they made.

    Args:
        options: all settings of the run.
        target: the HTML file that shows pages before and after, if it is wanted.
        stack: closed when all is done; the copies that were needed go then.

    Raises:
        OutputError: the HTML file exists and must not be overwritten.
    """

    def __init__(self, options: RestoreOptions, target: Path | None, stack: ExitStack) -> None:
        if target is not None and target.exists() and not options.store.force:
            raise OutputError(f"{target}: exists already", hint="add --force to overwrite it")
        self._options, self._target = options, target
        scratch = tempfile.TemporaryDirectory(prefix="scanclean-", ignore_cleanup_errors=True)
        self._folder = Path(stack.enter_context(scratch))
        self._pairs: list[Pair] = []

    def restore(self, work: Callable[[Job], FileReport], job: Job, stdout: BinaryIO) -> FileReport:
        """Restore one document by `work`; its report says how its structure came out.

        Raises:
            ScancleanError: as `work`.
        """
        with watched(job, stdout, self._folder) as seen:
            report = work(seen.job)
            report = replace(report, output=str(job.target or "stdout"))
            report = structure(seen, report, self._options)
            if self._target:
                self._pairs.append(_pair([seen.before], _files(seen, report), report))
        return report

    def join(self, work: Callable[[], FileReport], plan: Plan) -> FileReport:
        """Restore several documents into one PDF by `work`.

        Raises:
            ScancleanError: as `work`.
        """
        assert plan.joined is not None
        before = [_kept(replace(j, target=plan.joined), self._own()) for j in plan.jobs]
        report = work()
        if self._target:
            self._pairs.append(_pair(before, [plan.joined], report))
        return report

    def compare(self, progress: Progress) -> tuple[str, ...]:
        """Write the HTML file, if it is wanted; gives what a user should know about it."""
        if self._target is None or not self._pairs:
            return ()
        read, force = self._options.read, self._options.store.force
        said = compare.write(self._pairs, self._target, read, force=force, progress=progress)
        return tuple(f"{self._target}: {words}" for words in said)

    def _own(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))


@dataclass(frozen=True)
class Watched:
    """A job, and where what it reads and writes can be seen once it is done."""

    job: Job
    """To be run in place of the job that was asked for."""
    before: Path
    """What it reads, as it was."""
    after: Path
    """What it writes; with `job.numbered`, where its files are."""


@contextmanager
def watched(job: Job, stdout: BinaryIO, folder: Path) -> Iterator[Watched]:
    """Make a job's input and output files that stay: copies in `folder` where they would not.

    On clean exit, what was to go to stdout goes there.

    Raises:
        OutputError: there is no room for the copies, or stdout cannot be written.
    """
    own = Path(tempfile.mkdtemp(dir=folder))
    try:
        source = before = _kept(job, own)
        target = job.target or own / "out"
    except OSError as error:
        raise output_error(own, error) from error
    if job.source is not None:
        source = job.source
    yield Watched(replace(job, source=source, target=target, called=job.name), before, target)
    if job.target is None:
        with target.open("rb") as file:
            shutil.copyfileobj(file, stdout)


def _kept(job: Job, folder: Path) -> Path:
    """Where the input is and stays."""
    if job.source is not None and not job.in_place:
        return job.source
    copy = folder / "in"
    if job.source is not None:
        shutil.copyfile(job.source, copy)
        return copy
    with copy.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return copy


def structure(seen: Watched, report: FileReport, options: RestoreOptions) -> FileReport:
    """The report with what of the structure came out differently, if a PDF became a PDF."""
    if seen.job.numbered or not (_is_pdf(seen.before) and _is_pdf(seen.after)):
        return report
    restored = {page.page for page in report.pages if page.action == "restored"}
    others = {page.page - 1 for page in report.pages} - {number - 1 for number in restored}
    found = pdf.differences(
        seen.before, seen.after, password=options.read.password, unchanged=others
    )
    warnings = (f"structure: {line}" for line in found)
    return replace(report, structure=found, warnings=(*report.warnings, *warnings))


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return pdf.recognises(file.read(HEAD))


def _files(seen: Watched, report: FileReport) -> list[Path]:
    """The files that a job has written."""
    if not seen.job.numbered:
        return [seen.after]
    pages = max((page.page for page in report.pages), default=0)
    return numbered_files(seen.after, seen.job.name, pages, seen.job.suffix)


def _pair(before: Sequence[Path], after: Sequence[Path], report: FileReport) -> Pair:
    notes = {page.page: f"{page.action} {page.reason}".strip() for page in report.pages}
    return Pair(report.input, before, after, notes, report.warnings)
