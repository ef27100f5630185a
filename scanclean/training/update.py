"""One optimiser step: plain, or against a critic."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from scanclean.config import TrainConfig
from scanclean.training.distributed import mean
from scanclean.training.losses import LOSSES
from scanclean.training.state import Learner, State

NARROW = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Types of the arithmetic that is not fp32."""


@dataclass(frozen=True)
class Outcome:
    """What a step gave, equal in all processes."""

    loss: float
    """Value of the loss."""
    norm: float
    """Norm of the gradient."""
    critic: float | None = None
    """Value of the critic's loss."""


def update(state: State, scan: Tensor, clean: Tensor, rate: float, config: TrainConfig) -> Outcome:
    """Make one step on a batch of `(N, C, H, W)` in [0, 1]."""
    scan = scan.to(state.device, memory_format=torch.channels_last, non_blocking=True)
    clean = clean.to(state.device, non_blocking=True)
    narrow = torch.autocast(
        state.device.type,
        NARROW.get(config.precision, torch.bfloat16),
        enabled=config.precision in NARROW,
    )
    with narrow:
        restored = state.learner.forward(scan)
    restored = restored.float()
    loss = total = LOSSES[config.loss](restored, clean)
    taught = None
    if state.critic:
        with narrow:
            taught = critic_loss(state.critic, scan, clean, restored.detach())
            total = loss + config.adversarial * deception(state.critic, scan, restored)
    norm = state.learner.step(total, rate, config.clip, state.scaler)
    if state.critic and taught is not None:
        state.critic.step(taught, rate, config.clip, state.scaler)
    state.scaler.update()
    told = None if taught is None else mean(taught.detach(), state.world)
    return Outcome(mean(loss.detach(), state.world), norm, told)


def critic_loss(critic: Learner, scan: Tensor, clean: Tensor, restored: Tensor) -> Tensor:
    """Half the cross entropy of a critic that shall say 1 to clean pages and 0 to restored ones.

    Isola et al. 2017, arXiv 1611.07004, equations 1 and section 3.3; the critic sees the scan too.
    """
    real, fake = critic.forward(scan, clean).float(), critic.forward(scan, restored).float()
    yes = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
    no = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    return (yes + no) / 2


def deception(critic: Learner, scan: Tensor, restored: Tensor) -> Tensor:
    """How far the critic, which is not taught here, is from taking restored pages for clean."""
    critic.net.requires_grad_(False)
    judged = critic.net(scan, restored).float()
    critic.net.requires_grad_(True)
    return F.binary_cross_entropy_with_logits(judged, torch.ones_like(judged))
