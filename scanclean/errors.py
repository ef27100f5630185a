"""The errors a user can meet, and the exit codes they end with.

    ScancleanError
    ├── UsageError            2   the command line asks for something that makes no sense
    ├── InputError            3   an input cannot be read
    ├── OutputError           4   the output cannot be written
    ├── WeightsError          5   weights: unknown, damaged, not there
    ├── DeviceError           6   device or engine: missing, or out of memory after every retry
    │   ├── BackendUnavailable    the engine is not installed
    │   └── Stuck                 a page does not come to an end, and its thread cannot be stopped
    ├── DataError             7   training or evaluation data
    ├── LockedError           8   password missing or wrong
    └── RefusedError         10   signed document or dynamic form

Every message says what is wrong and where; `hint` says what to type next.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line: stable interface."""

    DONE = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    OUTPUT = 4
    WEIGHTS = 5
    DEVICE = 6
    DATA = 7
    LOCKED = 8
    PARTIAL = 9
    REFUSED = 10
    INTERRUPTED = 130


class ScancleanError(Exception):
    """Base of all expected failures.

    Args:
        message: what is wrong and where, one line.
        hint: what the user can type or do next, one line.
    """

    exit_code = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ScancleanError):
    """The command line asks for something that makes no sense."""

    exit_code = ExitCode.USAGE


class InputError(ScancleanError):
    """An input cannot be read."""

    exit_code = ExitCode.INPUT


class OutputError(ScancleanError):
    """The output cannot be written."""

    exit_code = ExitCode.OUTPUT


class WeightsError(ScancleanError):
    """Weights are unknown, damaged, or not there."""

    exit_code = ExitCode.WEIGHTS


class DeviceError(ScancleanError):
    """A device or engine is missing, failed, or ran out of memory after every retry."""

    exit_code = ExitCode.DEVICE


INSTALL_TORCH = "type, in the clone: pip install '.[torch]'"
"""Hint where a module of the extra "torch" is missing."""


class BackendUnavailable(DeviceError):
    """The engine that was asked for is not installed."""


class Stuck(DeviceError):
    """A page does not come to an end, and its thread cannot be stopped: the process has to go."""


class DataError(ScancleanError):
    """Training or evaluation data cannot be used."""

    exit_code = ExitCode.DATA


class LockedError(ScancleanError):
    """A password is missing or wrong."""

    exit_code = ExitCode.LOCKED


class RefusedError(ScancleanError):
    """The document must not be changed: it is signed, or a dynamic form."""

    exit_code = ExitCode.REFUSED
