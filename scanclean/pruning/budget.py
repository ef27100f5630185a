"""How many kernel bases each block gets for a budget.

From all bases down, the block that is cut next is the one that adds the least error for the work
it saves. The error of a block is what its spectrum says is lost, times how much of that arrives at
the end of the network, which is measured. Losses grow faster the more is cut, so that going down
greedily gives the best allocation of all that cost as much, where the work is linear in the bases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from scanclean.errors import UsageError
from scanclean.models import kbnet
from scanclean.models._cost import macs
from scanclean.models.kbnet import GROUP, KERNEL, KBNet
from scanclean.pruning.bases import Spectrum, remixed
from scanclean.pruning.options import TILE, Budget

Cost: TypeAlias = Callable[[Sequence[int]], float]
"""What a network costs with so many bases in each block."""
STEPS = (1, 2, 4)
"""Numbers of bases that are tried below 4; above, multiples of 4 (see `candidates`)."""
WORK, CALLS = 1e9, 5


def candidates(most: int) -> list[int]:
    """Numbers of bases that a block may have, ascending: 1, 2, multiples of 4, and all.

    A basis answers with 4 channels in each group; engines compute 8 or 16 at a time, and numbers in
    between cost as much as the next one of these.

    >>> candidates(18)
    [1, 2, 4, 8, 12, 16, 18]
    """
    return sorted({n for n in (*STEPS, *range(4, most, 4)) if n < most} | {most})


def gmac_per_basis(net: KBNet) -> list[float]:
    """Work of a basis in each block for a tile, 10^9 multiply-accumulate operations."""
    costs = []
    for block, pixels in zip(net.blocks, _pixels(net), strict=True):
        c, gate = block.b.shape[2], 2 * block.conv2[2].weight.shape[1]  # as exported: squares
        bank = GROUP * KERNEL**2 * c
        costs.append((bank + c + gate) * pixels / WORK)
    return costs


def gmac(net: KBNet) -> float:
    """Work of a network, as it is exported, for a tile: 10^9 multiply-accumulate operations."""
    return macs(kbnet.fold(net), net.config.channels) * TILE**2 / WORK


def _pixels(net: KBNet) -> list[float]:
    """Pixels of a tile at each block."""
    config = net.config
    levels = [*range(len(config.encoder))]
    counts = [*zip(levels, config.encoder, strict=True), (len(levels), config.middle)]
    counts += zip(reversed(levels), config.decoder, strict=True)
    finest = (TILE / config.shuffle) ** 2
    return [finest / 4**level for level, count in counts for _ in range(count)]


@torch.no_grad()
def sensitivity(net: KBNet, found: Sequence[Spectrum], scans: Sequence[Tensor]) -> list[float]:
    """How much of a block's error arrives at the end: mean squares of the one by the other.

    Each block is cut to half its bases, alone, and the network run on `scans`.
    """
    full = list(net.config.bases_of_blocks)
    truth = [net(scan) for scan in scans]
    out = []
    for number, one in enumerate(found):
        half = full[number] // 2
        lost = one.lost(half)
        if half == 0 or lost <= 0:
            out.append(1.0)
            continue
        cut = remixed(net, found, [*full[:number], half, *full[number + 1 :]])
        errors = [(cut(s) - t).square().mean() for s, t in zip(scans, truth, strict=True)]
        out.append(float(torch.stack(errors).mean()) / lost)
    return out


@dataclass(frozen=True)
class Allocation:
    """How many bases each block gets, and what that is expected to come to."""

    bases: tuple[int, ...]
    """For each block."""
    cost: float
    """In the unit of the budget."""


def allocate(
    full: Sequence[int],
    found: Sequence[Spectrum],
    weights: Sequence[float],
    cost: Cost,
    most: float,
) -> Allocation:
    """Cut block by block until the cost is at most `most`.

    Args:
        full: bases of each block before.
        found: spectrum of each block.
        weights: sensitivity of each block.
        cost: what numbers of bases cost.
        most: the budget, in the unit of `cost`.

    Raises:
        UsageError: one basis in each block costs more.
    """
    kept = list(full)
    while cost(kept) > most:
        best: tuple[float, int, int] | None = None
        now = cost(kept)
        for number, count in enumerate(kept):
            if count == 1:
                continue
            less = [n for n in candidates(full[number]) if n < count][-1]
            saved = now - cost([*kept[:number], less, *kept[number + 1 :]])
            added = weights[number] * (found[number].lost(less) - found[number].lost(count))
            price = added / max(saved, 1e-12)
            if best is None or price < best[0]:
                best = price, number, less
        if best is None:
            raise UsageError(f"--budget {most:.4g}: even one basis in each block costs {now:.4g}")
        kept[best[1]] = best[2]
    return Allocation(tuple(kept), cost(kept))


def require_gmac(net: KBNet, most: float) -> None:
    """Look before any work whether a budget of so many GMAC can be met.

    Raises:
        UsageError: one basis in each block costs more.
    """
    cost, whole = linear_cost(net), gmac(net)
    least = cost([1] * len(net.blocks))
    if least > most:
        raise UsageError(
            f"--budget {most:.4g}GMAC: even one basis in each block costs {least:.4g}",
            hint=f"give {least:.4g} or more, below the {whole:.4g} of the network as it is",
        )


def linear_cost(net: KBNet) -> Cost:
    """GMAC of a network like `net` with other numbers of bases."""
    each = gmac_per_basis(net)
    whole = gmac(net)
    full = net.config.bases_of_blocks

    def cost(kept: Sequence[int]) -> float:
        cut = zip(each, full, kept, strict=True)
        return whole - sum(one * (before - after) for one, before, after in cut)

    return cost


def timed_cost(net: KBNet, clock: Callable[[Any, int, int], float], whole_ms: float) -> Cost:
    """Milliseconds of a network like `net` with other numbers of bases.

    Args:
        net: the network.
        clock: times a folded block for an input of so many channels and of such a side.
        whole_ms: what the network takes as it is.
    """
    blocks, pixels = net.blocks, _pixels(net)
    full = net.config.bases_of_blocks
    tables: dict[tuple[int, int, float], Mapping[int, float]] = {}
    for block, n, count in zip(blocks, full, pixels, strict=True):
        c = block.b.shape[2]
        if (c, n, count) not in tables:
            config = net.config
            side = round(count**0.5)
            tables[c, n, count] = {
                m: clock(kbnet.FoldedBlock(kbnet.Block(c, m, config)).eval(), c, side)
                for m in candidates(n)
            }
    keys = [
        (block.b.shape[2], n, count) for block, n, count in zip(blocks, full, pixels, strict=True)
    ]

    def cost(kept: Sequence[int]) -> float:
        saved = sum(
            tables[key][n] - tables[key][m] for key, n, m in zip(keys, full, kept, strict=True)
        )
        return whole_ms - saved

    return cost


def amount(budget: Budget, cost: Cost, blocks: int) -> float:
    """A budget in the unit of `cost`."""
    if budget.unit == "bases":
        # As much as if each block had so many, which need not be a whole number.
        least, more = cost([1] * blocks), cost([2] * blocks)
        return least + (more - least) * (budget.amount - 1)
    return budget.amount
