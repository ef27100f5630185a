"""Fewer kernel bases in each block of a KBNet, mixed anew so that little is lost.

A block convolves each pixel with a mixture of N bases (`scanclean.models._layers`): with
coefficients a (N), kernels K (N rows: weights and bias of a basis) and the neighbourhood x of a
pixel, the answer is a^T K x. Any invertible R gives the same block with kernels R K and
coefficients R^-T a, and both maps fold into weights: a is linear in the last layers that make it.
So bases should not be dropped one by one; the best m mixtures are to be kept.

Let C = E[a a^T], and let G_nm be the mean product of the answers of bases n and m. If a and x are
independent, a mixture with kernels A K (A of rank m, N x N) errs by

    E |a^T K x - a^T A K x|^2 = tr(C (1 - A) G (1 - A)^T),

which is smallest for A = C^-1/2 U U^T C^1/2 with U the m first eigenvectors of C^1/2 G C^1/2
(Eckart and Young 1936, for the rows of C^1/2 K in the metric of x); what is lost is the sum of the
other eigenvalues. New kernels are U^T C^1/2 K, new coefficients U^T C^-1/2 a. With m = N that is
exact.

C, and the second moments of x that G needs, are measured on pages.

Coefficients are an affine map of the c channels of a block and its min(c, 32) / 2 gates. So C has a
rank of at most 1.5 c + 1 for c up to 32, whatever N is: 32 bases at 16 channels are the same
function as 25.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanclean.errors import WeightsError
from scanclean.models import kbnet
from scanclean.models.kbnet import GROUP, KERNEL, KBNet

TAPS = GROUP * KERNEL**2
"""Weights of a basis for an output channel."""
RIDGE = 1e-9
"""Added to C and its like, as a share of their mean eigenvalue, so that they can be inverted."""


@dataclass(frozen=True)
class Moments:
    """What a block meets on pages."""

    coefficients: Tensor
    """C, `(N, N)`: second moments of the coefficients; float64."""
    inputs: Tensor
    """`(c/gc, TAPS + 1, TAPS + 1)`: second moments of the neighbourhood of a pixel in each group of
    channels, with a 1 for the bias at its end; float64."""


@dataclass(frozen=True)
class Spectrum:
    """The mixtures of a block's bases, those that matter most first."""

    energies: Tensor
    """`(N)`, descending: mean square of what each adds to the block's attention; float64."""
    kernels: Tensor
    """`(N, N)`: row i gives kernel i as a mixture of the old ones; float64."""
    coefficients: Tensor
    """`(N, N)`: row i gives its coefficient as a mixture of the old ones; float64."""

    def lost(self, kept: int) -> float:
        """Mean square error of the block's attention when only so many mixtures are kept."""
        return float(self.energies[kept:].sum())


def require_bases(net: nn.Module, where: str) -> KBNet:
    """The network, if it has kernel bases that can be pruned.

    Raises:
        WeightsError: it has none.
    """
    if isinstance(net, KBNet):
        return net
    raise WeightsError(
        f"{where}: --bases, --budget and --light make a kbnet smaller, these are weights of "
        f"another kind ({type(net).__name__})",
        hint="give weights of a kbnet, or type --sparsity or --dsd",
    )


@torch.no_grad()
def measure(net: KBNet, scans: Iterable[Tensor]) -> list[Moments]:
    """Moments of every block, in their order.

    Args:
        net: on the CPU.
        scans: batches `(B, C, H, W)` in [0, 1] of what the network restores; at least one.
    """
    sums = [_Sums(block) for block in net.blocks]
    try:
        for scan in scans:
            net(scan)
    finally:
        for one in sums:
            one.remove()
    return [one.moments() for one in sums]


