"""Restoring documents: the story of the program.

    document -> page -> tiles -> network -> blend -> guard -> encode -> writer

`Restorer` does pixels to pixels; here whole documents go through it, and what happened is reported.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from scanclean import documents, jobs
from scanclean.atomic import replacing
from scanclean.config import Mode, RestoreOptions, StoreOptions
from scanclean.documents import Document, Source, Writer
from scanclean.engine import Engine, open_engine
from scanclean.errors import DeviceError, ExitCode, ScancleanError, Stuck
from scanclean.jobs import Job, Plan
from scanclean.page import Kept, Page, Pixels, differ
from scanclean.paper import paper_kept
from scanclean.parallel import in_order
from scanclean.progress import SILENT, Limited, Progress, Stopped
from scanclean.records import FileReport, PageReport, moved
from scanclean.restorer import Cleaned, Cleaner
from scanclean.tones import in_mode
from scanclean.unfinished import Memory, Outcome


@dataclass(frozen=True)
class Treatment:
    """What is done to every page."""

    clean: Cleaner
    """Restores the pixels."""
    keep_paper: bool = False
    """Whether the paper becomes even in its own colour instead of white."""
    strength: float = 1.0
    """0 gives the scan back, 1 the full restoration."""
    mode: Mode = "auto"
    """Colour of the result."""
    jobs: int = 1
    """Pages in flight."""
    patience: float | None = None
    """Seconds to wait for a page before it is held to be stuck; None: for ever."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when nothing comes of the document any more: pages in flight end between two tiles."""


def restore_document(
    document: Document,
    writer: Writer,
    treatment: Treatment,
    progress: Progress = SILENT,
    memory: Memory | None = None,
) -> list[PageReport]:
    """Clean every scan of a document into a writer.

    Pages are decoded and put in place one after the other in the calling thread, and cleaned and
    encoded in threads; at most `jobs + 1` pages of pixels are in memory.

    Args:
        document: the opened input.
        writer: the output.
        treatment: what is done to every page.
        progress: told of pages.
        memory: knows pages that an earlier run has finished, and learns of those of this one.

    Returns:
        A report for each page or scan, in order.

    Raises:
        ScancleanError: the document or the output fails as a whole. A page that fails is let
            through as it came, with the action "copied".
        Stuck: a page has not come to an end long after its time was up.
    """
    progress.start(len(document), "page")
    reports: list[PageReport] = []

    def work(item: tuple[int, Page | Kept]) -> Outcome:
        position, page = item
        if isinstance(page, Kept):
            return Outcome(page)
        if memory is None:
            return _treat(page, writer, treatment)
        key = memory.key(position, page)
        known = memory.recall(key)
        if known is None:
            memory.keep(key, known := _treat(page, writer, treatment))
        return known

    pool = ThreadPoolExecutor(treatment.jobs, thread_name_prefix="page")
    ahead, patience = treatment.jobs + 1, treatment.patience
    try:
        for _, outcome in in_order(pool, work, enumerate(document), ahead, patience):
            reports.append(_place(_settled(outcome, reports), writer))
            progress.advance()
    except BaseException as error:
        treatment.stopped.set()
        stuck = isinstance(error, TimeoutError)
        pool.shutdown(wait=not stuck, cancel_futures=True)
        if not stuck:
            raise
        raise Stuck(
            f"{document.name}: page {reports[-1].page + 1 if reports else 1} does not come to an "
            "end, and cannot be stopped",
            hint="leave that page out with --pages, or give it longer with --page-timeout",
        ) from error
    pool.shutdown()
    return reports


def _treat(page: Page, writer: Writer, treatment: Treatment) -> Outcome:
    begin = time.perf_counter()
    try:
        cleaned = treatment.clean(page.pixels)
        if treatment.stopped.is_set():
            raise Stopped
        pixels = cleaned.pixels
        if treatment.keep_paper and not page.bitonal:
            pixels = paper_kept(page.pixels, pixels)
        pixels = _blend(page.pixels, pixels, treatment.strength)
        result = in_mode(replace(page, pixels=pixels), treatment.mode)
        if _is_same(page, result):
            why = "already clean" if treatment.strength else "asked for with strength 0"
            same = Kept(page.index, "unchanged", why)
            return Outcome(same, None, cleaned.ink, cleaned.warnings)
        encoded = writer.encode(result)
    except (DeviceError, MemoryError) as error:
        reason = str(error) or "not enough memory"
        return Outcome(Kept(page.index, "copied", reason), seconds=time.perf_counter() - begin)
    seconds = time.perf_counter() - begin
    return Outcome(None, encoded, cleaned.ink, cleaned.warnings, seconds)


