"""The training loop: a generator that tells what happens, and can be stopped and resumed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn

from scanclean import checkpoint
from scanclean.atomic import replacing
from scanclean.backends.pytorch import TorchBackend
from scanclean.config import MOST_THREADS, TRAIN_CHOICES, TrainConfig, require_one_of
from scanclean.errors import DataError, UsageError
from scanclean.restorer import Restorer
from scanclean.spec import ModelSpec
from scanclean.training.distributed import joined
from scanclean.training.divergence import Memory, Watch
from scanclean.training.events import Diverged, Evaluation, Event, Saved, Step
from scanclean.training.feed import TOGETHER, Patches, batches, drop_pictures
from scanclean.training.metrics import pooled_rmse, psnr
from scanclean.training.pairs import Pair, load_rgb
from scanclean.training.rundir import CHECKPOINT, SAMPLES, RunFolder, clear, read_config
from scanclean.training.schedule import learning_rate
from scanclean.training.state import State, begin, require_patch
from scanclean.training.update import update

__all__ = [
    "CHECKPOINT",
    "Diverged",
    "Evaluation",
    "Event",
    "Saved",
    "Step",
    "check",
    "read_config",
    "train",
]

Hook = Callable[[nn.Module], None]
"""Called on a network whose weights have changed."""
SEEDS = 1_000_003
"""Seeds of two runs lie so far apart; a prime, and more steps than any run makes."""


@dataclass(frozen=True)
class _Run:
    """What stays the same through a run."""

    config: TrainConfig
    state: State
    data: Patches
    validation: Sequence[Pair]
    after_step: Hook | None
    folder: RunFolder | None
    """None in processes that do not lead."""


def train(
    config: TrainConfig,
    train_pairs: Sequence[Pair],
    pages: Sequence[Path],
    validation: Sequence[Pair],
    *,
    resume: bool = False,
    start: nn.Module | None = None,
    after_step: Hook | None = None,
) -> Generator[Event]:
    """Train a network, yielding what happens.

    Writes into `config.run`: see `scanclean.training.rundir`. Closing the generator saves. Under
    `torchrun` all processes yield their steps; the first one evaluates and writes.

    Args:
        config: all settings.
        train_pairs: scan/clean pairs to learn from; may be empty.
        pages: clean crops to degrade on the fly; may be empty.
        validation: pairs that choose the best weights; may be empty.
        resume: go on from last.ckpt in the run folder.
        start: network to begin with instead of what `config` says; a copy of it is trained.
        after_step: called after each step on the trained network and on its running average, for
            example to hold pruned weights at zero.

    Raises:
        DataError: nothing to learn from, nothing to resume, or the training diverged.
        DeviceError: no such device, or it cannot do that arithmetic.
        UsageError: settings that make no sense.
    """
    check(config)
    if not train_pairs and not pages:
        raise DataError(f"{config.data}: nothing to learn from")
    if config.threads:
        torch.set_num_threads(config.threads)
    with joined(config.device) as world:
        torch.manual_seed(config.seed)
        state = begin(config, world, start)
        if resume:
            state.read(Path(config.run) / CHECKPOINT)
        elif world.leads:  # not before: all that can refuse has had its chance
            clear(Path(config.run))
        folder = RunFolder(config, state.step, state.device) if world.leads else None
        data = Patches(train_pairs, pages, config)
        try:
            for event in _steps(_Run(config, state, data, validation, after_step, folder)):
                if folder:
                    folder.write(event)
                yield event
        finally:
            if folder:
                folder.close()
        if folder:  # patches are needed no more
            drop_pictures(folder.path / "cache")


def check(config: TrainConfig) -> None:
    """Look at settings before any work.

    Raises:
        UsageError: they make no sense.
    """
    for name, allowed in TRAIN_CHOICES.items():
        require_one_of(name, getattr(config, name), allowed)
    if config.channels not in (1, 3):
        raise UsageError(f"--channels {config.channels}: must be 1 or 3")
    if not 0 <= config.threads <= MOST_THREADS:
        raise UsageError(f"--threads {config.threads}: must be within 0 to {MOST_THREADS}")
    if config.batch < TOGETHER or config.batch % TOGETHER:
        raise UsageError(f"--batch {config.batch}: must be an even number")
    if config.schedule == "restarts" and not config.period > 0:
        raise UsageError(f"period {config.period}: must be above 0")
    require_patch(config)


def _steps(run: _Run) -> Iterator[Event]:
    config, state = run.config, run.state
    watch, memory = Watch(), Memory(state)
    saved_at = time.monotonic()
    try:
        for scan, clean in batches(run.data, config, state.step, state.world):
            # Dropout depends on the step alone, as patches do, and differs between processes.
            torch.manual_seed(
                config.seed * SEEDS + state.step * state.world.size + state.world.rank
            )
            rate = learning_rate(state.step, config)
            state.torn = True
            outcome = update(state, scan, clean, rate, config)
            _finish_step(run)
            scaled = state.scaler.is_enabled()
            if watch.diverged(outcome.loss, outcome.norm, scaled=scaled):
                yield from _retreat(run, memory, outcome.loss)
            yield Step(state.step, outcome.loss, rate, outcome.critic)
            if watch.calm:
                memory.keep(state)
            if state.step % config.evaluate_every == 0 or state.step == config.steps:
                if run.folder and run.validation:
                    yield _evaluate(run, run.folder)
                saved_at = -math.inf
            if run.folder and time.monotonic() - saved_at > config.save_every_s:
                yield _save(run, run.folder)
                saved_at = time.monotonic()
    except (GeneratorExit, KeyboardInterrupt):
        if state.torn:
            memory.go_back(state, far=False)
        if run.folder:
            _save(run, run.folder)
        raise


def _finish_step(run: _Run) -> None:
    state = run.state
    if run.after_step:
        run.after_step(state.learner.net)
    state.step += 1
    state.follow(run.config.ema)
    if run.after_step:
        run.after_step(state.average)
    state.torn = False


def _retreat(run: _Run, memory: Memory, loss: float) -> Iterator[Event]:
    seen, rate = run.state.step, learning_rate(run.state.step - 1, run.config)
    memory.go_back(run.state, far=True)
    if run.folder:
        yield _save(run, run.folder)
    yield Diverged(seen, loss, run.state.step)
    kept = Path(run.config.run) / "last.safetensors"
    raise DataError(
        f"training diverged in step {seen} (loss {loss:.3g} at rate {rate:.3g}); the weights of "
        f"step {run.state.step} are kept in {kept}",
        hint=f"begin again with a lower rate: --rate {run.config.rate / 3:.2g}, or go on from them "
        f"with --from {kept}",
    )


def _spec(run: _Run) -> ModelSpec:
    config, state = run.config, run.state
    recipe = f"{config.recipe}, " if config.recipe else ""
    said = f"{Path(config.data).name}: {recipe}{state.step} steps, seed {config.seed}"
    spec = checkpoint.spec_of(
        state.average, state.arch, trained_on=said, even_paper=config.even_paper
    )
    # A network that sees a tile as a whole needs tiles as large as the patches it has learnt from.
    return replace(spec, tile=config.patch, overlap=config.patch // 4) if spec.fixed_tile else spec


def _write_weights(run: _Run, path: Path) -> None:
    # Folders are the user's own affair: only their names go into the file.
    said = asdict(run.config)
    said |= {name: Path(said[name]).name for name in ("data", "run", "start_from")}
    notes = {"scanclean_recipe": run.config.recipe, "scanclean_training": json.dumps(said)}
    checkpoint.save(run.state.average, _spec(run), path, notes)


def _evaluate(run: _Run, folder: RunFolder) -> Evaluation:
    backend = TorchBackend(run.state.average, _spec(run), str(run.state.device))
    restorer = Restorer(backend, use_guard=False)
    scans = [load_rgb(pair.scan) for pair in run.validation]
    cleans = [load_rgb(pair.clean) for pair in run.validation]
    restored = [restorer(scan) for scan in scans]
    restorer.close()
    rmse = pooled_rmse(zip(restored, cleans, strict=True))
    best = rmse < run.state.best
    if best:
        run.state.best = rmse
        _write_weights(run, folder.path / "best.safetensors")
        names = [pair.scan.stem for pair in run.validation]
        shown = zip(names[:SAMPLES], scans, restored, cleans, strict=False)
        folder.show(list(shown))
    return Evaluation(run.state.step, rmse, psnr(rmse), best)


def _save(run: _Run, folder: RunFolder) -> Saved:
    path = folder.path / CHECKPOINT
    with replacing(path, force=True) as temporary:
        torch.save(run.state.content(), temporary)
    _write_weights(run, folder.path / "last.safetensors")
    return Saved(run.state.step, path)
