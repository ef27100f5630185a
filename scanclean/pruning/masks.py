"""Masks by magnitude: in each layer, a given share of the weights, the smallest, is zero.

Pruned are the weights of convolutions and linear layers, and the banks of kernel bases. Norms,
biases and gains are not: they are few, and each acts on a whole channel.

In a bank each basis is a layer of its own. The size of a basis says nothing beside that of another:
a basis twice as large with coefficients half as large is the same function.

Han et al., "DSD: Dense-Sparse-Dense Training for Deep Neural Networks", ICLR 2017 (arXiv
1607.04381), section 3; layer by layer as there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from scanclean.errors import UsageError

Masks = Mapping[str, Tensor]
"""By name of a parameter, bool of its shape: True where the weight is kept."""
LAYERS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
"""Layers whose weights are pruned."""
BANK = "w"
"""Name of a bank of kernel bases, `(1, N, numbers of a basis)`, in the blocks that have one."""


def prunable(net: nn.Module) -> dict[str, Tensor]:
    """The parameters that are pruned, by name.

    A layer's weights are one row `(1, numbers)`, the bases of a bank N rows `(N, numbers)`; these
    are views: what is written to them is written to the network.
    """
    found = {}
    for prefix, module in net.named_modules():
        start = f"{prefix}." if prefix else ""
        own = dict(module.named_parameters(recurse=False))
        weight, bank = own.get("weight"), own.get(BANK)
        if isinstance(module, LAYERS) and weight is not None:
            found[f"{start}weight"] = weight
        elif bank is not None and bank.ndim == 3:
            found[f"{start}{BANK}"] = bank
    return {name: parameter.detach() for name, parameter in found.items()}


def by_magnitude(net: nn.Module, sparsity: float) -> Masks:
    """Masks that keep the largest weights of each layer.

    Of a layer, or basis, with n weights, just `round(sparsity * n)` are zero, but never all.
    Layers that are held where they are (`requires_grad` off) are left out.

    Args:
        net: it is not changed.
        sparsity: share of zeros, above 0 and below 1.

    Raises:
        UsageError: there is no such sparsity.
    """
    if not 0 < sparsity < 1:
        raise UsageError(f"--sparsity {sparsity:g}: must be above 0 and below 1")
    held = {name for name, parameter in net.named_parameters() if not parameter.requires_grad}
    return {
        name: _largest(weights, sparsity)
        for name, weights in prunable(net).items()
        if name not in held
    }


def _largest(weights: Tensor, sparsity: float) -> Tensor:
    rows = weights.reshape(weights.shape[1] if weights.ndim == 3 else 1, -1)
    count = min(round(sparsity * rows.shape[1]), rows.shape[1] - 1)
    # Not a threshold: weights of equal size would fall on one side of it together.
    smallest = rows.abs().argsort(dim=1, stable=True)[:, :count]
    mask = torch.ones_like(rows, dtype=torch.bool)
    return mask.scatter_(1, smallest, False).view(weights.shape)


@torch.no_grad()
def apply(masks: Masks, net: nn.Module) -> None:
    """Set the weights that are not kept to zero, whatever they are, also if not finite."""
    parameters = dict(net.named_parameters())
    for name, mask in masks.items():
        parameter = parameters[name]
        parameter.masked_fill_(~mask.to(parameter.device), 0)


def holding(masks: Masks) -> Callable[[nn.Module], None]:
    """A hook for training: after each step, the weights that are not kept are zero again.

    The momentum of an optimiser and the running average of the weights move all of them; what
    counts is that no forward pass and no saved file ever sees one that is not kept.
    """

    def after_step(net: nn.Module) -> None:
        apply(masks, net)

    return after_step


def zeros(net: nn.Module) -> dict[str, tuple[int, int]]:
    """(weights that are zero, weights) of each layer that is pruned."""
    return {
        name: (int((weights == 0).sum()), weights.numel())
        for name, weights in prunable(net).items()
    }


def share_of_zeros(net: nn.Module) -> float:
    """Zeros among the weights of all layers that are pruned and learn."""
    held = {name for name, parameter in net.named_parameters() if not parameter.requires_grad}
    counts = [count for name, count in zeros(net).items() if name not in held]
    return sum(zero for zero, _ in counts) / max(1, sum(size for _, size in counts))
