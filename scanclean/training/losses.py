"""What a training run minimises. All take `(N, C, H, W)` predictions and truths in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]

CHARBONNIER_EPSILON = 0.01
"""Errors well below this (2.5 grey levels) count squared, larger ones linearly."""


def charbonnier(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean of sqrt(d^2 + eps^2) - eps (Charbonnier et al. 1994): L1 without its kink at 0."""
    difference = predicted - truth
    smooth = torch.sqrt(difference * difference + CHARBONNIER_EPSILON**2)
    return smooth.mean() - CHARBONNIER_EPSILON


LOSSES: dict[str, LossFunction] = {
    "l1": F.l1_loss,
    "l2": F.mse_loss,
    "charbonnier": charbonnier,
}
"""Losses by the names that `TrainConfig.loss` knows."""
