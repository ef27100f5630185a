"""Work in threads, results in order, with a bound on what is in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    pool: Executor,
    work: Callable[[T], R],
    items: Iterable[T],
    ahead: int,
    patience: float | None = None,
) -> Iterator[tuple[T, R]]:
    """Apply `work` to every item in `pool`, yielding (item, result) in the order of the items.

    Items are taken lazily: at most `ahead` are in flight or waiting, so memory stays bounded
    however many there are. The first exception of `work` is raised here, and what has not begun is
    dropped.

    Raises:
        TimeoutError: a result took longer than `patience` seconds from when it was waited for.
    """
    flying: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            flying.append((item, _submitted(pool, work, item)))
            if len(flying) >= ahead:
                first, future = flying.popleft()
                yield first, future.result(patience)
        while flying:
            first, future = flying.popleft()
            yield first, future.result(patience)
    finally:
        for _, future in flying:
            future.cancel()


def _submitted(pool: Executor, work: Callable[[T], R], item: T) -> Future[R]:
    try:
        return pool.submit(work, item)
    except RuntimeError as error:
        if "new thread" in str(error):  # what Python says when there is no memory for its stack
            raise MemoryError(str(error)) from error
        raise