class _Sums:
    """Second moments of a block, summed while the network runs."""

    def __init__(self, block: Any) -> None:
        self._block = block
        groups = block.b.shape[2] // GROUP
        self._a = torch.zeros(block.b.shape[1], block.b.shape[1], dtype=torch.float64)
        self._x = torch.zeros(groups, TAPS + 1, TAPS + 1, dtype=torch.float64)
        self._pixels = 0
        self._seen: dict[str, Tensor] = {}
        layers = {"deep": block.conv2, "direct": block.conv211, "u": block.conv21}
        self._hooks = [
            layer.register_forward_hook(self._keeper(name)) for name, layer in layers.items()
        ]
        self._hooks.append(block.register_forward_hook(self._add))

    def _keeper(self, name: str) -> Any:
        def keep(module: nn.Module, given: Any, out: Tensor) -> None:
            self._seen[name] = out.detach()

        return keep

    def _add(self, *_: Any) -> None:
        seen = self._seen
        a = (self._block.attgamma * seen["deep"] + seen["direct"]).flatten(2)  # (B, N, HW)
        self._a += (a @ a.transpose(1, 2)).sum(0).double()
        near = F.unfold(seen["u"], KERNEL, padding=KERNEL // 2)
        near = near.view(len(near), -1, TAPS, near.shape[2])  # (B, g, TAPS, HW)
        near = torch.cat([near, torch.ones_like(near[:, :, :1])], 2)
        self._x += (near @ near.transpose(2, 3)).sum(0).double()
        self._pixels += a.shape[0] * a.shape[2]
        seen.clear()

    def moments(self) -> Moments:
        return Moments(self._a / self._pixels, self._x / self._pixels)

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()


@torch.no_grad()
def spectrum(block: Any, moments: Moments) -> Spectrum:
    """The mixtures of a block's bases in the order of what they add, and how to make them."""
    n, c = block.b.shape[1:]
    kernels = torch.cat([block.w.view(n, c, TAPS), block.b.view(n, c, 1)], 2).double()
    kernels = (kernels * block.ga1.view(1, c, 1)).view(n, -1, GROUP, TAPS + 1)  # (N, g, gc, 37)
    seen = kernels @ moments.inputs.unsqueeze(0)
    gram = seen.flatten(1) @ kernels.flatten(1).t()
    root, inverse = _roots(moments.coefficients)
    energies, vectors = torch.linalg.eigh(root @ gram @ root)
    energies, vectors = energies.flip(0).clamp_min(0), vectors.flip(1)
    # Coefficients as large as the old ones on the whole: training goes on from sizes it knows.
    size = moments.coefficients.diagonal().mean().sqrt().clamp_min(1e-12)
    return Spectrum(energies, vectors.t() @ root / size, size * vectors.t() @ inverse)


def _roots(moments: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a covariance and its inverse; directions that never occur are damped."""
    values, vectors = torch.linalg.eigh(moments)
    floor = RIDGE * values.mean().clamp_min(1e-30)
    roots = values.clamp_min(0).add(floor).sqrt()
    return vectors * roots @ vectors.t(), vectors / roots @ vectors.t()


def spectra(net: KBNet, scans: Iterable[Tensor]) -> list[Spectrum]:
    """The spectrum of every block, in their order; arguments as for `measure`."""
    moments = measure(net, scans)
    return [spectrum(block, one) for block, one in zip(net.blocks, moments, strict=True)]


@torch.no_grad()
def remixed(net: KBNet, found: Sequence[Spectrum], kept: Sequence[int]) -> KBNet:
    """A network in which each block has its best mixtures only.

    Args:
        net: it is not changed.
        found: spectrum of every block.
        kept: how many mixtures each block keeps, from 1 to its number of bases.
    """
    pruned = kbnet.build(replace(net.config, bases=as_bases(kept)))
    state = dict(net.state_dict())
    for name, block, one, count in zip(block_names(net), net.blocks, found, kept, strict=True):
        kernels, mixture = (m[:count].float() for m in (one.kernels, one.coefficients))
        state[f"{name}.w"] = (kernels @ block.w[0]).unsqueeze(0)
        state[f"{name}.b"] = (kernels @ block.b[0]).unsqueeze(0)
        state[f"{name}.attgamma"] = torch.ones(1, count, 1, 1)
        gain = block.attgamma.flatten()
        for layer, old, scale in (
            ("conv2.2", block.conv2[2], gain),
            ("conv211", block.conv211, torch.ones_like(gain)),
        ):
            mixed = mixture * scale
            state[f"{name}.{layer}.weight"] = torch.einsum("mn,nihw->mihw", mixed, old.weight)
            state[f"{name}.{layer}.bias"] = mixed @ old.bias
    pruned.load_state_dict(state)
    return pruned.train(net.training)


@torch.no_grad()
def padded(net: KBNet, bases: int) -> KBNet:
    """The same function with `bases` in every block: those that are added are zero.

    For programs that know KBNet with its published 32 bases only.

    Raises:
        WeightsError: a block has more.
    """
    most = max(net.config.bases_of_blocks)
    if bases < most:
        raise WeightsError(
            f"--bases {bases}: a block of this network has {most}",
            hint=f"type a number from {most} up; `scanclean prune --bases {bases}` makes fewer",
        )
    wide = kbnet.build(replace(net.config, bases=bases))
    state = dict(net.state_dict())
    for name, shape in ((n, t.shape) for n, t in wide.state_dict().items()):
        if state[name].shape != shape:
            whole = torch.zeros(shape)
            whole[tuple(slice(side) for side in state[name].shape)] = state[name]
            state[name] = whole
    wide.load_state_dict(state)
    return wide.train(net.training)


def block_names(net: KBNet) -> list[str]:
    """Names of the blocks in the order of `KBNet.blocks`."""
    names = {id(module): name for name, module in net.named_modules()}
    return [names[id(block)] for block in net.blocks]


def as_bases(kept: Sequence[int]) -> int | tuple[int, ...]:
    """The entry of a `Config`: one number if all are alike."""
    return kept[0] if len(set(kept)) == 1 else tuple(kept)
