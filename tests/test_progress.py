import threading

import pytest

from scanclean.errors import DeviceError
from scanclean.progress import SILENT, Limited, Stopped, look
from scanclean.restorer import Restorer


class Counting:
    """Progress that counts what it is told."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def start(self, total: int, unit: str) -> None:
        self.total += total

    def advance(self, n: int = 1) -> None:
        self.done += n


def test_limited_passes_on_what_it_is_told():
    counting = Counting()
    progress = Limited(counting, 0, threading.Event())
    progress.start(5, "tile")
    progress.advance(2)
    progress.advance()
    look(progress)
    assert (counting.total, counting.done) == (5, 3)


@pytest.mark.parametrize(
    "step",
    [lambda p: p.start(5, "tile"), lambda p: p.advance(), look],
    ids=["start", "step", "look"],
)
def test_stopped_work_ends_at_every_step(step):
    stopped = threading.Event()
    progress = Limited(SILENT, 0, stopped)
    step(progress)
    stopped.set()
    with pytest.raises(Stopped):
        step(progress)


def test_time_that_is_up_names_the_limit():
    with pytest.raises(DeviceError, match="longer than 1e-09 seconds") as caught:
        Limited(SILENT, 1e-9, threading.Event()).look()
    assert "--page-timeout" in caught.value.hint


def test_progress_without_limits_never_ends_anything():
    look(SILENT)
    look(Counting())


def test_no_tile_begins_once_a_page_is_stopped(function_backend, noise):
    stopped, begun = threading.Event(), threading.Lock()

    def third_one_stops(tiles):
        with begun:
            if len(backend.calls) >= 3:
                stopped.set()
        return tiles

    backend = function_backend(third_one_stops, tile=64, overlap=8)
    progress = Limited(Counting(), 0, stopped)
    with pytest.raises(Stopped):
        Restorer(backend).clean(noise(700, 500), progress)
    assert len(backend.calls) <= 2 + backend.lanes, "the third, and what ran beside it"
