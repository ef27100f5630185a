"""Pix2Pix: a U-Net generator, and the PatchGAN critic that it is trained against.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", arXiv 1611.07004,
section 6.1. Generator: 4x4 convolutions with stride 2, LeakyReLU 0.2 down and ReLU up, each level's
detail joined in on the way up, dropout at the coarsest levels while it trains, tanh at the end.
Nothing is added to the picture: it is drawn anew from features of 2x2 pixels.

Two things are ours. Dropout ends with training, where the published network keeps it as its only
source of chance: the same scan must give the same page. And the norm is chosen (`Config.norm`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from scanclean.models._layers import LayerNorm2d
from scanclean.models._parts import check_choice, check_counts

Norm: TypeAlias = Literal["batch", "pixel", "instance"]

WIDEST = 8
"""No level has more channels than this many times `width`."""
COARSE = 32
"""Levels whose pixels are at least this many of the picture's wide have dropout. In the published
network, eight levels deep, these are the first three on the way up."""
DROPOUT = 0.5
LEAK = 0.2
STD = 0.02
"""Of the weights at the start, as published."""


@dataclass(frozen=True)
class Config:
    """Shape of a generator and its critic.

    The defaults cost 12 kMAC a pixel; the published generator (width 64, depth 8) costs 92.

    Raises:
        ValueError: a number is too small, or there is no such norm.
    """

    channels: int = 3
    """Channels of the picture."""
    width: int = 24
    """Channels at the finest level; doubled at each coarser one, up to eightfold."""
    depth: int = 5
    """Times that the size is halved; patches have at least 2 ** depth pixels a side."""
    norm: Norm = "batch"
    """Behind all layers but the first, the coarsest and the last. "batch" keeps running statistics,
    afterwards a fixed gain and offset for each channel: a pixel does not depend on what else its
    tile holds. "pixel" normalises over the channels of each pixel: blind to the tile as well, and
    the same in training and after, but slower to learn in one short trial. "instance" is what the
    published network does, whose batch norm uses the statistics of the one picture it is given: a
    word in an empty tile then comes out unlike one amid text, so all tiles must have exactly one
    size, and seams may show."""
    critic_width: int = 32
    """Channels of the critic's first layer; 64 as published."""
    critic_depth: int = 3
    """Times that the critic halves the size; 3 judges patches of 70 pixels, 2 of 34."""

    @property
    def multiple_of(self) -> int:
        """The sides of the input must be multiples of this."""
        return int(2**self.depth)

    @property
    def fixed_tile(self) -> bool:
        """Whether a pixel depends on the tile as a whole."""
        return self.norm == "instance"

    def __post_init__(self) -> None:
        check_counts(channels=self.channels, width=self.width)
        check_counts(critic_width=self.critic_width, critic_depth=self.critic_depth)
        check_choice("norm", self.norm, Norm)
        if self.depth < 2:
            raise ValueError(f"depth {self.depth}: must be at least 2")


class Generator(nn.Module):
    """`(N, C, H, W)` in [0, 1] to the same; H and W multiples of `Config.multiple_of`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        norm, coarsest = config.norm, config.depth - 1
        widths = _widths(config.width, config.depth)
        self.downs = nn.ModuleList(
            _down(a, b, None if level in (0, coarsest) else norm, leak=level > 0)
            for level, (a, b) in enumerate(pairwise([config.channels, *widths]))
        )
        self.ups = nn.ModuleList(
            _up(widths[level] * (1 if level == coarsest else 2), widths[level - 1], norm, level)
            for level in range(coarsest, 0, -1)
        )
        last = nn.ConvTranspose2d(2 * widths[0], config.channels, 4, stride=2, padding=1)
        self.last = nn.Sequential(nn.ReLU(), last, nn.Tanh())
        self.apply(_start)

    def forward(self, picture: Tensor) -> Tensor:
        """Restore a picture; the output lies within 0..1."""
        x = picture * 2 - 1
        beside: list[Tensor] = []
        for down in self.downs:
            x = down(x)
            beside.append(x)
        beside.pop()
        for up in self.ups:
            x = torch.cat([up(x), beside.pop()], 1)
        out: Tensor = (self.last(x) + 1) / 2
        return out


class Critic(nn.Module):
    """Whether a candidate is the true clean page of a scan, patch by patch.

    Takes a scan and a candidate, each `(N, C, H, W)` in [0, 1]. Gives logits
    `(N, 1, H / 8 - 2, W / 8 - 2)` (for `critic_depth` 3), above 0 where the patch looks true.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = _widths(config.critic_width, config.critic_depth + 1)
        inputs = [2 * config.channels, *widths[:-1]]
        strides = [2] * config.critic_depth + [1]
        # Instance norm, not batch norm: a batch is all true or all made, and its statistics would
        # tell which. The critic sees patches of one size only, so tiles are no concern.
        layers = [
            _down(a, b, "instance" if level else None, leak=level > 0, stride=stride)
            for level, (a, b, stride) in enumerate(zip(inputs, widths, strides, strict=True))
        ]
        judge = nn.Conv2d(widths[-1], 1, 4, padding=1)
        self.layers = nn.Sequential(*layers, nn.LeakyReLU(LEAK), judge)
        self.apply(_start)

    def forward(self, scan: Tensor, candidate: Tensor) -> Tensor:
        """Judge candidates."""
        out: Tensor = self.layers(torch.cat([scan, candidate], 1) * 2 - 1)
        return out


def build(config: Config) -> Generator:
    """A fresh generator; it begins at middle gray."""
    return Generator(config)


def critic(config: Config) -> Critic:
    """A fresh critic for the same pictures; needed for training only, never stored in weights."""
    return Critic(config)


def _widths(width: int, levels: int) -> list[int]:
    return [width * min(2**level, WIDEST) for level in range(levels)]


def _down(
    inside: int, out: int, norm: Norm | None, *, leak: bool, stride: int = 2
) -> nn.Sequential:
    conv = nn.Conv2d(inside, out, 4, stride=stride, padding=1)
    before = [nn.LeakyReLU(LEAK)] if leak else []
    return nn.Sequential(*before, conv, *([_norm(norm, out)] if norm else []))


def _up(inside: int, out: int, norm: Norm, level: int) -> nn.Sequential:
    conv = nn.ConvTranspose2d(inside, out, 4, stride=2, padding=1)
    chance = [nn.Dropout(DROPOUT)] if 2**level >= COARSE else []
    return nn.Sequential(nn.ReLU(), conv, _norm(norm, out), *chance)


def _norm(kind: Norm, channels: int) -> nn.Module:
    if kind == "pixel":
        return LayerNorm2d(channels)
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=True)


def _start(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, std=STD)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
