"""How long work tells how far it is: a protocol, and the silent default."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one piece of work; `cli/` draws it, tests count it."""

    def start(self, total: int, unit: str) -> None:
        """Begin work of `total` steps, each one `unit` ("page", "tile", "byte", "step")."""

    def advance(self, n: int = 1) -> None:
        """Report `n` more steps as done. May be called from several threads."""


class Silent:
    """Progress that nobody watches."""

    def start(self, total: int, unit: str) -> None:
        """Do nothing."""

    def advance(self, n: int = 1) -> None:
        """Do nothing."""


SILENT: Progress = Silent()