def _settled(outcome: Outcome, reports: Sequence[PageReport]) -> Outcome:
    """The outcome of a page that shows the picture of an earlier one: what became of that."""
    kept = outcome.kept
    if kept is None or kept.same_as is None:
        return outcome
    actions = {report.action for report in reports if report.page == kept.same_as + 1}
    if len(actions) != 1:  # that page shows several scans
        return outcome
    return replace(outcome, kept=replace(kept, action=actions.pop()))


def _place(outcome: Outcome, writer: Writer) -> PageReport:
    ink, said = outcome.ink, outcome.warnings
    if outcome.encoded is None:
        assert outcome.kept is not None
        writer.keep(outcome.kept)
        kept = outcome.kept
        return PageReport(
            kept.index + 1, kept.action, kept.reason, outcome.seconds, ink, warnings=said
        )
    writer.add(outcome.encoded)
    encoded = outcome.encoded
    return PageReport(
        encoded.page + 1,
        "restored",
        seconds=outcome.seconds,
        ink=ink,
        bytes_before=encoded.bytes_before,
        bytes_after=encoded.bytes_after,
        warnings=said + encoded.warnings,
    )


UNSEEN = 3
"""A change of at most this many grey levels cannot be seen on a page."""
UNSEEN_SHARE = 1e-5
"""A page of which fewer pixels than this share change visibly is left alone."""


def _is_same(page: Page, result: Page) -> bool:
    """Whether nobody could see a difference: such a page keeps its bytes, no generation lost."""
    if page.pixels.shape != result.pixels.shape or page.bitonal != result.bitonal:
        return False
    return not differ(page.pixels, result.pixels, UNSEEN, UNSEEN_SHARE)


def _blend(scan: Pixels, cleaned: Pixels, strength: float) -> Pixels:
    if strength >= 1:
        return cleaned
    mixed = scan + np.float32(strength) * (cleaned.astype(np.float32) - scan)
    return np.rint(mixed).astype(np.uint8)


PATIENCE = 3.0
"""A page that has not ended after so many times its limit does not look at the clock any more."""
GRACE_S = 60.0
"""Seconds more for what looks at no clock: the last tile, the guard, the codec."""


