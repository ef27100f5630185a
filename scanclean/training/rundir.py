"""The folder of a training run.

config.json              all settings
environment.json         versions, processor, threads
log.jsonl, log.csv       every event, one a line
curves.png               loss, rate and validation error over the steps
samples/                 scan | restored | clean, cut from validation pages, of the best weights
best, last.safetensors   averaged weights, as `restore --weights` takes them
last.ckpt                everything that is needed to go on
tensorboard/             the same curves, where TensorBoard is installed
cache/, pages/           decoded pictures; clean pages that were rendered, some of them scanned
"""

from __future__ import annotations

import csv
import io
import json
import logging
import platform
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from scanclean.atomic import output_error, refuse_existing, replacing
from scanclean.config import TrainConfig
from scanclean.errors import DataError, OutputError
from scanclean.page import Pixels
from scanclean.training.events import Evaluation, Event, Saved, Step

logger = logging.getLogger(__name__)

CHECKPOINT = "last.ckpt"
"""Name of the resumable state."""
LOG = "log.jsonl"
"""Name of the log."""
WEIGHTS = ("best.safetensors", "last.safetensors")
"""Names of the weights that come out."""
PREPARED = ("pages", "cache")
"""Folders with what is made of the data before the first step."""
SHOWN = ("samples", "tensorboard")
"""Folders that show how a run went."""
COLUMNS = ("event", "step", "loss", "rate", "critic", "rmse", "psnr", "best", "seconds")
"""Columns of log.csv; those that an event does not have stay empty."""
REDRAW_S = 60.0
"""Curves are not drawn again within so many seconds, but for the last time."""
SAMPLE_SIDE = 512
"""Side of what is shown of a page, pixels."""
SAMPLES = 4
"""Validation pages that are shown."""


def refuse_run(run: Path) -> None:
    """Look before any work whether a new run may begin in a folder.

    Raises:
        OutputError: it holds a run already, or weights, or is a file.
    """
    if run.exists() and not run.is_dir():
        raise OutputError(f"{run}: is a file", hint="name a folder with -o")
    saved = (run / CHECKPOINT).exists()
    if saved or (run / "config.json").exists():
        go_on = f"go on with it: --resume {run}; or " if saved else ""
        raise OutputError(
            f"{run}: holds a run already",
            hint=f"{go_on}name another folder with -o; or add --force to begin anew",
        )
    for name in WEIGHTS:
        refuse_existing(run / name, force=False)


def forget(run: Path) -> None:
    """Remove what an earlier run made of its data, which a new one would take for its own."""
    _remove_folders(run, PREPARED)


def clear(run: Path) -> None:
    """Remove what came of an earlier run, at the moment when a new one begins in its folder."""
    _remove_folders(run, SHOWN)
    for name in (CHECKPOINT, LOG, *WEIGHTS):
        (run / name).unlink(missing_ok=True)


def _remove_folders(run: Path, names: Sequence[str]) -> None:
    try:
        read_config(run)
    except DataError:
        return  # no run: folders of these names are somebody else's
    for name in names:
        shutil.rmtree(run / name, ignore_errors=True)


class _Board(Protocol):
    """The part of TensorBoard's writer that is used."""

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        """Add a point to a curve."""

    def close(self) -> None:
        """Write what is left."""


