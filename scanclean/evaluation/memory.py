"""Peak memory of a piece of work."""

from __future__ import annotations

import ctypes
import gc
import re
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """Measure how much memory a `with` block needed above what the program held before.

    Only Linux can start such a measurement anew; elsewhere `mb` stays None.
    """

    def __init__(self) -> None:
        self.mb: float | None = None
        self._before: float | None = None

    def __enter__(self) -> Peak:
        try:
            gc.collect()
            _give_back()
            _RESET.write_text("5")  # the highest mark falls to what is in use now
            self._before = _field("VmRSS")
        except OSError:
            self._before = None
        return self

    def __exit__(self, *_: object) -> None:
        high = _field("VmHWM")
        if high is not None and self._before is not None:
            self.mb = max(0.0, high - self._before)


def _give_back() -> None:
    """Let glibc return what is free, or the next work would seem to need nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def _field(name: str) -> float | None:
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 / 1e6 if found else None
