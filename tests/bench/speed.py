"""Seconds for an A4 page of text at 300 dpi in colour, stage by stage.

python tests/bench/speed.py [WEIGHTS] [PAGES]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from _pages import text_page

from scanclean import backends
from scanclean.fidelity import guard
from scanclean.paper import evened
from scanclean.restorer import Restorer
from scanclean.weights import resolve

T = TypeVar("T")
Timings = dict[str, list[tuple[float, float]]]


def timed(name: str, timings: Timings, work: Callable[[], T]) -> T:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    took = time.perf_counter() - wall, time.process_time() - cpu
    timings.setdefault(name, []).append(took)
    return result


def main(weights: str = "scanclean", pages: str = "3") -> None:
    backend = backends.open_backend(resolve(weights, kinds=backends.kinds("auto")).path)
    whole, bare = Restorer(backend), Restorer(backend, use_guard=False)
    page = text_page()
    whole(page[:512, :512])  # warm
    timings: Timings = {}
    for _ in range(int(pages)):
        timed("page, everything", timings, lambda: whole(page))
        timed("  paper made even", timings, lambda: evened(page))
        cleaned = timed("  paper and network", timings, lambda: bare(page))
        timed("  guard", timings, lambda: guard(page, cleaned))  # noqa: B023  # called at once
    print(f"{page.shape[1]} x {page.shape[0]} pixels, {os.cpu_count()} cores, {backend.device}")
    for name, took in timings.items():
        wall, cpu = (statistics.median(values) for values in zip(*took, strict=True))
        print(f"{name:<20} {wall:6.2f} s wall  {cpu:6.2f} s CPU")


if __name__ == "__main__":
    main(*sys.argv[1:])
