"""A command in a process of its own, and what it took: seconds, CPU-seconds, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

TOOL = (sys.executable, "-m", "scanclean")
MEGABYTE = 1024  # ru_maxrss counts in kilobytes

# On Linux the peak of a process (ru_maxrss) begins with what its parent held when it was made, as
# that is what it is made of until it runs its own program. A benchmark that has drawn pages and
# loaded a network would report its own size. So a bare Python stands between: its few megabytes are
# less than any command's own.
_BETWEEN = """
import json, os, signal, sys, time
limit, cores, *words = sys.argv[1:]
if cores != "0":
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(cores)])
begin = time.perf_counter()
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
pid = os.posix_spawnp(words[0], words, os.environ, file_actions=quiet)
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.alarm(int(limit))
_, status, used = os.wait4(pid, 0)
took = [time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss]
json.dump([os.waitstatus_to_exitcode(status), *took], sys.stdout)
"""


@dataclass(frozen=True)
class Run:
    """A process that has ended."""

    code: int
    """Exit code, or the negative number of the signal that ended it."""
    wall: float
    """Seconds of the clock."""
    cpu: float
    """Seconds of all threads together."""
    peak_mb: float
    """The most memory that it held itself."""
    said: str
    """What it wrote to stderr."""


def run(words: Sequence[object], *, cores: int | None = None, limit_s: int = 3600) -> Run:
    """Run a command to its end, or kill it when its time is up (code -9).

    Args:
        words: the command.
        cores: it gets so many; None: all.
        limit_s: seconds that it may take.
    """
    between = [sys.executable, "-I", "-S", "-c", _BETWEEN, str(limit_s), str(cores or 0)]
    done = subprocess.run(
        [*between, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    code, wall, cpu, peak = json.loads(done.stdout)
    return Run(code, wall, cpu, peak / MEGABYTE, done.stderr.decode("utf-8", "replace"))


def restore(source: object, target: object, *options: object, **limits: int) -> Run:
    """`scanclean restore SOURCE -o TARGET OPTIONS`."""
    return run([*TOOL, "restore", source, "-o", target, *options], **limits)


def load() -> str:
    """How many cores there are, and how busy, for the head of a table."""
    return f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"
