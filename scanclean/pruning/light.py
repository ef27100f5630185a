"""The grouped 5x5 convolutions of a KBNet as depthwise 3x3 ones, which engines run faster.

The published network knows both (`lightweight`). A convolution that was trained is not thrown away:
for each channel, the nine taps and the bias are those whose answers on pages are nearest to its own
(least squares), and training goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanclean.errors import UsageError
from scanclean.models import kbnet
from scanclean.models.kbnet import KBNet
from scanclean.pruning.bases import RIDGE, block_names

SIDE = 3
"""Of a depthwise convolution, pixels."""


def require_wide(net: KBNet) -> None:
    """Look whether there is something to make light.

    Raises:
        UsageError: the convolutions are light already.
    """
    if net.config.lightweight:
        raise UsageError(
            "--light: the convolutions of this network are light already", hint="leave it out"
        )


@torch.no_grad()
def lightened(net: KBNet, scans: Iterable[Tensor]) -> KBNet:
    """A network like `net`, which is not changed, with light convolutions.

    Args:
        net: on the CPU.
        scans: batches `(B, C, H, W)` in [0, 1] of what the network restores; at least one.

    Raises:
        UsageError: they are light already.
    """
    require_wide(net)
    fits = [_Fit(block.conv11[1]) for block in net.blocks]
    try:
        for scan in scans:
            net(scan)
    finally:
        for fit in fits:
            fit.remove()
    light = kbnet.build(replace(net.config, lightweight=True))
    state = dict(net.state_dict())
    for name, fit in zip(block_names(net), fits, strict=True):
        state[f"{name}.conv11.1.weight"], state[f"{name}.conv11.1.bias"] = fit.solved()
    light.load_state_dict(state)
    return light.train(net.training)


class _Fit:
    """Normal equations of every channel of a convolution, summed while the network runs."""

    def __init__(self, layer: nn.Conv2d) -> None:
        c, taps = layer.out_channels, SIDE**2 + 1  # the last one is the bias
        self._moments = torch.zeros(c, taps, taps, dtype=torch.float64)
        self._wanted = torch.zeros(c, taps, dtype=torch.float64)
        self._hook = layer.register_forward_hook(self._add)

    def _add(self, layer: nn.Module, given: Any, out: Tensor) -> None:
        (x,) = given
        near = F.unfold(x, SIDE, padding=SIDE // 2).view(*x.shape[:2], SIDE**2, -1)
        near = torch.cat([near, torch.ones_like(near[:, :, :1])], 2)  # (B, c, taps, HW)
        self._moments += (near @ near.transpose(2, 3)).sum(0).double()
        self._wanted += (near @ out.flatten(2).unsqueeze(3)).sum((0, 3)).double()

    def solved(self) -> tuple[Tensor, Tensor]:
        """Weight `(c, 1, 3, 3)` and bias `(c)`."""
        size = self._moments.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-30)
        damped = self._moments + RIDGE * torch.diag_embed(size[:, None].expand_as(self._wanted))
        taps = torch.linalg.solve(damped, self._wanted).float()
        return taps[:, :-1].reshape(-1, 1, SIDE, SIDE), taps[:, -1].contiguous()

    def remove(self) -> None:
        self._hook.remove()
