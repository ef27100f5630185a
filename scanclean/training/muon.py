"""Muon: steps of equal length in every direction that a layer's weights can take.

A step of Adam mostly moves the few directions in which all gradients agree. Muon takes the momentum
of each matrix of weights to the nearest orthogonal one, so that rare directions move as far as
common ones. Sources: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"
(iteration and coefficients); Liu et al. 2025, "Muon is scalable for LLM training", arXiv 2502.16982
(length of a step, so that rates that suit AdamW suit this).

Only matrices have directions: vectors, depthwise convolutions and the layers next to the pixels are
left to AdamW.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from scanclean.models.kbnet import GROUP, KERNEL, Block

MOMENTUM = 0.95
"""Share of the earlier gradients that stays in a step (Nesterov's form)."""
STEPS = 5
"""Of the iteration; the singular values then lie near 1, which is near enough."""
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Its coefficients: steep at 0, so that small singular values grow quickly."""
LENGTH = 0.2
"""Root mean square of a step as a share of the rate, which is about that of AdamW."""
NARROWEST = 16
"""A matrix with fewer rows or columns has hardly a direction; grouped ones may have `GROUP`."""


@dataclass(frozen=True)
class Matrices:
    """A weight as a stack of matrices."""

    weight: Tensor
    """The weight as the network has it."""
    split: tuple[int, int, int, int]
    """The shape `(a, b, rows, columns)` that it is seen in."""
    swap: bool = False
    """Whether the matrices are `(b, a * rows, columns)` instead of `(a * b, rows, columns)`."""

    def of(self, tensor: Tensor) -> Tensor:
        """A tensor of the weight's shape as matrices `(n, rows, columns)`."""
        a, b, rows, columns = self.split
        if self.swap:
            return tensor.reshape(self.split).transpose(0, 1).reshape(b, a * rows, columns)
        return tensor.reshape(a * b, rows, columns)

    def back(self, matrices: Tensor) -> Tensor:
        """Matrices as a tensor of the weight's shape."""
        a, b, rows, columns = self.split
        if self.swap:
            matrices = matrices.reshape(b, a, rows, columns).transpose(0, 1)
        return matrices.reshape(self.weight.shape)


def matrices(net: nn.Module) -> list[Matrices]:
    """The weights of a network that are matrices, those next to the pixels left out.

    All bases of a group of channels in a `kbnet.Block` are one matrix.
    """
    found = []
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    for layer in layers[1:-1]:
        weight, groups = layer.weight, layer.groups
        rows, columns = weight.shape[0] // groups, weight[0].numel()
        least = NARROWEST if groups == 1 else GROUP
        if weight.requires_grad and rows >= least and weight.shape[1] >= least:
            found.append(Matrices(weight, (groups, 1, rows, columns)))
    for block in net.modules():
        if isinstance(block, Block):
            bases, size = block.w.shape[1:]
            inside = GROUP * KERNEL * KERNEL
            shape = (bases, size // (GROUP * inside), GROUP, inside)
            found.append(Matrices(block.w, shape, swap=True))
    return found


class Muon(torch.optim.Optimizer):
    """The optimiser of the weights that are matrices.

    Args:
        weights: what `matrices` gave.
        rate: learning rate, as for AdamW.
        weight_decay: as for AdamW.
    """

    def __init__(self, weights: Sequence[Matrices], rate: float, weight_decay: float) -> None:
        self._weights = weights
        settings = {"lr": rate, "weight_decay": weight_decay}
        super().__init__([one.weight for one in weights], settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Make one step; matrices of one shape are turned together."""
        group: dict[str, Any] = self.param_groups[0]
        rate, decay = group["lr"], group["weight_decay"]
        steps = [(one, one.of(self._direction(one.weight))) for one in self._weights]
        for shape, alike in groupby(sorted(steps, key=_shape), key=_shape):
            owners, directions = zip(*alike, strict=True)
            turned = orthogonal(torch.cat(directions))
            length = rate * LENGTH * max(shape) ** 0.5
            parts = torch.split(turned, [len(each) for each in directions])
            for owner, part in zip(owners, parts, strict=True):
                owner.weight.mul_(1 - rate * decay).sub_(owner.back(part), alpha=length)

    def _direction(self, weight: Tensor) -> Tensor:
        gradient = weight.grad if weight.grad is not None else torch.zeros_like(weight)
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(momentum, MOMENTUM)


def _shape(step: tuple[Matrices, Tensor]) -> tuple[int, ...]:
    return tuple(step[1].shape[1:])


def orthogonal(stack: Tensor) -> Tensor:
    """Each of the matrices `(n, rows, columns)` with its singular values brought near to 1.

    A matrix of zeros stays one.
    """
    tall = stack.shape[1] > stack.shape[2]
    x = stack.mT if tall else stack
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    first, third, fifth = QUINTIC
    for _ in range(STEPS):
        square = x @ x.mT
        x = first * x + (third * square + fifth * square @ square) @ x
    return x.mT if tall else x
