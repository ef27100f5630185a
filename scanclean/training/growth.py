"""A larger KBNet that begins as a smaller one that was trained: it computes the same, then learns.

Training a large network from nothing costs what a laptop does not have; begun as a small one it
starts where that one ended (Chen et al., "Net2Net", arXiv 1511.05641). Everything that is added is
silent at first, exactly:

* a further block: its two gains are 0, so it hands on what it gets;
* a further basis: its coefficient is 0 at every pixel;
* a grouped 5x5 convolution for a light one, depthwise 3x3: the weights around those are 0;
* pixels of the picture for blocks of `shuffle` pixels: the first layer sums, and the last one
  averages, over the pixels of a block. The grown network answers to a picture as the small one
  does to the same picture enlarged, averaged back: right at a coarser resolution, and a beginning
  at the usual one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from scanclean.errors import UsageError
from scanclean.models.kbnet import GROUP, Config, KBNet


@torch.no_grad()
def begin_as(large: KBNet, net: KBNet) -> None:
    """Give a fresh network the weights that make it compute what a smaller one does.

    Args:
        large: as wide as `net`, with at least as many blocks at every level and bases in every
            block, with light convolutions only if `net` has them, on the same grid or on that of
            the picture; new blocks stand behind the old ones of their level.
        net: the smaller network.

    Raises:
        UsageError: the one is not a larger form of the other.
    """
    _check(net.config, large.config)
    for old, new in zip(_stages(net), _stages(large), strict=True):
        for index, block in enumerate(new):
            if index < len(old):
                _take_over(block, old[index])
            else:
                nn.init.zeros_(block.beta)
                nn.init.zeros_(block.gamma)
    for old, new in ((net.downs, large.downs), (net.ups, large.ups)):
        new.load_state_dict(old.state_dict())
    cells = (net.config.shuffle // large.config.shuffle) ** 2
    enter = net.intro.state_dict()
    enter["weight"] = enter["weight"].unfold(1, cells, cells).sum(-1)
    large.intro.load_state_dict(enter)
    leave = net.ending.state_dict()
    large.ending.load_state_dict({n: w.unfold(0, cells, cells).mean(-1) for n, w in leave.items()})


def _stages(net: KBNet) -> list[Any]:
    return [*net.encoders, net.middle_blks, *net.decoders]


def _take_over(block: Any, old: Any) -> None:
    """Give a block the weights of one with as many bases or fewer."""
    had, has = old.w.shape[1], block.w.shape[1]
    wanted = block.state_dict()
    state = old.state_dict()
    for name in ("w", "b"):
        state[name] = torch.cat([state[name], wanted[name][:, had:]], 1)
    state["attgamma"] = torch.cat([state["attgamma"], wanted["attgamma"][:, had:]], 1)
    for name in ("conv2.2.weight", "conv2.2.bias", "conv211.weight", "conv211.bias"):
        state[name] = _padded(state[name], has)
    if state["conv11.1.weight"].shape != wanted["conv11.1.weight"].shape:
        state["conv11.1.weight"] = _grouped(state["conv11.1.weight"])
    block.load_state_dict(state)


def _grouped(depthwise: Tensor) -> Tensor:
    """Weights `(c, GROUP, 5, 5)` of the grouped convolution that does what `(c, 1, 3, 3)` do."""
    channel = torch.arange(len(depthwise))
    whole = depthwise.new_zeros(len(depthwise), GROUP, 5, 5)
    whole[channel, channel % GROUP, 1:4, 1:4] = depthwise[:, 0]
    return whole


def _padded(rows: Tensor, count: int) -> Tensor:
    more = rows.new_zeros(count - len(rows), *rows.shape[1:])
    return torch.cat([rows, more])


def _check(old: Config, new: Config) -> None:
    same = ("channels", "width", "ffn_scale")
    different = [name for name in same if getattr(old, name) != getattr(new, name)]
    different += ["lightweight"] if new.lightweight and not old.lightweight else []
    levels = ((*old.encoder, old.middle, *old.decoder), (*new.encoder, new.middle, *new.decoder))
    fewer = len(levels[0]) != len(levels[1]) or any(a > b for a, b in zip(*levels, strict=True))
    if different or fewer:
        what = ", ".join(different) if different else "blocks"
        raise UsageError(
            f"--grow: a network of {levels[0]} blocks, {old.width} wide, cannot be grown to "
            f"{levels[1]} blocks, {new.width} wide: {what} must be the same or more",
            hint="leave --grow out to train the network as it is",
        )
    if new.shuffle not in (old.shuffle, 1):
        raise UsageError(
            f"--grow: a network on a grid of {old.shuffle} pixels cannot be grown to one of "
            f"{new.shuffle}"
        )
    if old.pooling == "global" and new.pooling == "none":
        raise UsageError("--grow: the pooled branch of a network cannot be taken away")
    least, most = min(new.bases_of_blocks), max(old.bases_of_blocks)
    if least < most:
        raise UsageError(
            f"--grow: {least} bases are fewer than the {most} there are",
            hint="`scanclean prune --bases` makes networks smaller",
        )
