"""KBNet_s: a U-shaped network of kernel basis attention blocks.

Zhang et al., "KBNet: Kernel Basis Network for Image Restoration", arXiv 2303.02881. Names of layers
are those of the published code, so that its checkpoints load strictly.

Two options are ours. `shuffle` puts the same network on a grid of coarser pixels (PixelUnshuffle in
front, PixelShuffle behind), for a quarter or a sixteenth of the work. `pooling="none"` holds the
globally pooled branch at 1, so that a pixel depends on its neighbourhood only and not on where a
tile was cut; such a file is still a plain KBNet_s (the branch has weight 0 and bias 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanclean.models._deploy import (
    Shuffling,
    SquareGate,
    Standardised,
    Unshuffling,
    after_norm,
    convolution,
    halves,
    scaled,
)
from scanclean.models._layers import (
    LayerNorm2d,
    SimpleGate,
    bank,
    bank_as_convolution,
    kernel_basis,
    mix_bases,
    simple_gate,
)

GROUP = 4
"""Channels that a basis mixes (gc)."""
KERNEL = 3
"""Side of a basis, in pixels (k)."""


@dataclass(frozen=True)
class Config:
    """Shape of a KBNet_s; the defaults are those of the published network."""

    channels: int = 3
    """Channels of the picture."""
    width: int = 64
    """Channels at the finest level; doubled at each coarser one."""
    encoder: tuple[int, ...] = (2, 2, 4, 8)
    """Blocks at each level on the way down."""
    middle: int = 12
    """Blocks at the coarsest level."""
    decoder: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks at each level on the way up."""
    bases: int | tuple[int, ...] = 32
    """Kernel bases of each block (nset): one number for all, or one for each block, in the order in
    which a picture goes through them."""
    lightweight: bool = False
    """A depthwise 3x3 instead of the grouped 5x5 convolution."""
    ffn_scale: float = 2.0
    """Channels inside the feed-forward part, as a multiple of the block's."""
    shuffle: int = 1
    """Side, in pixels of the picture, of one pixel of the network: 1, 2 or 4."""
    pooling: Literal["global", "none"] = "global"
    """The pooled branch (`sca`): over the whole input as published, or held at 1."""

    @property
    def multiple_of(self) -> int:
        """The sides of the input must be multiples of this."""
        return int(self.shuffle * 2 ** len(self.encoder))

    @property
    def bases_of_blocks(self) -> tuple[int, ...]:
        """Kernel bases of each block, in the order in which a picture goes through them."""
        count = sum(self.encoder) + self.middle + sum(self.decoder)
        return (self.bases,) * count if isinstance(self.bases, int) else self.bases

    @property
    def fixed_tile(self) -> bool:
        """Whether a pixel depends on the tile as a whole."""
        return self.pooling == "global"


