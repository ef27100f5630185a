"""The training loop: a generator that tells what happens, and can be stopped and resumed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn

from scanclean import checkpoint
from scanclean.atomic import replacing
from scanclean.backends.pytorch import TorchBackend
from scanclean.config import TrainConfig
from scanclean.errors import DataError
from scanclean.restorer import Restorer
from scanclean.spec import ModelSpec
from scanclean.training.feed import Patches, batches
from scanclean.training.losses import LOSSES
from scanclean.training.metrics import pooled_rmse, psnr
from scanclean.training.pairs import Pair, load_rgb


@dataclass(frozen=True)
class Step:
    """One optimiser step was made."""

    step: int
    """Its number, from 1."""
    loss: float
    """Value of the loss on its batch."""
    rate: float
    """Learning rate it used."""


@dataclass(frozen=True)
class Evaluation:
    """The averaged weights were tried on whole validation pages."""

    step: int
    """Step after which they were tried."""
    rmse: float
    """Pooled root mean square error, 0..1."""
    psnr: float
    """The same in dB."""
    best: bool
    """Whether no earlier evaluation was better."""


@dataclass(frozen=True)
class Saved:
    """The run can be resumed from here."""

    step: int
    """Step that the checkpoint holds."""
    path: Path
    """The checkpoint."""


Event: TypeAlias = Step | Evaluation | Saved

CHECKPOINT = "last.ckpt"
"""Name of the resumable state in a run folder."""


def learning_rate(step: int, config: TrainConfig) -> float:
    """Rate of a step (from 0): a linear warm-up, then the schedule.

    >>> config = TrainConfig(data="", run="", steps=110, warmup=10, rate=1.0, floor=0.0)
    >>> learning_rate(0, config), learning_rate(9, config), learning_rate(60, config)
    (0.1, 1.0, 0.5)
    """
    if step < config.warmup:
        return config.rate * (step + 1) / config.warmup
    if config.schedule == "constant":
        return config.rate
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.floor + (config.rate - config.floor) * (1 + math.cos(math.pi * done)) / 2


@dataclass
class _State:
    net: nn.Module
    average: nn.Module
    optimiser: torch.optim.AdamW
    step: int = 0
    best: float = math.inf


def train(
    config: TrainConfig,
    train_pairs: Sequence[Pair],
    pages: Sequence[Path],
    validation: Sequence[Pair],
    *,
    resume: bool = False,
) -> Iterator[Event]:
    """Train a network, yielding what happens.

    Writes into `config.run`: config.json, log.jsonl, last.ckpt (resumable), last.safetensors and
    best.safetensors (averaged weights that `restore --weights` takes). Closing the generator saves.

    Args:
        config: all settings.
        train_pairs: scan/clean pairs to learn from; may be empty.
        pages: clean crops to degrade on the fly; may be empty.
        validation: pairs that choose the best weights; may be empty.
        resume: go on from last.ckpt in the run folder.

    Raises:
        DataError: nothing to learn from, or nothing to resume.
    """
    if not train_pairs and not pages:
        raise DataError(f"{config.data}: nothing to learn from")
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    run = Path(config.run)
    state = _begin(config)
    if resume:
        _load(state, run / CHECKPOINT)
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.json").write_text(json.dumps(asdict(config), indent=1))
    events = _steps(config, state, Patches(train_pairs, pages, config), validation)
    with (run / "log.jsonl").open("a") as log:
        for event in events:
            if not isinstance(event, Saved):
                log.write(json.dumps({"event": type(event).__name__, **asdict(event)}) + "\n")
                log.flush()
            yield event


def _steps(
    config: TrainConfig, state: _State, data: Patches, validation: Sequence[Pair]
) -> Iterator[Event]:
    saved_at = time.monotonic()
    loss_of = LOSSES[config.loss]
    forward = torch.compile(state.net) if config.compile else state.net
    try:
        for scan, clean in batches(data, config, state.step):
            rate = learning_rate(state.step, config)
            for group in state.optimiser.param_groups:
                group["lr"] = rate
            scan = scan.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bf16"):
                restored = forward(scan)
            loss = loss_of(restored.float(), clean)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(state.net.parameters(), config.clip)
            state.optimiser.step()
            state.optimiser.zero_grad(set_to_none=True)
            state.step += 1
            _average(state, config)
            yield Step(state.step, loss.item(), rate)
            if state.step % config.evaluate_every == 0 or state.step == config.steps:
                if validation:
                    yield _evaluate(state, config, validation)
                saved_at = -math.inf
            if time.monotonic() - saved_at > config.save_every_s:
                yield _save(state, config)
                saved_at = time.monotonic()
    except (GeneratorExit, KeyboardInterrupt):
        _save(state, config)
        raise


def _begin(config: TrainConfig) -> _State:
    spec = ModelSpec(config.model, dict(config.network))
    net = checkpoint.build(spec)
    if config.start_from:
        net = checkpoint.load(Path(config.start_from))[0].train()
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    average = deepcopy(net).eval()
    learned = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, config.rate, weight_decay=config.weight_decay)
    return _State(net, average, optimiser)


@torch.no_grad()
def _average(state: _State, config: TrainConfig) -> None:
    # the first steps are not worth remembering
    decay = min(config.ema, (1 + state.step) / (10 + state.step))
    for kept, new in zip(state.average.parameters(), state.net.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)


def _spec(state: _State, config: TrainConfig) -> ModelSpec:
    said = f"{Path(config.data).name}: {state.step} steps, seed {config.seed}"
    return checkpoint.spec_of(
        state.net, config.model, trained_on=said, even_paper=config.even_paper
    )


def _evaluate(state: _State, config: TrainConfig, validation: Sequence[Pair]) -> Evaluation:
    restorer = Restorer(TorchBackend(state.average, _spec(state, config)), use_guard=False)
    truths = ((restorer(load_rgb(p.scan)), load_rgb(p.clean)) for p in validation)
    rmse = pooled_rmse(truths)
    best = rmse < state.best
    if best:
        state.best = rmse
        checkpoint.save(state.average, _spec(state, config), Path(config.run) / "best.safetensors")
    return Evaluation(state.step, rmse, psnr(rmse), best)


def _save(state: _State, config: TrainConfig) -> Saved:
    path = Path(config.run) / CHECKPOINT
    content = {
        "net": state.net.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
        "best": state.best,
    }
    with replacing(path, force=True) as temporary:
        torch.save(content, temporary)
    checkpoint.save(state.average, _spec(state, config), path.with_name("last.safetensors"))
    return Saved(state.step, path)


def _load(state: _State, path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path}: no such checkpoint", hint="give --resume a run folder")
    content = torch.load(path, weights_only=True)
    state.net.load_state_dict(content["net"])
    state.average.load_state_dict(content["average"])
    state.optimiser.load_state_dict(content["optimiser"])
    state.step, state.best = int(content["step"]), float(content["best"])


def read_config(run: Path) -> TrainConfig:
    """The settings of a run folder.

    Raises:
        DataError: it is no run folder.
    """
    try:
        stored = json.loads((run / "config.json").read_text())
        network = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in stored["network"])
        return replace(TrainConfig(**stored), network=network)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{run}: is not the folder of a training run") from error
