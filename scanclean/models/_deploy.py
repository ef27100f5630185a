"""Exact rewritings of layers into those that ONNX Runtime runs without changing its layout.

On a CPU it keeps pictures in blocks of 8 or 16 channels (NCHWc), in which a convolution comes near
the processor's limit. Convolutions stay in that layout, if they are dense, depthwise or have fewer
input channels than a block, and so do sums and products of two tensors of equal shape. Slices,
broadcasts, divisions and roots make it copy a tensor to plain order and back, which takes as long
as a 1x1 convolution of it. So more arithmetic, in convolutions, is often faster.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from scanclean.models._layers import EPSILON, LayerNorm2d

MANY = 64
"""From so many channels on, the mean is cheaper to subtract than to fold into a convolution."""


def convolution(
    weight: Tensor, bias: Tensor | None, stride: int = 1, padding: int = 0, groups: int = 1
) -> nn.Conv2d:
    """The layer with these weights `(out, in / groups, k, k)` and biases `(out)`, copied."""
    out, within, k, _ = weight.shape
    conv = nn.Conv2d(within * groups, out, k, stride, padding, groups=groups, bias=bias is not None)
    conv.weight.data = weight.detach().clone()
    if bias is not None:
        conv.bias = nn.Parameter(bias.detach().clone())
    return conv


def pointwise(weight: Tensor, bias: Tensor | None = None) -> nn.Conv2d:
    """A 1x1 convolution from a matrix `(out, in)`."""
    return convolution(weight[:, :, None, None], bias)


def scaled(conv: Any, gain: Tensor) -> nn.Conv2d:
    """A 1x1 convolution and, behind it, a factor for each channel."""
    return convolution(conv.weight * gain.view(-1, 1, 1, 1), conv.bias * gain.flatten())


def after_norm(conv: Any, norm: LayerNorm2d) -> nn.Conv2d:
    """The affine part of a norm and, behind it, a 1x1 convolution."""
    matrix = conv.weight[:, :, 0, 0]
    return pointwise(matrix * norm.weight, conv.bias + matrix @ norm.bias)


def halves(conv: nn.Conv2d) -> tuple[nn.Conv2d, nn.Conv2d]:
    """The two halves of a 1x1 convolution's outputs, each as one of its own."""
    assert conv.bias is not None
    first, second = zip(conv.weight.chunk(2), conv.bias.chunk(2), strict=True)
    return convolution(*first), convolution(*second)


class Standardised(nn.Module):
    """(x - mean) / sqrt(variance + epsilon) times a gain `(c)`, over the channels of each pixel.

    Of it all only a root and a reciprocal, of one channel, are no convolution and no product.
    """

    def __init__(self, gain: Tensor) -> None:
        super().__init__()
        c = len(gain)
        mean = torch.full((1, c), 1 / c)
        if c < MANY:
            self.centre = pointwise(torch.eye(c) - mean)
        else:
            self.mean, self.minus = pointwise(mean), pointwise(-torch.ones(c, 1))
        self.many = c >= MANY
        self.variance = pointwise(mean, torch.full((1,), EPSILON))
        self.spread = pointwise(gain[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Standardise x `(B, c, H, W)`."""
        centred = x + self.minus(self.mean(x)) if self.many else self.centre(x)
        over = torch.reciprocal(torch.sqrt(self.variance(centred * centred)))
        return torch.mul(centred, self.spread(over))


class SquareGate(nn.Module):
    """A grouped 3x3 convolution, the `simple_gate` of its outputs and a 1x1 convolution.

    The product of two halves is a difference of squares, d e = ((d + e)^2 - (d - e)^2) / 4, so that
    no tensor is cut in two: sums and differences are a 1x1 convolution, and the subtraction goes
    into the last one. Each group has one output; its sum over inputs goes into the 1x1 as well,
    what is left is depthwise.
    """

    def __init__(self, first: nn.Conv2d, last: nn.Conv2d) -> None:
        super().__init__()
        out, within, k, _ = first.weight.shape
        assert first.bias is not None and first.groups == out
        depthwise = first.weight.reshape(out * within, 1, k, k)
        self.depthwise = convolution(depthwise, None, padding=k // 2, groups=out * within)
        d, e = torch.eye(out).repeat_interleave(within, 1).chunk(2)
        of_d, of_e = first.bias.chunk(2)
        self.mixed = pointwise(
            torch.cat([d + e, d - e]) / 2, torch.cat([of_d + of_e, of_d - of_e]) / 2
        )
        self.last = convolution(torch.cat([last.weight, -last.weight], 1), last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Gate x."""
        mixed = self.mixed(self.depthwise(x))
        answer: Tensor = self.last(mixed * mixed)
        return answer


class Unshuffling(nn.Module):
    """PixelUnshuffle and, behind it, a convolution, as one with a stride on the fine grid."""

    def __init__(self, conv: nn.Conv2d, cells: int) -> None:
        super().__init__()
        out, inside, k, _ = conv.weight.shape
        fine = conv.weight.view(out, -1, cells, cells, k, k).permute(0, 1, 4, 2, 5, 3)
        fine = fine.reshape(out, -1, k * cells, k * cells)
        self.conv = convolution(fine, conv.bias, stride=cells, padding=k // 2 * cells)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` to `(B, out, H / cells, W / cells)`."""
        answer: Tensor = self.conv(x)
        return answer


class Shuffling(nn.Module):
    """A convolution and, behind it, PixelShuffle.

    With the channels last whole rows of channels move instead of single numbers, in half the time.
    """

    def __init__(self, conv: nn.Conv2d, cells: int) -> None:
        super().__init__()
        order = torch.arange(conv.out_channels).view(-1, cells**2).t().flatten()
        bias = None if conv.bias is None else conv.bias[order]
        self.conv = convolution(conv.weight[order], bias, padding=conv.kernel_size[0] // 2)
        self.cells, self.channels = cells, conv.out_channels // cells**2

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, H, W)` to `(B, out / cells^2, H * cells, W * cells)`."""
        side, channels = self.cells, self.channels
        y: Tensor = self.conv(x)
        if side == 1:
            return y
        batch, _, height, width = x.shape
        y = y.permute(0, 2, 3, 1)
        y = y.reshape(batch, height, width, side, side * channels).transpose(2, 3)
        y = y.reshape(batch, height * side, width * side, channels)
        return y.permute(0, 3, 1, 2)
