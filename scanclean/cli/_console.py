"""Words for people: all on stderr, plain when it is not a terminal."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scanclean.atomic import replacing
from scanclean.cli._products import require_report
from scanclean.errors import OutputError, UsageError
from scanclean.progress import SILENT, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


@dataclass(frozen=True)
class Words:
    """How much a command says."""

    quiet: bool = False
    """Nothing but errors."""
    verbose: bool = False
    """Each page."""


def say(text: str) -> None:
    """One line for the user."""
    _write(text)


def error(text: str, hint: str | None = None) -> None:
    """What went wrong, and what to type next."""
    _write(f"scanclean: {text}")
    if hint:
        _write(f"  -> {hint}")


def _write(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:  # nobody listens any more
        pass
    except UnicodeEncodeError:
        sys.stderr.write(text.encode("ascii", "backslashreplace").decode() + "\n")


def write_json(target: str, content: object, stdout: BinaryIO) -> None:
    """Write a report to a file, or for "-" to `stdout`.

    Figures that are not finite, such as the PSNR of a perfect page, are null: JSON has no word for
    them.

    Raises:
        OutputError: the file cannot be written, or is there and no report.
    """
    require_report(target)
    content = _finite(content)
    try:
        data = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:  # a file name that is no text
        data = json.dumps(content, indent=1, allow_nan=False).encode() + b"\n"
    if target == "-":
        stdout.write(data)
        return
    with replacing(Path(target), force=True) as temporary:
        temporary.write_bytes(data)


def _finite(content: object) -> object:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


class Bars:
    """Progress as bars of rich: one bar for each unit, however many pages are in flight."""

    def __init__(self, drawn: RichProgress) -> None:
        self._drawn = drawn
        self._tasks: dict[str, TaskID] = {}
        self._current = threading.local()
        self._lock = threading.Lock()

    def start(self, total: int, unit: str) -> None:
        """Add work: several starts of one unit share a bar."""
        with self._lock:
            if unit not in self._tasks:
                self._tasks[unit] = self._drawn.add_task(f"{unit}s", total=0)
            task = self._tasks[unit]
            known = next(t for t in self._drawn.tasks if t.id == task)
            self._drawn.update(task, total=(known.total or 0) + total)
        self._current.task = task

    def advance(self, n: int = 1) -> None:
        """Move the bar that this thread started."""
        self._drawn.update(self._current.task, advance=n)

    def describe(self, text: str) -> None:
        """Change the words in front of the bar that this thread started."""
        self._drawn.update(self._current.task, description=text)


def describe(progress: Progress, text: str) -> None:
    """Change the words in front of the current bar, if one is drawn."""
    if isinstance(progress, Bars):
        progress.describe(text)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Bars with the time left on a terminal; nothing elsewhere, so that logs stay plain."""
    if quiet or not sys.stderr.isatty():
        yield SILENT
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:>7}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as drawn:
        yield Bars(drawn)


@contextmanager
def data_stdout() -> Iterator[BinaryIO]:
    """The process's stdout for data alone.

    Meanwhile descriptor 1 leads to stderr, so that no library that prints can damage a document on
    its way through a pipe.

    Raises:
        OutputError: the reader has gone, or there is no room.
        UsageError: the system does not take a name, as one that is too long.
    """
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        os.dup2(2, 1)
        with os.fdopen(saved, "wb", closefd=False) as stream:
            yield stream
            stream.flush()
    except OSError as problem:
        what = (problem.strerror or str(problem)).lower()
        if problem.filename is not None:  # a name that no call could take: not about stdout
            raise UsageError(f"{problem.filename}: {what}", hint="check that name") from problem
        raise OutputError(f"stdout: cannot be written: {what}") from problem
    finally:
        os.dup2(saved, 1)
        os.close(saved)
