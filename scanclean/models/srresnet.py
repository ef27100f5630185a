"""SRResNet without its enlargement: residual blocks between two wide convolutions, size kept.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network", arXiv 1609.04802, section 2.1.1: 9x9 convolution and PReLU; blocks of (3x3 convolution,
batch norm, PReLU, 3x3 convolution, batch norm) around each of which the input is added; a 3x3
convolution and batch norm around all blocks; a 9x9 convolution to the picture. The two layers that
enlarge are left out.

`input_norm` is what a data loader's transform would do to the scan, and to the scan only: the truth
stays in 0..1, and everything inside, `skip` too, sees the normalised scan. So with anything but
"none" the network has to undo it: to learn a gain and an offset for each channel, and after
"instance" even to guess how bright the page had been, which is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from scanclean.models._parts import (
    Activation,
    Norm,
    activated,
    check_choice,
    check_counts,
    convolved,
    quiet,
)

BlockKind: TypeAlias = Literal["3x3-3x3", "1x1-3x3-1x1"]
InputNorm: TypeAlias = Literal["none", "range", "channel", "instance"]

ENDS = 9
"""Side of the first and the last convolution, in pixels."""
EPSILON = 1e-5
"""Added to the variance of a picture by `input_norm="instance"`."""


@dataclass(frozen=True)
class Config:
    """Shape of an SRResNet.

    The defaults cost 15 kMAC a pixel; the published network (width 64, 16 blocks) costs 1248.

    Raises:
        ValueError: a number is too small, or there is no such choice.
    """

    channels: int = 3
    """Channels of the picture."""
    width: int = 12
    """Channels of all layers between."""
    blocks: int = 3
    """Residual blocks."""
    block: BlockKind = "3x3-3x3"
    """Convolutions of a block; "1x1-3x3-1x1" takes six tenths of the work."""
    activation: Activation = "prelu"
    """Behind every convolution but the last of a block."""
    norm: Norm = "batch"
    """Behind every convolution of a block; batch norm is folded into them on export."""
    input_norm: InputNorm = "none"
    """What is done to the scan first: nothing; its range becomes -1..1; `mean` and `std` of the
    data are taken out of each channel; mean and deviation of the picture itself are."""
    mean: tuple[float, ...] = (0.76,)
    """For `input_norm="channel"`: one for each channel, or one for all, 0..1. Default: the
    NoisyOffice scans with id % 3 == 2, which are those to train on."""
    std: tuple[float, ...] = (0.21,)
    """The same for the deviation."""
    skip: bool = True
    """The (normalised) scan is added to the output. The published network, whose picture grows,
    has no such path."""

    @property
    def fixed_tile(self) -> bool:
        """Whether a pixel depends on the tile as a whole."""
        return self.input_norm == "instance"

    def __post_init__(self) -> None:
        check_counts(channels=self.channels, width=self.width, blocks=self.blocks)
        check_choice("block", self.block, BlockKind)
        check_choice("activation", self.activation, Activation)
        check_choice("norm", self.norm, Norm)
        check_choice("input_norm", self.input_norm, InputNorm)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels):
                raise ValueError(f"{name} {values}: must be one number, or {self.channels}")
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std}: must be above 0")


class Normalise(nn.Module):
    """`Config.input_norm`: `(N, C, H, W)` in [0, 1] to the same shape, in units of its own."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.per_picture = config.input_norm == "instance"
        fixed = {"range": ((0.5,), (0.5,)), "channel": (config.mean, config.std)}
        mean, std = fixed.get(config.input_norm, ((0.0,), (1.0,)))
        # made from the spec, so not stored beside it
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x."""
        if not self.per_picture:
            return (x - self.mean) / self.std
        centred = x - x.mean((2, 3), keepdim=True)
        return centred / torch.sqrt((centred * centred).mean((2, 3), keepdim=True) + EPSILON)


class Block(nn.Module):
    """A residual block: `(N, width, H, W)` to the same."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config.width
        *inner, last = (int(side[0]) for side in config.block.split("-"))
        self.body = nn.Sequential(
            *(activated(c, c, kernel, config.activation, config.norm) for kernel in inner),
            nn.Sequential(*convolved(c, c, last, config.norm)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        out: Tensor = x + self.body(x)
        return out


class SRResNet(nn.Module):
    """`(N, C, H, W)` in [0, 1] to the same."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.normalise = Normalise(config) if config.input_norm != "none" else nn.Identity()
        self.head = activated(config.channels, config.width, ENDS, config.activation)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.blocks)))
        self.join = nn.Sequential(*convolved(config.width, config.width, 3, config.norm))
        tail = nn.Conv2d(config.width, config.channels, ENDS, padding=ENDS // 2)
        self.tail = quiet(tail) if config.skip else tail

    def forward(self, picture: Tensor) -> Tensor:
        """Restore a picture; the output is not clamped."""
        x = self.normalise(picture)
        head = self.head(x)
        out: Tensor = self.tail(head + self.join(self.blocks(head)))
        return x + out if self.config.skip else out


def build(config: Config) -> SRResNet:
    """A fresh network; with `skip` and without normalised input it is near the identity."""
    return SRResNet(config)
