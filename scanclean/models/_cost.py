"""What a network costs."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

SIDE = 256
"""Side of the picture that is counted, a multiple of every architecture's `multiple_of`."""


def macs(net: nn.Module, channels: int) -> float:
    """Multiply-accumulate operations that a network makes for each pixel of a picture.

    Every convolution and matrix product counts, also those that are calls of functions rather than
    layers; sums, norms and activations do not. Nothing is computed: shapes alone tell.

    Args:
        net: takes `(N, channels, 256, 256)`; it is not changed.
        channels: of the picture.

    >>> macs(nn.Conv2d(3, 8, 3, padding=1), 3)  # 3 * 3 * 3 * 8
    216.0
    """
    shapes = deepcopy(net).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shapes(torch.empty(1, channels, SIDE, SIDE, device="meta"))
    return counter.get_total_flops() / 2 / SIDE**2  # a multiplication and an addition each
