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

FAINT = (0.03, 0.3)
"""Contrasts of faint ink: least and highest, as shares of full scale."""
FAINT_WEIGHT = 4.0
"""What `ink` adds to the weight of a pixel of faint ink, which is 1 elsewhere."""
STROKE = 25
"""Side of the square that must be wider than a stroke for it to be told from its ground, pixels."""
RIM = 5
"""Side of the square around stronger ink in which faint ink is its rim, pixels."""


def charbonnier(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean of sqrt(d^2 + eps^2) - eps (Charbonnier et al. 1994): L1 without its kink at 0."""
    return _smooth_distance(predicted, truth).mean()


def ink(predicted: Tensor, truth: Tensor) -> Tensor:
    """`charbonnier`, with faint ink of the truth counted `1 + FAINT_WEIGHT` times.

    A pencil stroke of 6 % contrast that is wiped out costs a sixteenth of what a black one does
    by its differences alone, and a reader just as much.
    """
    weight = 1 + FAINT_WEIGHT * faint_ink(truth)
    return (weight * _smooth_distance(predicted, truth)).mean()


@torch.no_grad()
def faint_ink(truth: Tensor) -> Tensor:
    """Where there are strokes of little contrast, and a pixel around them: 0 or 1, `(N, 1, H, W)`.

    Strokes darker or lighter than their ground; the soft rims of stronger ones are left out. Ground
    between a stroke and the edge of a patch that is narrower than `STROKE` counts as a stroke, too.
    """
    plane = truth.amin(1, keepdim=True)
    closed = -_highest(-_highest(plane, STROKE), STROKE)
    opened = _highest(-_highest(-plane, STROKE), STROKE)
    contrast = torch.maximum(closed - plane, plane - opened)
    strong = _highest((contrast > FAINT[1]).float(), RIM)
    faint = ((contrast >= FAINT[0]) & (strong == 0)).float()
    return _highest(faint, 3)


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
    "ink": ink,
    "ssim": ssim,
    "perceptual": perceptual,
}
"""Losses by the names that `TrainConfig.loss` knows."""


def _smooth_distance(predicted: Tensor, truth: Tensor) -> Tensor:
    difference = predicted - truth
    return torch.sqrt(difference * difference + CHARBONNIER_EPSILON**2) - CHARBONNIER_EPSILON


def _highest(planes: Tensor, side: int) -> Tensor:
    """Highest value in the square of odd side around each pixel, `(N, C, H, W)`."""
    half = side // 2
    rows = F.max_pool2d(planes, (side, 1), 1, (half, 0))
    return F.max_pool2d(rows, (1, side), 1, (0, half))


def _windowed(planes: Tensor) -> tuple[Tensor, ...]:
    """Gaussian mean around each pixel: `(N, 4 * C, H, W)` to four `(N, C, H - 10, W - 10)`."""
    offsets = torch.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, dtype=planes.dtype, device=planes.device)
    taps = torch.exp(-0.5 * (offsets / SSIM_SIGMA) ** 2)
    taps = (taps / taps.sum()).expand(planes.shape[1], 1, 1, -1)
    # in this memory format a convolution of each channel by itself is thirty times as fast
    planes = planes.contiguous(memory_format=torch.channels_last)
    rows = F.conv2d(planes, taps, groups=len(taps))
    return F.conv2d(rows, taps.transpose(2, 3), groups=len(taps)).chunk(4, dim=1)
