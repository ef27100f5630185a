"""What a training run minimises. All take `(N, C, H, W)` predictions and truths in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from scanclean.training._strokes import stroke_distance

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]

CHARBONNIER_EPSILON = 0.01
"""Errors well below this (2.5 grey levels) count squared, larger ones linearly."""
SSIM_SIGMA = 1.5
"""Of the Gaussian window of `ssim`, pixels."""
SSIM_RADIUS = 5
"""That window has 11 x 11 pixels."""
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
"""Keep the quotient finite on flat black, as in the paper, for values up to 1."""
STROKES = 1.0
"""Weight of the strokes' distance in `perceptual`, beside the mean absolute error."""


def charbonnier(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean of sqrt(d^2 + eps^2) - eps (Charbonnier et al. 1994): L1 without its kink at 0."""
    difference = predicted - truth
    smooth = torch.sqrt(difference * difference + CHARBONNIER_EPSILON**2)
    return smooth.mean() - CHARBONNIER_EPSILON


def ssim(predicted: Tensor, truth: Tensor) -> Tensor:
    """1 minus the mean structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004): 0 to 2.

    Each channel by itself, Gaussian window, only windows that lie wholly inside.

    Raises:
        ValueError: a side has fewer than 11 pixels.
    """
    if min(predicted.shape[2:]) <= 2 * SSIM_RADIUS:
        raise ValueError(f"ssim needs patches of at least {2 * SSIM_RADIUS + 1} pixels a side")
    a, b = predicted, truth
    mean_a, mean_b, squares, product = _windowed(torch.cat([a, b, a * a + b * b, a * b], 1))
    variances = squares - mean_a * mean_a - mean_b * mean_b
    covariance = product - mean_a * mean_b
    above = (2 * mean_a * mean_b + SSIM_C1) * (2 * covariance + SSIM_C2)
    below = (mean_a * mean_a + mean_b * mean_b + SSIM_C1) * (variances + SSIM_C2)
    return 1 - (above / below).mean()


def perceptual(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error plus the distance of the strokes (`scanclean.training._strokes`).

    The features are oriented energies: where strokes and edges are, which way they run, how wide
    they are. That is what reading needs; they are blind to brightness and colour, which the mean
    absolute error holds in place.
    """
    return F.l1_loss(predicted, truth) + STROKES * stroke_distance(predicted, truth)


LOSSES: dict[str, LossFunction] = {
    "l1": F.l1_loss,
    "l2": F.mse_loss,
    "charbonnier": charbonnier,
    "ssim": ssim,
    "perceptual": perceptual,
}
"""Losses by the names that `TrainConfig.loss` knows."""


def _windowed(planes: Tensor) -> tuple[Tensor, ...]:
    """Gaussian mean around each pixel: `(N, 4 * C, H, W)` to four `(N, C, H - 10, W - 10)`."""
    offsets = torch.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, dtype=planes.dtype, device=planes.device)
    taps = torch.exp(-0.5 * (offsets / SSIM_SIGMA) ** 2)
    taps = (taps / taps.sum()).expand(planes.shape[1], 1, 1, -1)
    # in this memory format a convolution of each channel by itself is thirty times as fast
    planes = planes.contiguous(memory_format=torch.channels_last)
    rows = F.conv2d(planes, taps, groups=len(taps))
    return F.conv2d(rows, taps.transpose(2, 3), groups=len(taps)).chunk(4, dim=1)
