"""Layers that architectures share, and the kernel basis attention in its equal forms.

Kernel basis attention (KBA; Zhang et al. 2023, arXiv 2303.02881, section 3.2): every pixel mixes N
learned convolution kernels ("bases") with its own N coefficients, and is convolved with the
mixture. With u `(B, c, H, W)`, coefficients a `(B, N, H, W)`, a bank w `(1, N, c*gc*k*k)` and b
`(1, N, c)`:

    out[p, q] = sum_n a_n(p) (b[n, q] + sum_{j, k} w[n; q, j, k] u[gc * (q // gc) + j, p + k])

The order of w's last axis is (output channel, input channel within the group, ky, kx): each basis
is an ordinary grouped-convolution weight. Coefficients are signed and not normalised.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-6
"""Added to the variance in `LayerNorm2d`, as published."""


class LayerNorm2d(nn.Module):
    """Normalise over the channels of each pixel: `(B, c, H, W)` to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the norm; in channels_last memory the two permutations copy nothing."""
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, EPSILON)
        return y.permute(0, 3, 1, 2)


def simple_gate(x: Tensor) -> Tensor:
    """Product of the two halves of the channels (NAFNet, arXiv 2204.04676): c to c/2."""
    first, second = x.chunk(2, dim=1)
    return first * second


class SimpleGate(nn.Module):
    """`simple_gate` as a module, where the published code numbers it in a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        """Gate x."""
        return simple_gate(x)