class Session:
    """Restores documents one after the other with one loaded network.

    Args:
        options: all settings.
        progress: told of pages and tiles.
    """

    def __init__(self, options: RestoreOptions, progress: Progress = SILENT) -> None:
        self.notices: list[str] = []
        self._options = options
        self._progress = progress
        self._engine: Engine | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        # A thread that is stuck in the engine would never let go of it.
        if self._engine and not (kind and issubclass(kind, Stuck)):
            self._engine.close()

    def restore(
        self,
        job: Job,
        stdout: BinaryIO | None = None,
        memory: Memory | None = None,
        source: Source | None = None,
    ) -> FileReport:
        """Restore one document.

        Args:
            job: what to read and write.
            stdout: where a job without target writes to.
            memory: knows pages that an earlier run has finished.
            source: the document, if it was read already.

        Raises:
            ScancleanError: input, output, weights or device fail; no output is left then.
        """
        begin = time.perf_counter()
        source = source or job.source or sys.stdin.buffer.read()
        store = replace(self._options.store, force=self._options.store.force or job.in_place)
        with (
            documents.open_document(source, job.name, self._options.read) as document,
            documents.steady(source, job.name) as check,
            writer_of(job, document, stdout, store) as writer,
        ):
            pages = restore_document(
                document, writer, self._treatment(job.suffix), self._progress, memory
            )
            check()
        return self._report(job, pages, document.warnings, time.perf_counter() - begin)

    def join(self, plan: Plan, memory_of: Callable[[Job], Memory] | None = None) -> FileReport:
        """Restore several documents into one PDF, page after page.

        Args:
            plan: what to read and write.
            memory_of: for each input, what knows its pages that an earlier run has finished. The
                parts then lie beside the output, from where that run's parts are removed.

        Raises:
            ScancleanError: any of them fails; no output is left then.
        """
        from scanclean.documents.pdf import join, refuse_locked

        assert plan.joined is not None
        refuse_locked({job.name: job.source for job in plan.jobs if job.source})  # before any work
        begin = time.perf_counter()
        reports = []
        with (
            replacing(plan.joined, force=self._options.store.force) as target,
            tempfile.TemporaryDirectory(
                prefix="scanclean-", dir=plan.joined.parent if memory_of else None
            ) as folder,
        ):
            parts = [Path(folder, f"{n}.pdf") for n in range(len(plan.jobs))]
            for job, part in zip(plan.jobs, parts, strict=True):
                memory = memory_of(job) if memory_of else None
                reports.append(self.restore(replace(job, target=part), memory=memory))
            join(parts, target)
        return self._joined(plan, reports, time.perf_counter() - begin)

    def failed(self, job: Job, error: ScancleanError) -> FileReport:
        """The report of a document that could not be restored."""
        return FileReport(
            job.name, str(job.target or "stdout"), (), (str(error),), exit_code=error.exit_code
        )

    def engine(self) -> Engine:
        """What restores the pixels, opened on first use."""
        if self._engine is None:
            self._engine = open_engine(self._options)
            self.notices += self._engine.notices
        return self._engine

    def _treatment(self, suffix: str) -> Treatment:
        options, engine = self._options, self.engine()
        keep_paper = options.keep_paper and suffix.lower() != ".pbm"  # that holds no colour
        limit, stopped = options.page_timeout, threading.Event()

        def clean(pixels: Pixels) -> Cleaned:
            return engine.clean(pixels, progress=Limited(self._progress, limit, stopped))

        jobs = options.jobs or os.cpu_count() or 1
        patience = PATIENCE * limit + GRACE_S if limit else None
        return Treatment(clean, keep_paper, options.strength, options.mode, jobs, patience, stopped)

    def _report(
        self, job: Job, pages: list[PageReport], warnings: list[str], seconds: float
    ) -> FileReport:
        assert self._engine is not None
        code = ExitCode.PARTIAL if any(p.action == "copied" for p in pages) else ExitCode.DONE
        about: dict[str, Any] = self._engine.about
        output, said = str(job.target or "stdout"), tuple(dict.fromkeys(warnings))
        return FileReport(job.name, output, tuple(pages), said, seconds, int(code), **about)

    def _joined(self, plan: Plan, reports: list[FileReport], seconds: float) -> FileReport:
        pages: list[PageReport] = []
        before = 0  # pages of earlier parts; a page may have several reports
        for report in reports:
            pages += (moved(page, before, report.input) for page in report.pages)
            before = pages[-1].page if pages else 0
        first = reports[0]
        return replace(
            first,
            input=", ".join(report.input for report in reports),
            output=str(plan.joined),
            pages=tuple(pages),
            warnings=tuple(f"{r.input}: {w}" for r in reports for w in r.warnings),
            seconds=seconds,
            exit_code=max(report.exit_code for report in reports),
        )


def writer_of(job: Job, document: Document, stdout: BinaryIO | None, store: StoreOptions) -> Writer:
    """The writer for a job's output."""
    suffix = job.suffix or document.suffix
    if job.numbered:
        assert job.target is not None
        from scanclean.documents.image import create_numbered

        return create_numbered(job.target, document, suffix, store)
    target = job.target or stdout
    assert target is not None
    return documents.create(target, document, suffix, store)


def restore(
    src: str | Path,
    dst: str | Path,
    options: RestoreOptions | None = None,
    *,
    progress: Progress = SILENT,
    **settings: Any,
) -> list[FileReport]:
    """Restore a file or folder, as `scanclean restore SRC -o DST` does.

    Args:
        src: a document, or a folder of them.
        dst: a file of any kind that can be written, or a folder.
        options: all settings; None takes the defaults.
        progress: told of pages and tiles.
        settings: fields of `RestoreOptions` to change, for example `weights="classical"`.

    Raises:
        ScancleanError: see `scanclean.errors`; nothing half-written is left.
    """
    options = replace(options or RestoreOptions(), **settings)
    plan = jobs.plan([str(src)], str(dst), None, documents.suffixes())
    with Session(options, progress) as session:
        if options.resume:
            from scanclean.resume import Resuming  # it stands above this module

            with Resuming(session, options, plan) as resuming:
                return [resuming.join()] if plan.joined else [*map(resuming.restore, plan.jobs)]
        if plan.joined:
            return [session.join(plan)]
        return [session.restore(job) for job in plan.jobs]
