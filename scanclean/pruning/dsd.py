"""Dense-sparse-dense training, and the dense control beside it.

Han et al., "DSD: Dense-Sparse-Dense Training for Deep Neural Networks", ICLR 2017 (arXiv
1607.04381), algorithm 1: a dense network; training on with the smallest weights of each layer held
at zero; training on without masks, those weights from zero, at a tenth of the rate.

An arm is a row of phases, each a training run in a folder of its own that begins with the last
averaged weights of the one before, with a fresh optimiser. The control has the same phases with the
same rates, steps and patches, and no masks: what the one is better than the other, masks gave.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from scanclean import checkpoint
from scanclean._weightfile import hash_file
from scanclean.atomic import replacing
from scanclean.config import TrainConfig
from scanclean.errors import DataError
from scanclean.pruning import masks
from scanclean.training.events import Event
from scanclean.training.loop import train
from scanclean.training.material import Material
from scanclean.training.rundir import CHECKPOINT, read_config

PHASE, RESULT = "phase.json", "result.json"
"""What a phase begins with, and that it is at its end; in its folder."""
WEIGHTS = "last.safetensors"
"""What a phase hands on: its last averaged weights, chosen by nobody."""
SECOND_DENSE = 0.1
"""Rate of the second dense phase, as a share of the rate before (section 3 of the paper)."""
PHASES_OF_A_SEED = 1000
"""Seeds of the phases of two seeds lie so far apart."""
MACHINE = ("device", "workers", "threads")
"""Settings that do not change what a phase makes."""

Kind: TypeAlias = Literal["dense", "sparse", "dsd", "control", "tuned"]
"""What an arm is: see `arm`."""


@dataclass(frozen=True)
class Phase:
    """One training run of an arm."""

    config: TrainConfig
    """All its settings; it begins with `start_from`."""
    sparsity: float = 0.0
    """Share of zeros that are held in each layer; 0: none."""

    @property
    def run(self) -> Path:
        """Its folder."""
        return Path(self.config.run)

    @property
    def weights(self) -> Path:
        """What it hands on."""
        return self.run / WEIGHTS


@dataclass(frozen=True)
class Arm:
    """Phases that follow each other."""

    kind: Kind
    """What it is."""
    seed: int
    """Its seed."""
    phases: tuple[Phase, ...]
    """In their order."""

    @property
    def name(self) -> str:
        """For folders and people."""
        return f"{self.kind}-{self.seed}"

    @property
    def weights(self) -> Path:
        """What comes out."""
        return self.phases[-1].weights


def arm(
    kind: Kind,
    base: TrainConfig,
    folder: Path,
    seed: int,
    *,
    sparsity: float = 0.0,
    cycles: int = 1,
) -> Arm:
    """Plan an arm.

    dense     one phase from nothing, or from `base.start_from`
    sparse    one phase with masks
    tuned     one phase without
    dsd       sparse and dense phases in turn, `cycles` times
    control   the same without masks

    Args:
        kind: which.
        base: settings of every phase.
        folder: the arm's folder goes into it.
        seed: of the arm; the same number makes the same patches in all arms.
        sparsity: share of zeros in sparse phases.
        cycles: of dense-sparse-dense training.
    """
    plan = [("sparse", 1.0), ("dense", SECOND_DENSE)] * cycles
    if kind not in ("dsd", "control"):
        plan = [("sparse" if kind == "sparse" else "dense", 1.0)]
    phases: list[Phase] = []
    for number, (name, rate) in enumerate(plan, 1):
        masked = name == "sparse" and kind != "control"
        title = name if masked or kind != "control" else "dense"
        config = replace(
            base,
            run=str(folder / f"{kind}-{seed}" / f"{number}-{title}"),
            start_from=str(phases[-1].weights) if phases else base.start_from,
            seed=seed * PHASES_OF_A_SEED + number,
            rate=base.rate * rate,
            floor=base.floor * rate,
            pin_rate=base.pin_rate * rate,
        )
        phases.append(Phase(config, sparsity if masked else 0.0))
    return Arm(kind, seed, tuple(phases))


def finished(phase: Phase) -> bool:
    """Whether a phase was made with just these settings and this start, and is at its end."""
    return (phase.run / RESULT).exists() and phase.weights.exists() and _same(phase)


def seconds(arm: Arm) -> float:
    """How long the phases of an arm took, as far as they were not interrupted."""
    found = (phase.run / RESULT for phase in arm.phases)
    return sum(json.loads(path.read_text("utf-8"))["seconds"] for path in found if path.exists())


def carry_out(phase: Phase, material: Material) -> Generator[Event]:
    """Make one phase, or go on with it.

    Args:
        phase: which.
        material: what it learns from and is judged by.

    Raises:
        DataError: no data, or training diverged.
        WeightsError: what it begins with is not there or damaged.
    """
    resume = (phase.run / CHECKPOINT).exists() and _same(phase)
    if not resume:
        _clear(phase.run)
        _write(phase.run / PHASE, _beginning(phase))
    start, hook = None, None
    if phase.config.start_from:
        start = checkpoint.load(Path(phase.config.start_from))[0]
        if phase.sparsity:
            held = masks.by_magnitude(start, phase.sparsity)
            masks.apply(held, start)  # the first step, too, is made without them
            hook = masks.holding(held)
    began = time.monotonic()
    yield from train(
        phase.config,
        material.train,
        material.pages,
        material.validation,
        resume=resume,
        start=start,
        after_step=hook,
    )
    _write(phase.run / RESULT, {"seconds": round(time.monotonic() - began, 1)})


def _same(phase: Phase) -> bool:
    try:
        before = read_config(phase.run)
        stored = json.loads((phase.run / PHASE).read_text("utf-8"))
    except (DataError, OSError, ValueError):
        return False
    same = replace(phase.config, **{name: getattr(before, name) for name in MACHINE})
    return before == same and stored == _beginning(phase)


def _beginning(phase: Phase) -> dict[str, Any]:
    start = phase.config.start_from
    return {"sparsity": phase.sparsity, "start": hash_file(Path(start)) if start else ""}


def _clear(folder: Path) -> None:
    """Remove what an older phase with other settings left; a folder of anything else is no phase.

    Raises:
        DataError: there is something else.
    """
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / PHASE).exists():
        raise DataError(f"{folder}: is not empty, and no phase of pruning", hint="give another -o")
    shutil.rmtree(folder)


def _write(path: Path, content: dict[str, Any]) -> None:
    with replacing(path, force=True) as temporary:
        temporary.write_text(json.dumps(content) + "\n", "utf-8")
