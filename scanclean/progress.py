"""How long work tells how far it is: a protocol, and the silent default."""

from __future__ import annotations

import time
from typing import Protocol

from scanclean.errors import DeviceError


class Progress(Protocol):
    """Receives the progress of one piece of work; `cli/` draws it, tests count it."""

    def start(self, total: int, unit: str) -> None:
        """Begin work of `total` steps, each one `unit` ("page", "tile", "byte", "step")."""

    def advance(self, n: int = 1) -> None:
        """Report `n` more steps as done. May be called from several threads."""


class Limited:
    """Progress that ends work which takes too long.

    Args:
        progress: told of everything.
        limit_s: seconds from now; 0 is no limit.
    """

    def __init__(self, progress: Progress, limit_s: float) -> None:
        self._progress, self._limit = progress, limit_s
        self._begin = time.monotonic()

    def start(self, total: int, unit: str) -> None:
        """Pass it on."""
        self._progress.start(total, unit)

    def advance(self, n: int = 1) -> None:
        """Pass it on.

        Raises:
            DeviceError: the time is up.
        """
        self._progress.advance(n)
        if self._limit and time.monotonic() - self._begin > self._limit:
            raise DeviceError(
                f"took longer than {self._limit:g} seconds", hint="raise it with --page-timeout"
            )


class Silent:
    """Progress that nobody watches."""

    def start(self, total: int, unit: str) -> None:
        """Do nothing."""

    def advance(self, n: int = 1) -> None:
        """Do nothing."""


SILENT: Progress = Silent()