def kernel_basis_literal(u: Tensor, a: Tensor, w: Tensor, b: Tensor, group: int, k: int) -> Tensor:
    """KBA exactly as its definition reads: slow, for tests to compare with."""
    batch, channels, height, width = u.shape
    kernels = w.view(w.shape[1], channels, group, k, k)  # (N, c, gc, k, k)
    padded = F.pad(u, (k // 2,) * 4)
    out = torch.zeros_like(u)
    for q in range(channels):
        first = q // group * group
        for y in range(height):
            for x in range(width):
                near = padded[:, first : first + group, y : y + k, x : x + k]  # (B, gc, k, k)
                answers = (near[:, None] * kernels[None, :, q]).sum((2, 3, 4)) + b[0, :, q]
                out[:, q, y, x] = (a[:, :, y, x] * answers).sum(1)
    return out


def kernel_basis_grouped(u: Tensor, a: Tensor, w: Tensor, b: Tensor, group: int, k: int) -> Tensor:
    """KBA as one grouped convolution c -> N*c and a weighted sum.

    Costs N*c floats a pixel. Fastest for few bases, and the only form that every exporter maps to
    plain operators.
    """
    channels = b.shape[2]  # not u's: an exporter must see a constant
    weight, bias = bank_as_convolution(w, b, channels, group, k)
    return mix_bases(F.conv2d(u, weight, bias, padding=k // 2, groups=channels // group), a, group)


def bank_as_convolution(
    w: Tensor, b: Tensor, channels: int, group: int, k: int
) -> tuple[Tensor, Tensor]:
    """The bank as weight `(N*c, gc, k, k)` and bias `(N*c)` of a convolution with c/gc groups.

    Output channels are ordered (group, basis, channel within the group): all bases of one group
    must be neighbours, because a grouped convolution splits its outputs evenly among its groups.
    """
    n, groups = w.shape[1], channels // group
    weight = w.view(n, groups, group, group, k, k).transpose(0, 1)
    bias = b.view(n, groups, group).transpose(0, 1)
    return weight.reshape(n * channels, group, k, k), bias.reshape(n * channels)


def mix_bases(y: Tensor, a: Tensor, group: int) -> Tensor:
    """Weighted sum of the answers of all bases.

    Args:
        y: `(B, g*N*gc, H, W)`, what `bank_as_convolution` gives.
        a: `(B, N, H, W)`, the coefficients.
        group: gc, channels in a group.

    Returns:
        `(B, g*gc, H, W)`.
    """
    batch, _, height, width = y.shape
    n = a.shape[1]
    y = y.view(batch, -1, n, group, height, width) * a.view(batch, 1, n, 1, height, width)
    return y.sum(2).reshape(batch, -1, height, width)


def kernel_basis_products(u: Tensor, a: Tensor, w: Tensor, b: Tensor, group: int, k: int) -> Tensor:
    """KBA as a matrix product for each group of channels, and a weighted sum.

    The unfolded neighbourhoods of a group, `(gc*k*k, HW)`, are multiplied with all its bases at
    once, `(N*gc, gc*k*k)`: large products, where the published form makes a small one a pixel. Only
    what goes in is kept for the backward pass, and the answers of a few groups at a time are in
    memory (`SLAB`): that is what lets 32 bases train in bounded memory.
    """
    w, b, a = (x.to(u.dtype) for x in (w, b, a))
    result: Tensor = _Products.apply(u, a, w, b, group, k)  # type: ignore[no-untyped-call]  # torch
    return result


SLAB = 2**20
"""Numbers that the answers of all bases may take at a time: 4 MiB stay in a cache."""


class _Products(torch.autograd.Function):
    """With near_i the neighbourhoods of group i and W_i its bases, y_i = W_i near_i.

    Then out = sum_n a_n y_n + b^T a, so d a_n = <d out, y_n> + b d out, d y_n = a_n d out,
    d W_i = d y near_i^T, d near_i = W_i^T d y.
    """

    @staticmethod
    def forward(ctx: Any, u: Tensor, a: Tensor, w: Tensor, b: Tensor, group: int, k: int) -> Tensor:
        ctx.save_for_backward(u, a, w, b)
        ctx.shape = group, k
        with torch.autocast(u.device.type, enabled=False):
            near, banks, weights = _pieces(u, a, w, group, k)
            parts = [
                (_answers(banks[s], near[:, s], group) * weights).sum(2)
                for s in _slabs(near, banks)
            ]
            out = torch.cat(parts, 1).flatten(1, 2) + b[0].t() @ a.flatten(2)  # (B, c, HW)
        return out.view(u.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        u, a, w, b = ctx.saved_tensors
        group, k = ctx.shape
        near, banks, weights = _pieces(u, a, w, group, k)
        flat = gradient.reshape(*u.shape[:2], -1)  # (B, c, HW)
        to_out = flat.view(len(u), -1, 1, group, flat.shape[2])  # (B, g, 1, gc, HW)
        to_a = b[0] @ flat
        to_b = (a.flatten(2) @ flat.transpose(1, 2)).sum(0, keepdim=True)
        to_banks, to_near = torch.empty_like(banks), torch.empty_like(near)
        for s in _slabs(near, banks):
            y = _answers(banks[s], near[:, s], group)
            to_a += y.mul_(to_out[:, s]).sum((1, 3))
            to_y = torch.mul(weights, to_out[:, s], out=y).flatten(2, 3)  # (B, s, N*gc, HW)
            to_banks[s] = (to_y @ near[:, s].transpose(2, 3)).sum(0)
            to_near[:, s] = banks[s].transpose(1, 2) @ to_y
        to_u = F.fold(to_near.flatten(1, 2), u.shape[2:], k, padding=k // 2)
        to_w = to_banks.view(len(banks), w.shape[1], group, -1).transpose(0, 1).reshape(w.shape)
        return to_u, to_a.view(a.shape), to_w, to_b, None, None


def _pieces(u: Tensor, a: Tensor, w: Tensor, group: int, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Neighbourhoods `(B, g, gc*k*k, HW)`, banks `(g, N*gc, gc*k*k)`, a as `(B, 1, N, 1, HW)`."""
    n, groups, inside = w.shape[1], u.shape[1] // group, group * k * k
    near = F.unfold(u, k, padding=k // 2).view(len(u), groups, inside, -1)
    banks = w.view(n, groups, group, inside).transpose(0, 1).reshape(groups, n * group, inside)
    return near, banks, a.reshape(len(a), 1, n, 1, -1)


def _answers(banks: Tensor, near: Tensor, group: int) -> Tensor:
    """What all bases of some groups say: `(B, s, N, gc, HW)`."""
    y = banks @ near
    return y.view(*y.shape[:2], -1, group, y.shape[3])


def _slabs(near: Tensor, banks: Tensor) -> list[slice]:
    each = near.shape[0] * banks.shape[1] * near.shape[3]
    many = max(1, SLAB // each)
    return [slice(first, first + many) for first in range(0, len(banks), many)]


FEW_BASES = 6
"""Up to this many bases the grouped form trains faster; beyond, its backward pass is slow."""


def kernel_basis(u: Tensor, a: Tensor, w: Tensor, b: Tensor, group: int, k: int) -> Tensor:
    """KBA in the form that is fastest for its number of bases."""
    few = w.shape[1] <= FEW_BASES or torch.onnx.is_in_onnx_export()
    form = kernel_basis_grouped if few else kernel_basis_products
    return form(u, a, w, b, group, k)


def bank(bases: int, channels: int, group: int, k: int) -> tuple[nn.Parameter, nn.Parameter]:
    """A fresh bank: w `(1, N, c*gc*k*k)` and b `(1, N, c)`, uniform in +-1/sqrt(N*c*gc*k*k)."""
    size = channels * group * k * k
    bound = (bases * size) ** -0.5
    w = torch.empty(1, bases, size).uniform_(-bound, bound)
    b = torch.empty(1, bases, channels).uniform_(-bound, bound)
    return nn.Parameter(w), nn.Parameter(b)