class RunFolder:
    """Writes what happens in a run.

    Args:
        config: all settings; `config.run` is the folder.
        step: step that the run goes on from; later lines of an older log are dropped.
        device: what the network trains on, in words.

    Raises:
        OutputError: the folder cannot be made.
    """

    def __init__(self, config: TrainConfig, step: int, device: torch.device) -> None:
        self.path = Path(config.run)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self.path, error) from error
        _write(self.path / "config.json", _json(asdict(config)))
        _write(self.path / "environment.json", _json(environment(device)))
        kept = [line for line in read_log(self.path) if line["step"] <= step]
        _write(self.path / LOG, "".join(json.dumps(line) + "\n" for line in kept).encode())
        _write(self.path / "log.csv", _csv(kept, header=True).encode())
        self._log = (self.path / LOG).open("a", encoding="utf-8")
        self._table = (self.path / "log.csv").open("a", encoding="utf-8", newline="")
        self._board = _board(self.path / "tensorboard")
        self._began = self._drawn = time.monotonic()

    def write(self, event: Event) -> None:
        """Add an event to the log."""
        if isinstance(event, Saved):
            return
        seconds = round(time.monotonic() - self._began, 2)
        line = {"event": type(event).__name__, **asdict(event), "seconds": seconds}
        self._log.write(json.dumps(line) + "\n")
        self._table.write(_csv([line]))
        self._log.flush()
        if self._board:
            for tag in ("loss", "rate", "critic", "rmse"):
                if isinstance(line.get(tag), float):
                    self._board.add_scalar(tag, line[tag], event.step)
        if isinstance(event, Evaluation) and time.monotonic() - self._drawn > REDRAW_S:
            self.draw()

    def show(self, samples: Sequence[tuple[str, Pixels, Pixels, Pixels]]) -> None:
        """Write samples of the best weights: (name, scan, restored, clean), equal sizes."""
        from PIL import Image

        for name, *pictures in samples:
            strip = np.concatenate([_middle(p) for p in pictures], axis=1)
            with replacing(self.path / "samples" / f"{name}.png", force=True) as temporary:
                Image.fromarray(strip).save(temporary, "PNG")

    def draw(self) -> None:
        """Draw the curves, if matplotlib is installed."""
        from scanclean.report.curves import Curve, draw_run

        self._table.flush()
        lines = read_log(self.path)
        steps = [line for line in lines if line["event"] == Step.__name__]
        tried = [line for line in lines if line["event"] == Evaluation.__name__]
        rmse = Curve("validation", *_points(tried, "rmse"))
        draw_run(
            self.path / "curves.png",
            Curve("training", *_points(steps, "loss")),
            Curve("rate", *_points(steps, "rate")),
            rmse,
        )
        self._drawn = time.monotonic()

    def close(self) -> None:
        """Draw the curves for the last time and close the logs."""
        self.draw()
        self._log.close()
        self._table.close()
        if self._board:
            self._board.close()


def read_log(run: Path) -> list[dict[str, Any]]:
    """The events of a run folder as the log has them; a line that was cut off is left out."""
    path = run / LOG
    if not path.exists():
        return []
    return list(_whole_lines(path.read_text("utf-8")))


def _whole_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # the process was killed while it wrote
            return


def read_config(run: Path) -> TrainConfig:
    """The settings of a run folder.

    Raises:
        DataError: it is no run folder.
    """
    try:
        stored = json.loads((run / "config.json").read_text("utf-8"))
        network = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in stored["network"])
        return replace(TrainConfig(**stored), network=network)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{run}: is not the folder of a training run",
            hint="give the folder that -o named when it began: it has config.json and last.ckpt",
        ) from error


def environment(device: torch.device) -> dict[str, object]:
    """What a run's speed and its last digits depend on; no names of machines, users or folders."""
    from scanclean import __version__

    facts: dict[str, object] = {
        "scanclean": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.system(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "device": device.type,
    }
    if device.type == "cuda":
        facts["cuda device"] = torch.cuda.get_device_name(device)
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _board(folder: Path) -> _Board | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    board: _Board = SummaryWriter(str(folder))
    return board


def _points(lines: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    return [line["step"] for line in lines], [line[name] for line in lines]


def _csv(lines: Sequence[Mapping[str, Any]], *, header: bool = False) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    if header:
        table.writeheader()
    table.writerows(lines)
    return text.getvalue()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with replacing(path, force=True) as temporary:
        temporary.write_bytes(content)


def _middle(picture: Pixels) -> Pixels:
    y, x = (max(0, (side - SAMPLE_SIDE) // 2) for side in picture.shape[:2])
    return picture[y : y + SAMPLE_SIDE, x : x + SAMPLE_SIDE]
