"""The command in processes that begin where this one is, with everything imported: quick."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """Exit code, or the negative number of the signal that ended it."""
    words: str
    """What it said on stderr."""
    seconds: float


class Forked:
    """`scanclean WORDS` in a process group of its own.

    Args:
        words: the command line, without the command.
        log: file for its stderr.
        prepare: called in the new process first, for example to set limits.
        cwd: its current folder.
    """

    def __init__(
        self,
        words: Sequence[object],
        log: Path,
        prepare: Callable[[], None] = lambda: None,
        cwd: Path | None = None,
    ) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._log, self._begin = log, time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            self._live(words, prepare, cwd)

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, limit_s: float = 600) -> Ended | None:
        """How it ended; None if it had to be killed because it took longer."""
        while time.monotonic() - self._begin < limit_s:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                said = self._log.read_text("utf-8", "replace")
                code = os.waitstatus_to_exitcode(status)
                return Ended(code, said, time.monotonic() - self._begin)
            time.sleep(0.005)
        self.kill()
        os.waitpid(self.pid, 0)
        return None

    def _live(self, words: Sequence[object], prepare: Callable[[], None], cwd: Path | None) -> None:
        code = 1
        try:
            os.setsid()
            quiet = os.open(os.devnull, os.O_RDWR)
            said = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for number, handle in enumerate((quiet, quiet, said)):
                os.dup2(handle, number)
            sys.stdin, sys.stdout, sys.stderr = (
                open(n, mode, encoding="utf-8", closefd=False)  # noqa: PTH123, SIM115
                for n, mode in enumerate(("r", "w", "w"))
            )
            os.chdir(cwd or Path.cwd())
            prepare()
            from scanclean.cli import main

            code = int(main([str(word) for word in words]))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)


def import_all() -> None:
    """Import here what every process needs; nothing that starts threads."""
    import pymupdf  # noqa: F401

    from scanclean import documents, plugins
    from scanclean.cli import _app, _restore  # noqa: F401

    documents.formats()
    for name in plugins.names("codecs"):
        plugins.load("codecs", name)
