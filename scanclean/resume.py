"""Restoring with `--resume`: finished pages are kept, and those of an earlier run taken over.

The work is that of `restoration.Session`, with the output made in a hidden folder beside its place
(see `unfinished`) and given its name at the end.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from scanclean import documents
from scanclean.atomic import refuse_existing
from scanclean.config import RestoreOptions
from scanclean.documents import Source
from scanclean.errors import InputError, UsageError
from scanclean.fidelity import Ink
from scanclean.jobs import Job, Plan
from scanclean.packing import pack, unpack
from scanclean.records import FileReport, PageReport
from scanclean.restoration import Session, writer_of
from scanclean.unfinished import (
    Done,
    Memory,
    State,
    digest_of,
    finished,
    identity,
    is_there,
    place_of,
    staged,
)


def no_place() -> UsageError:
    """What to say of an output that nothing can lie beside."""
    return UsageError(
        "--resume keeps finished pages beside the output, and stdout has no such place",
        hint="give a file with -o",
    )


class Resuming:
    """Restores the documents of a plan, going on where an earlier run was cut off.

    Args:
        session: does the work.
        options: its settings.
        plan: all that is to be done.
    """

    def __init__(self, session: Session, options: RestoreOptions, plan: Plan) -> None:
        self._session, self._options, self._plan = session, options, plan
        self._identity = b""
        self._ledger: State | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if not self._plan.joined and any(job.target is None for job in self._plan.jobs):
            raise no_place()
        self._identity = identity(self._options, self._session.engine().about)
        if self._plan.folder is not None:  # finished documents, until all are
            self._ledger = self._stack.enter_context(State(self._plan.folder, "", self._identity))
        return self

    def __exit__(self, *exception: object) -> None:
        if self._ledger and len(self._ledger.journal) == len(self._plan.jobs):
            self._ledger.finish()
        self._stack.close()

    def restore(self, job: Job) -> FileReport:
        """Restore one document, or what is missing of it.

        Raises:
            ScancleanError: as `Session.restore`; finished pages stay for the next run.
        """
        assert job.target is not None
        source = job.source or sys.stdin.buffer.read()
        digest = _digest(source, job)
        with State(place_of(job), job.target.name, self._identity) as state:
            done = self._earlier(job, state, digest)
            if done is not None:
                report = _taken_over(done)
            else:
                report = self._made(job, source, digest, state)
                force = self._options.store.force or job.in_place
                done = state.deliver(digest, pack(report), force=force)
            if self._ledger is not None:
                self._ledger.journal.add(self._entry(job), pack(done))
            state.finish()
        return report

    def _earlier(self, job: Job, state: State, digest: str) -> Done | None:
        """What is known of a job's output, if an earlier run has finished it and it is there."""
        found = [finished(state.journal, "done")]
        if self._ledger is not None:
            found.append(finished(self._ledger.journal, self._entry(job)))
        there = (d for d in found if d and is_there(d, state.place, digest, in_place=job.in_place))
        return next(there, None)

    def join(self) -> FileReport:
        """Restore all documents into one PDF, or what is missing of it.

        Raises:
            ScancleanError: as `Session.join`; finished pages stay for the next run.
        """
        plan = self._plan
        assert plan.joined is not None
        digests = {job: _digest(job.source or b"", job) for job in plan.jobs}
        source = hashlib.sha256("".join(digests[job] for job in plan.jobs).encode()).hexdigest()
        with State(plan.joined.parent, plan.joined.name, self._identity) as state:
            done = finished(state.journal, "done")
            if done and is_there(done, state.place, source, in_place=False):
                state.finish()
                return _taken_over(done)
            if not (done and done.input == source):
                refuse_existing(plan.joined, force=self._options.store.force)
            memories = {job: self._memory(state, digests[job], job) for job in plan.jobs}
            work = replace(plan, joined=state.work / plan.joined.name)
            report = self._session.join(work, memories.__getitem__)
            report = _finish(report, str(plan.joined), state, *memories.values())
            state.deliver(source, pack(report), force=self._options.store.force)
            state.finish()
        return report

    def _made(self, job: Job, source: Source, digest: str, state: State) -> FileReport:
        """Make the files of a job in the state's folder."""
        done = finished(state.journal, "done")
        if not (done and done.input == digest):  # else some may have their names already
            self._refuse_existing(job, source)
        memory = self._memory(state, digest, job)
        work = staged(job, state.work)
        report = self._session.restore(work, memory=memory, source=source)
        return _finish(report, str(job.target), state, memory)

    def _refuse_existing(self, job: Job, source: Source) -> None:
        force = self._options.store.force or job.in_place
        if job.numbered:
            with documents.open_document(source, job.name, self._options.read) as document:
                store = replace(self._options.store, force=force)
                writer_of(job, document, None, store)  # looks whether any of its files is there
        elif job.target is not None:
            refuse_existing(job.target, force=force)

    def _memory(self, state: State, digest: str, job: Job) -> Memory:
        locked = self._options.read.password is not None
        return Memory(state.journal, f"{digest} {job.suffix} {job.numbered}", secret=locked)

    def _entry(self, job: Job) -> str:
        """A job's name in the ledger of its folder, which may have been moved meanwhile."""
        assert job.target is not None
        base = self._plan.folder
        return f"{job.target.relative_to(base) if base else job.target} {job.suffix}"


def _digest(source: Source, job: Job) -> str:
    try:
        return digest_of(source)
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise InputError(
            f"{job.name}: cannot be read: {what}", hint="check the path and its permissions"
        ) from error


def _taken_over(done: Done) -> FileReport:
    """The report of the run that had finished a document."""
    try:
        report = unpack(done.report, FileReport, (PageReport, Ink))
    except ValueError:
        report = FileReport("", "")
    return replace(report, warnings=(*report.warnings, "was finished by an earlier run"))


def _finish(report: FileReport, output: str, state: State, *memories: Memory) -> FileReport:
    """The report with the output's real name, and what was and could not be taken over."""
    words = []
    count = sum(len(memory.recalled) for memory in memories)
    if count:
        said = "1 page was" if count == 1 else f"{count} pages were"
        words.append(f"{said} taken over from an earlier run")
    problem = state.journal.failure
    if problem is not None:
        why = (problem.strerror or str(problem)).lower()
        words.append(f"finished pages could not be kept for --resume: {why}")
    return replace(report, output=output, warnings=(*report.warnings, *words))
