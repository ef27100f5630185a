"""U-Net: down through pooled levels, up again with each level's detail joined in.

Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", arXiv
1505.04597: two 3x3 convolutions with ReLU at each level, 2x2 maximum pooling down, 2x2 transposed
convolution up. Two things are ours: convolutions keep the size, where the published ones crop; and
the output is added to the picture, because most of a page is to stay as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanclean.models._parts import check_counts, quiet


@dataclass(frozen=True)
class Config:
    """Shape of a U-Net.

    The defaults cost 12 kMAC a pixel; the published size (width 64, depth 4) costs 735.

    Raises:
        ValueError: a number is too small.
    """

    channels: int = 3
    """Channels of the picture."""
    width: int = 8
    """Channels at the finest level; doubled at each coarser one."""
    depth: int = 4
    """Times that the size is halved."""

    @property
    def multiple_of(self) -> int:
        """The sides of the input must be multiples of this."""
        return int(2**self.depth)

    def __post_init__(self) -> None:
        check_counts(channels=self.channels, width=self.width, depth=self.depth)


class UNet(nn.Module):
    """`(N, C, H, W)` in [0, 1] to the same; H and W multiples of `Config.multiple_of`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        self.downs = nn.ModuleList(_level(a, b) for a, b in pairwise([config.channels, *widths]))
        steps = list(pairwise(reversed(widths)))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps)
        self.ups = nn.ModuleList(_level(a, b) for a, b in steps)  # b from below, b from beside
        self.last = quiet(nn.Conv2d(config.width, config.channels, 1))

    def forward(self, picture: Tensor) -> Tensor:
        """Restore a picture; the output is not clamped."""
        x = self.downs[0](picture)
        beside: list[Tensor] = []
        for down in self.downs[1:]:
            beside.append(x)
            x = down(F.max_pool2d(x, 2))
        for enlarge, up in zip(self.enlarge, self.ups, strict=True):
            x = up(torch.cat([beside.pop(), enlarge(x)], 1))
        out: Tensor = picture + self.last(x)
        return out


def build(config: Config) -> UNet:
    """A fresh network, near the identity."""
    return UNet(config)


def _level(inside: int, out: int) -> nn.Sequential:
    first, second = nn.Conv2d(inside, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
    for conv in (first, second):
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # as published, section 3
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