class Block(nn.Module):
    """KBBlock_s: `(B, c, H, W)` to the same."""

    def __init__(self, c: int, n: int, config: Config) -> None:
        super().__init__()
        inner, ffn = min(c, 32), int(config.ffn_scale * c)
        self.pooled = config.pooling == "global"
        self.w, self.b = bank(n, c, GROUP, KERNEL)
        self.ga1, self.beta, self.gamma = (
            nn.Parameter(torch.full((1, c, 1, 1), 1e-2)) for _ in range(3)
        )
        self.attgamma = nn.Parameter(torch.full((1, n, 1, 1), 1e-2))
        self.norm1, self.norm2 = LayerNorm2d(c), LayerNorm2d(c)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c, 1))
        wide = (
            nn.Conv2d(c, c, 3, padding=1, groups=c)
            if config.lightweight
            else nn.Conv2d(c, c, 5, padding=2, groups=c // GROUP)
        )
        self.conv11 = nn.Sequential(nn.Conv2d(c, c, 1), wide)
        self.conv1 = nn.Conv2d(c, c, 1)
        self.conv21 = nn.Conv2d(c, c, 3, padding=1, groups=c)
        self.conv2 = nn.Sequential(
            nn.Conv2d(c, inner, 3, padding=1, groups=inner),
            SimpleGate(),
            nn.Conv2d(inner // 2, n, 1),
        )
        self.conv211 = nn.Conv2d(c, n, 1)
        self.conv3 = nn.Conv2d(c, c, 1)
        self.conv4 = nn.Conv2d(c, ffn, 1)
        self.conv5 = nn.Conv2d(ffn // 2, c, 1)
        if not self.pooled:
            self._hold_pooling()

    def _hold_pooling(self) -> None:
        weight, bias = self.sca[1].parameters()
        nn.init.zeros_(weight)
        nn.init.ones_(bias)
        self.sca.requires_grad_(False)

    def forward(self, r: Tensor) -> Tensor:
        """Apply the block."""
        z = self.norm1(r)
        a = self.attgamma * self.conv2(z) + self.conv211(z)  # (B, N, H, W)
        u = self.conv21(self.conv1(z))
        x = kernel_basis(u, a, self.w, self.b, GROUP, KERNEL) * self.ga1 + u
        x = x * self.conv11(z)
        if self.pooled:
            x = x * self.sca(z)
        y = r + self.beta * self.conv3(x)
        out: Tensor = y + self.gamma * self.conv5(simple_gate(self.conv4(self.norm2(y))))
        return out


class KBNet(nn.Module):
    """`(N, C, H, W)` in [0, 1] to the same; H and W multiples of `Config.multiple_of`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        levels = len(config.encoder)
        inside = config.channels * config.shuffle**2
        widths = [config.width * 2**level for level in range(levels + 1)]
        bases = iter(config.bases_of_blocks)
        self.intro = nn.Conv2d(inside, config.width, 3, padding=1)
        self.encoders = nn.ModuleList(
            _blocks(n, c, bases, config) for n, c in zip(config.encoder, widths, strict=False)
        )
        self.downs = nn.ModuleList(nn.Conv2d(c, 2 * c, 2, stride=2) for c in widths[:-1])
        self.middle_blks = _blocks(config.middle, widths[-1], bases, config)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, 2 * c, 1, bias=False), nn.PixelShuffle(2))
            for c in reversed(widths[1:])
        )
        self.decoders = nn.ModuleList(
            _blocks(n, c, bases, config)
            for n, c in zip(config.decoder, reversed(widths[:-1]), strict=True)
        )
        self.ending = nn.Conv2d(config.width, inside, 3, padding=1)

    @property
    def blocks(self) -> list[Any]:
        """All blocks, in the order in which a picture goes through them."""
        return [b for stage in (*self.encoders, self.middle_blks, *self.decoders) for b in stage]

    def forward(self, picture: Tensor) -> Tensor:
        """Restore a picture; the output is not clamped."""
        shuffle = self.config.shuffle
        inside = F.pixel_unshuffle(picture, shuffle) if shuffle > 1 else picture
        x = self.ending(_down_and_up(self, self.intro(inside))) + inside
        return F.pixel_shuffle(x, shuffle) if shuffle > 1 else x


def _down_and_up(net: Any, x: Tensor) -> Tensor:
    """From the first layer of a network to its last, through all levels."""
    skips = []
    for encoder, down in zip(net.encoders, net.downs, strict=True):
        x = encoder(x)
        skips.append(x)
        x = down(x)
    x = net.middle_blks(x)
    for up, decoder in zip(net.ups, net.decoders, strict=True):
        x = decoder(up(x) + skips.pop())
    return x


def _blocks(count: int, channels: int, bases: Iterator[int], config: Config) -> nn.Sequential:
    return nn.Sequential(*(Block(channels, next(bases), config) for _ in range(count)))


def build(config: Config) -> KBNet:
    """A fresh network.

    Raises:
        ValueError: a level has a number of channels that the blocks cannot divide, or there are
            more or fewer numbers of bases than blocks.
    """
    widths = [config.width * 2**level for level in range(len(config.encoder) + 1)]
    if config.width % GROUP or any(c > 32 and c % 32 for c in widths):
        raise ValueError(f"width {config.width}: must be 4, 8, 16 or a multiple of 32")
    if len(config.encoder) != len(config.decoder):
        raise ValueError("encoder and decoder must have equally many levels")
    blocks = sum(config.encoder) + config.middle + sum(config.decoder)
    if len(config.bases_of_blocks) != blocks or min(config.bases_of_blocks) < 1:
        raise ValueError(f"bases {config.bases}: must be one number, or one for each of {blocks}")
    return KBNet(config)


class FoldedBlock(nn.Module):
    """The same function as a trained `Block`, in the operators that engines run fastest.

    Exact: the gains go into the weights beside them and the affine part of the second norm into the
    convolution behind it; that of the first stays, because a zero beyond the border means one
    after it. Norms and gates are rewritten as `_deploy` says.
    """

    def __init__(self, block: Block) -> None:
        super().__init__()
        c, n = block.conv3.weight.shape[0], block.w.shape[1]
        self.bases = n
        self.pooled, self.sca = block.pooled, block.sca
        self.norm1 = Standardised(block.norm1.weight)
        self.offset = convolution(torch.ones(c, 1, 1, 1), block.norm1.bias, groups=c)
        self.value, self.deep = block.conv1, block.conv21
        self.query, self.wide = block.conv11
        self.gate = SquareGate(
            cast(nn.Conv2d, block.conv2[0]), scaled(block.conv2[2], block.attgamma)
        )
        self.direct = block.conv211
        ga1 = block.ga1.view(1, 1, c)
        weight, bias = bank_as_convolution(
            (block.w.view(1, n, c, -1) * ga1[..., None]).flatten(2),
            block.b * ga1,
            c,
            GROUP,
            KERNEL,
        )
        self.bank = convolution(weight, bias, padding=KERNEL // 2, groups=c // GROUP)
        self.leave = scaled(block.conv3, block.beta)
        self.norm2 = Standardised(torch.ones(c))
        self.first, self.second = halves(after_norm(block.conv4, block.norm2))
        self.contract = scaled(block.conv5, block.gamma)

    def forward(self, r: Tensor) -> Tensor:
        """Apply the block."""
        z = self.offset(self.norm1(r))
        a = self.gate(z) + self.direct(z)
        u = self.deep(self.value(z))
        x = (mix_bases(self.bank(u), a, GROUP) + u) * self.wide(self.query(z))
        if self.pooled:
            x = x * self.sca(z)
        y = r + self.leave(x)
        t = self.norm2(y)
        out: Tensor = y + self.contract(self.first(t) * self.second(t))
        return out


class _Up(nn.Module):
    """The way up to a finer level: `ups.N`."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.shuffled = Shuffling(conv, 2)
        c = self.shuffled.channels
        # Does nothing, but brings the engine back to its layout and takes along the sum behind it.
        self.same = convolution(torch.ones(c, 1, 1, 1), None, groups=c)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.same(self.shuffled(x))
        return out


class FoldedKBNet(nn.Module):
    """The same function as a trained `KBNet` with `FoldedBlock`s, for export."""

    def __init__(self, net: KBNet) -> None:
        super().__init__()
        self.config = net.config
        self.intro = Unshuffling(net.intro, net.config.shuffle)
        self.encoders = nn.ModuleList(_folded(stage) for stage in net.encoders)
        self.downs = net.downs
        self.middle_blks = _folded(net.middle_blks)
        self.ups = nn.ModuleList(_Up(cast(Any, up)[0]) for up in net.ups)
        self.decoders = nn.ModuleList(_folded(stage) for stage in net.decoders)
        self.ending = Shuffling(net.ending, net.config.shuffle)

    def forward(self, picture: Tensor) -> Tensor:
        """Restore a picture; the output is not clamped."""
        out: Tensor = self.ending(_down_and_up(self, self.intro(picture))) + picture
        return out


def _folded(stage: Any) -> nn.Sequential:
    return nn.Sequential(*(FoldedBlock(block) for block in stage))


def fold(net: KBNet) -> FoldedKBNet:
    """The same function as `net` in the form that engines run fastest, for export; `net` stays."""
    return FoldedKBNet(deepcopy(without_idle_bases(net))).eval().requires_grad_(False)


def without_idle_bases(net: KBNet) -> KBNet:
    """The same function without the last bases of each block, as far as their kernels are zero.

    Files for programs that know 32 bases only are filled up with such, which would cost as much
    as real ones.
    """
    used = []
    for block in net.blocks:
        (works,) = block.w.detach().any(2) | block.b.detach().any(2)  # (N,)
        used.append(int(works.nonzero().max()) + 1 if works.any() else 1)
    if tuple(used) == net.config.bases_of_blocks:
        return net
    bases = used[0] if len(set(used)) == 1 else tuple(used)
    small, state = KBNet(replace(net.config, bases=bases)), net.state_dict()
    small.load_state_dict(
        {
            name: state[name][tuple(slice(side) for side in kept.shape)]
            for name, kept in small.state_dict().items()
        }
    )
    return small.train(net.training)


MARKS = ("intro.weight", "encoders.0.0.attgamma", "middle_blks.0.w", "ending.weight")
"""Tensors that only a KBNet_s has all of."""


def guess(state: Mapping[str, Tensor]) -> Config | None:
    """Read the shape of a published KBNet_s off its tensors; None if it is something else."""
    if any(name not in state for name in MARKS):
        return None
    width, channels = state["intro.weight"].shape[:2]
    middle = count_blocks(state, "middle_blks")
    conv4 = state["middle_blks.0.conv4.weight"]
    levels = count_blocks(state, "downs")
    encoder, decoder = (
        tuple(count_blocks(state, f"{stage}.{n}") for n in range(levels))
        for stage in ("encoders", "decoders")
    )
    bases = tuple(
        state[f"{stage}.{n}.w"].shape[1]
        for stage, count in (
            *((f"encoders.{n}", count) for n, count in enumerate(encoder)),
            ("middle_blks", middle),
            *((f"decoders.{n}", count) for n, count in enumerate(decoder)),
        )
        for n in range(count)
    )
    return Config(
        channels=channels,
        width=width,
        encoder=encoder,
        middle=middle,
        decoder=decoder,
        bases=bases[0] if len(set(bases)) == 1 else bases,
        lightweight=state["encoders.0.0.conv11.1.weight"].shape[-1] == 3,
        ffn_scale=conv4.shape[0] / conv4.shape[1],
    )


def count_blocks(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered modules stand under a name: `prefix.0.*`, `prefix.1.*`, ..."""
    start = prefix + "."
    numbers = {name[len(start) :].split(".")[0] for name in state if name.startswith(start)}
    return len(numbers)
