"""What a training run tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True)
class Step:
    """One optimiser step was made."""

    step: int
    """Its number, from 1."""
    loss: float
    """Value of the loss on its batch, the critic's judgement not included."""
    rate: float
    """Learning rate it used."""
    critic: float | None = None
    """Value of the critic's own loss; None where there is no critic."""


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


@dataclass(frozen=True)
class Diverged:
    """The loss ran away; the run went back to its last good state, and ends."""

    step: int
    """Step in which that was seen."""
    loss: float
    """Its loss; may be infinite or not a number."""
    good: int
    """Step of the state that is kept."""


Event: TypeAlias = Step | Evaluation | Saved | Diverged
