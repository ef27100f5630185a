"""Parts that the convolutional architectures share: activations, norms, a quiet last layer."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from torch import nn

Activation: TypeAlias = Literal["relu", "prelu", "gelu", "glu"]
"""ReLU; PReLU with a slope for each channel (He et al., arXiv 1502.01852); GELU (Hendrycks and
Gimpel, arXiv 1606.08415); GLU, half the channels gated by the other half (Dauphin et al., arXiv
1612.08083)."""

Norm: TypeAlias = Literal["batch", "none"]
"""Batch norm (Ioffe and Szegedy, arXiv 1502.03167), or none. It takes mean and variance from the
batch while it trains, and keeps running ones. Afterwards these make it a fixed gain and offset for
each channel, which the export to ONNX folds into the convolution in front: so it costs nothing
then, and a pixel does not depend on where a tile was cut."""

QUIET = 0.01
"""How strongly a `quiet` convolution answers at the start, as a multiple of what it reads."""


def convolved(inside: int, out: int, kernel: int, norm: Norm) -> list[nn.Module]:
    """A convolution that keeps the size, and its norm; that one brings an offset of its own."""
    batch = norm == "batch"
    conv = nn.Conv2d(inside, out, kernel, padding=kernel // 2, bias=not batch)
    return [conv, *([nn.BatchNorm2d(out)] if batch else [])]


def activated(
    inside: int, out: int, kernel: int, kind: Activation, norm: Norm = "none"
) -> nn.Sequential:
    """A convolution, its norm and its activation: `(N, inside, H, W)` to `(N, out, H, W)`.

    GLU halves the channels, so its convolution makes twice as many.
    """
    made = 2 * out if kind == "glu" else out
    return nn.Sequential(*convolved(inside, made, kernel, norm), activation(kind, out))


def activation(kind: Activation, channels: int) -> nn.Module:
    """The activation of that name."""
    if kind == "prelu":
        return nn.PReLU(channels)
    if kind == "glu":
        return nn.GLU(dim=1)
    return nn.GELU() if kind == "gelu" else nn.ReLU()


def quiet(conv: nn.Conv2d) -> nn.Conv2d:
    """Start a convolution near zero, so that what it adds to its input begins as nothing.

    Not at zero: then no layer before it would learn anything from the first step.
    """
    nn.init.normal_(conv.weight, std=QUIET / conv.weight[0].numel() ** 0.5)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def check_counts(**counts: int) -> None:
    """Refuse numbers below 1.

    Raises:
        ValueError: names the first one.
    """
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} {count}: must be at least 1")


def check_choice(name: str, chosen: str, choices: object) -> None:
    """Refuse a word that is none of a `Literal`'s.

    Raises:
        ValueError: names the words there are.
    """
    words = get_args(choices)
    if chosen not in words:
        raise ValueError(f"{name} {chosen!r}: must be one of {', '.join(words)}")
