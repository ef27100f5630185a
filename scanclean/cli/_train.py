"""The work behind `scanclean train` and `scanclean study`: follow a run and tell how it goes."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from scanclean.cli import _console
from scanclean.cli._products import require_apart
from scanclean.config import TrainConfig
from scanclean.errors import UsageError
from scanclean.progress import Progress
from scanclean.training.distributed import joined
from scanclean.training.events import Evaluation, Event, Step
from scanclean.training.loop import check
from scanclean.training.material import clean_sources, has_pairs
from scanclean.training.rundir import PREPARED, SHOWN, WEIGHTS, forget, refuse_run
from scanclean.training.runs import train

STOPPING = "stopping after this step, then saving (^C again: at once, some steps may be lost)"


def run(config: TrainConfig, *, resume: bool, force: bool, quiet: bool) -> Path | None:
    """Train, and tell how it goes.

    Args:
        config: all settings.
        resume: go on with the run in its folder.
        force: begin anew where there is a run already.
        quiet: say nothing.

    Returns:
        The weights to use; None in processes that do not lead.

    Raises:
        OutputError: there is a run already.
        UsageError: it would be written over what it learns from.
    """
    with joined(config.device) as world:
        quiet = quiet or not world.leads
        begins = world.leads and not resume
        if begins:
            _require_apart(config)
        if begins and not force:
            refuse_run(Path(config.run))
        check(config)
        if not quiet:
            _say_what_is_taken(Path(config.data))
        if begins:
            forget(Path(config.run))
        with _console.progress(quiet=quiet) as progress:
            events = train(config, resume=resume, progress=progress)
            follow(events, config, progress, quiet=quiet)
        leads = world.leads
    best = Path(config.run) / "best.safetensors"
    if not leads:
        return None
    return best if best.exists() else best.with_name("last.safetensors")


def _require_apart(config: TrainConfig) -> None:
    run, data = Path(config.run), Path(config.data).resolve()
    if config.start_from:
        require_apart([Path(config.start_from)], [("-o", run / name) for name in WEIGHTS])
    if any(data.is_relative_to((run / name).resolve()) for name in (*PREPARED, *SHOWN)):
        raise UsageError(
            f"{config.data}: is part of the run in {run}, which would be written over",
            hint="name another folder with -o",
        )


def _say_what_is_taken(data: Path) -> None:
    if has_pairs(data):
        return
    count = len(clean_sources(data))
    files = "its file is" if count == 1 else f"its {count} files are"
    _console.say(f"no scan/ and clean/ in {data}: {files} taken as clean, and degraded")


def follow(
    events: Generator[Event],
    config: TrainConfig,
    progress: Progress,
    *,
    quiet: bool,
    name: str = "",
    again: str = "",
) -> None:
    """Go through a run to its end, showing rate, loss, score and the time left.

    Args:
        events: what happens.
        config: settings of the run.
        progress: shows the steps.
        quiet: say nothing.
        name: what the run is called, where there are several.
        again: what to type to go on when it was stopped; empty: `scanclean train --resume`.

    Raises:
        KeyboardInterrupt: the user wants to stop; the run was saved.
    """
    teller = _Teller(config, progress, quiet=quiet, name=name)
    with _gently(quiet=quiet) as stop:
        for event in events:
            teller.tell(event)
            if stop:
                events.close()
                if not quiet:
                    go_on = again or f"scanclean train --resume {config.run}"
                    _console.say(f"to go on, type: {go_on}")
                raise KeyboardInterrupt


class _Teller:
    """Draws the bar and says a line at each evaluation."""

    def __init__(self, config: TrainConfig, progress: Progress, *, quiet: bool, name: str) -> None:
        self._config = config
        self._progress = progress
        self._quiet = quiet
        self._name = f"{name}: " if name else ""
        self._began: tuple[int, float] | None = None
        self._last: Step | None = None
        self._score = ""

    def tell(self, event: Event) -> None:
        if isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Evaluation):
            self._score = f", RMSE {event.rmse:.4f}"
            better = ", best so far" if event.best else ""
            score = f"RMSE {event.rmse:.4f} ({event.psnr:.1f} dB){better}"
            if not self._quiet:
                steps = f"{self._name}step {event.step} of {self._config.steps}"
                _console.say(f"{steps}: {score}{self._words()}{self._left(event.step)}")

    def _step(self, event: Step) -> None:
        if self._began is None:
            self._began = event.step - 1, time.monotonic()
            self._progress.start(self._config.steps - event.step + 1, "step")
        self._last = event
        self._progress.advance()
        _console.describe(self._progress, f"{self._name}step{self._score}{self._words()}")

    def _words(self) -> str:
        return f", loss {self._last.loss:.3g}, rate {self._last.rate:.2g}" if self._last else ""

    def _left(self, step: int) -> str:
        if self._began is None or step >= self._config.steps:
            return ""
        first, since = self._began
        each = (time.monotonic() - since) / max(1, step - first)
        return f", {_duration((self._config.steps - step) * each)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


@contextmanager
def _gently(*, quiet: bool) -> Iterator[list[int]]:
    """A list that gets an entry when the user, or the system, asks the program to stop.

    A step that was begun is finished first, so that what is saved is whole. The second time there
    is no waiting.
    """
    asked: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        if not quiet:
            _console.say(STOPPING)

    signals = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
    try:
        before = {number: signal.signal(number, stop) for number in signals}
    except ValueError:  # not in the main thread: the host program decides
        before = {}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
