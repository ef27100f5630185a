"""The typer application, and the one handler of all errors."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from scanclean import plugins
from scanclean.cli import _console
from scanclean.errors import INSTALL_TORCH, ExitCode, ScancleanError, Stuck, UsageError

EXTRAS = frozenset({"torch", "safetensors", "onnx", "onnxscript", "matplotlib"})
"""Modules of the extra "torch", without which the default installation is."""
REPORT_BUGS = "this is a bug in scanclean; please report it with the lines above"


def build() -> typer.Typer:
    """The application, with every command of this package."""
    app = typer.Typer(
        name="scanclean",
        help="Clean up scanned documents: paper white, letters crisp, nothing lost.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    for name in plugins.names("cli"):
        plugins.load("cli", name).register(app)
    return app


def _root(
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    """Clean up scanned documents: paper white, letters crisp, nothing lost."""


def run(words: list[str]) -> int:
    """Run a command and turn what comes out of it into an exit code."""
    with _stoppable():
        try:
            _refuse_empty(words)
            result = build()(words, prog_name="scanclean", standalone_mode=False)
        except ScancleanError as error:
            if _is_no_memory(error.__cause__):  # not that the output cannot be written
                return _no_memory()
            _console.error(str(error), error.hint)
            if isinstance(error, Stuck):  # Python itself would wait for the thread
                os._exit(error.exit_code)
            return int(error.exit_code)
        except MemoryError:
            return _no_memory()
        except KeyboardInterrupt:
            result = ExitCode.INTERRUPTED
        except (SystemExit, typer.Exit, typer.Abort) as end:
            return _code_of(end)
        except Exception as error:  # the last resort: click's usage errors, then bugs
            return _usage_or_bug(error)
    if result == ExitCode.INTERRUPTED:  # typer makes this of ^C, without a word
        goes_on = "--resume" in words and words[0] == "restore"
        hint = "the same command goes on with the pages that are missing" if goes_on else None
        _console.error("interrupted; nothing half-written is left behind", hint)
    return result if isinstance(result, int) else ExitCode.DONE


def _refuse_empty(words: list[str]) -> None:
    """An empty name would mean the current folder; it comes from a variable that is not set.

    Raises:
        UsageError: there is one.
    """
    for before, word in zip(["", *words], words, strict=False):
        if not word and before != "--password":
            where = f" behind {before}" if before else ""
            raise UsageError(f"an argument{where} is empty", hint="a variable may not be set")


def _code_of(end: SystemExit | typer.Exit | typer.Abort) -> int:
    if isinstance(end, typer.Exit):
        return end.exit_code
    if isinstance(end, typer.Abort):
        return ExitCode.INTERRUPTED
    return end.code if isinstance(end.code, int) else ExitCode.BUG


def _no_memory() -> int:
    _console.error("not enough memory", "close other programs, or type --jobs 1")
    return ExitCode.DEVICE


def _usage_or_bug(error: Exception) -> int:
    show = getattr(error, "show", None)  # click's own: wrong options and values
    if callable(show) and hasattr(error, "exit_code"):
        show(file=sys.stderr)
        return int(error.exit_code)
    if _is_no_memory(error):
        return _no_memory()
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS:
        _console.error(f"needs {error.name}, which is not installed", INSTALL_TORCH)
        return ExitCode.DEVICE
    traceback.print_exception(error)
    _console.error(REPORT_BUGS)
    return ExitCode.BUG


def _is_no_memory(error: BaseException | None) -> bool:
    """Whether a refusal of memory goes by another name.

    A library in C that gives up and forgets to say so makes CPython tell of a "NULL without setting
    an exception", or an "error return without exception set"; a folder of modules cannot be listed
    (ENOMEM); a shared library cannot be mapped.
    """
    if isinstance(error, SystemError):
        return "without" in str(error)
    if isinstance(error, ImportError):
        return "failed to map segment" in str(error) or "allocate memory" in str(error)
    return isinstance(error, OSError) and error.errno == errno.ENOMEM


@contextmanager
def _stoppable() -> Iterator[None]:
    """A polite kill (SIGTERM, a closed terminal) cleans up as ^C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [n for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    try:
        before = {n: signal.signal(getattr(signal, n), stop) for n in names}
    except ValueError:  # not in the main thread: the host program decides
        before = {}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
