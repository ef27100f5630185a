"""How long work tells how far it is: a protocol, and the silent default."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from scanclean.errors import DeviceError


class Progress(Protocol):
    """Receives the progress of one piece of work; `cli/` draws it, tests count it."""

    def start(self, total: int, unit: str) -> None:
        """Begin work of `total` steps, each one `unit` ("page", "tile", "byte", "step")."""

    def advance(self, n: int = 1) -> None:
        """Report `n` more steps as done. May be called from several threads."""


class Stopped(Exception):
    """Work ends before it is done, because nobody wants its result any more; no error."""


class Limited:
    """Progress that ends work which takes too long, or is no longer wanted.

    Args:
        progress: told of everything.
        limit_s: seconds from now; 0 is no limit.
        stopped: set by whoever no longer wants the work done.
    """

    def __init__(self, progress: Progress, limit_s: float, stopped: threading.Event) -> None:
        self._progress, self._limit, self._stopped = progress, limit_s, stopped
        self._begin = time.monotonic()

    def start(self, total: int, unit: str) -> None:
        """Pass it on.

        Raises:
            DeviceError, Stopped: as `look`.
        """
        self.look()
        self._progress.start(total, unit)

    def advance(self, n: int = 1) -> None:
        """Pass it on.

        Raises:
            DeviceError, Stopped: as `look`.
        """
        self._progress.advance(n)
        self.look()

    def look(self) -> None:
        """Go on, or not. May be called from any thread.

        Raises:
            DeviceError: the time is up.
            Stopped: the work is no longer wanted.
        """
        if self._stopped.is_set():
            raise Stopped
        if self._limit and time.monotonic() - self._begin > self._limit:
            raise DeviceError(
                f"took longer than {self._limit:g} seconds", hint="raise it with --page-timeout"
            )


def look(progress: Progress) -> None:
    """End the work here if its progress is `Limited` and it must not go on: between two steps.

    Raises:
        DeviceError, Stopped: as `Limited.look`.
    """
    if isinstance(progress, Limited):
        progress.look()


class Silent:
    """Progress that nobody watches."""

    def start(self, total: int, unit: str) -> None:
        """Do nothing."""

    def advance(self, n: int = 1) -> None:
        """Do nothing."""


SILENT: Progress = Silent()
