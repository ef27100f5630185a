"""DnCNN: a plain chain of convolutions that predicts the dirt and takes it away.

Zhang et al., "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising",
arXiv 1608.03981: convolution and ReLU, then (convolution, batch norm, ReLU) `depth - 2` times, then
a convolution whose output is subtracted from the picture.

A pixel sees `2 * depth + 1` pixels each way across: enough for grain and specks, too little for
stains and shadows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from scanclean.models._parts import Norm, check_choice, check_counts, convolved, quiet


@dataclass(frozen=True)
class Config:
    """Shape of a DnCNN.

    The defaults cost 11 kMAC a pixel; the published network (width 64, depth 17; 20 for dirt of
    unknown strength) costs 556.

    Raises:
        ValueError: a number is too small, or there is no such norm.
    """

    channels: int = 3
    """Channels of the picture."""
    width: int = 12
    """Channels of the layers between."""
    depth: int = 10
    """Convolutions, 3x3 each."""
    norm: Norm = "batch"
    """Behind the inner convolutions; batch norm is folded into them on export."""

    def __post_init__(self) -> None:
        check_counts(channels=self.channels, width=self.width)
        check_choice("norm", self.norm, Norm)
        if self.depth < 2:
            raise ValueError(f"depth {self.depth}: must be at least 2")


class DnCNN(nn.Module):
    """`(N, C, H, W)` in [0, 1] to the same."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = [config.channels] + [config.width] * (config.depth - 1)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(*convolved(a, b, 3, config.norm if number else "none"), nn.ReLU())
                for number, (a, b) in enumerate(pairwise(widths))
            )
        )
        for conv in self.layers.modules():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        self.dirt = quiet(nn.Conv2d(config.width, config.channels, 3, padding=1))

    def forward(self, picture: Tensor) -> Tensor:
        """Restore a picture; the output is not clamped."""
        out: Tensor = picture - self.dirt(self.layers(picture))
        return out


def build(config: Config) -> DnCNN:
    """A fresh network, near the identity."""
    return DnCNN(config)
