"""KBNet_l: kernel basis attention inside the frame of Restormer.

Zhang et al., arXiv 2303.02881; the frame and the transposed attention are those of Zamir et al.,
"Restormer", arXiv 2111.09881. Names of layers are those of the published code (where `attn` is the
kernel basis part and `ffn` the attention), so that its checkpoints load strictly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanclean.models._layers import LayerNorm2d, SimpleGate, bank, kernel_basis
from scanclean.models.kbnet import count_blocks

GROUP = 2
"""Channels that a basis mixes (gc)."""
KERNEL = 3
"""Side of a basis, in pixels (k)."""


@dataclass(frozen=True)
class Config:
    """Shape of a KBNet_l; the defaults are those of the published network."""

    channels: int = 3
    """Channels of the picture."""
    dim: int = 48
    """Channels at the finest level; doubled at each coarser one."""
    blocks: tuple[int, ...] = (4, 6, 6, 8)
    """Blocks at each of the four levels."""
    refinement: int = 4
    """Blocks behind the last level."""
    heads: tuple[int, ...] = (1, 2, 4, 8)
    """Attention heads at each level."""
    ffn_scale: float = 1.5
    """Channels inside the kernel basis part, as a multiple of the block's."""
    bias: bool = False
    """Whether the convolutions that are free to choose have a bias."""
    bases: int = 32
    """Kernel bases of each block (nset)."""
    multiple_of: int = 8
    """The sides of the input must be multiples of this."""

    @property
    def fixed_tile(self) -> bool:
        """Whether a pixel depends on the tile as a whole: it pools and attends globally."""
        return True


class KernelBasisPart(nn.Module):
    """MFF, the multi-axis feature fusion: `(B, d, H, W)` to the same."""

    def __init__(self, d: int, config: Config) -> None:
        super().__init__()
        c, n, inner = int(d * config.ffn_scale), config.bases, min(d, 24)
        self.w, self.b = bank(n, c, GROUP, KERNEL)
        self.attgamma = nn.Parameter(torch.full((1, n, 1, 1), 1e-2))
        self.ga1 = nn.Parameter(torch.full((1, c, 1, 1), 1e-2))
        self.dwconv = _separable(d, c, config.bias)
        self.conv1 = _separable(d, c, config.bias)
        self.project_out = nn.Conv2d(c, d, 1, bias=config.bias)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(d, c, 1))
        self.conv2 = nn.Sequential(
            nn.Conv2d(d, inner, 3, padding=1, groups=inner),
            SimpleGate(),
            nn.Conv2d(inner // 2, n, 1),
        )
        self.conv211 = nn.Conv2d(d, n, 1)

    def forward(self, z: Tensor) -> Tensor:
        """Apply the part."""
        a = self.attgamma * self.conv2(z) + self.conv211(z)  # (B, N, H, W)
        u = self.conv1(z)
        x = kernel_basis(u, a, self.w, self.b, GROUP, KERNEL) * self.ga1 + u
        out: Tensor = self.project_out(F.gelu(self.dwconv(z)) * x * self.sca(z))
        return out


class TransposedAttention(nn.Module):
    """Attention between channels: `(B, d, H, W)` to the same."""

    def __init__(self, d: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(d, 3 * d, 1, bias=bias)
        self.qkv_dwconv = nn.Conv2d(3 * d, 3 * d, 3, padding=1, groups=3 * d, bias=bias)
        self.project_out = nn.Conv2d(d, d, 1, bias=bias)

    def forward(self, z: Tensor) -> Tensor:
        """Apply the attention."""
        batch, d, height, width = z.shape
        q, k, v = self.qkv_dwconv(self.qkv(z)).chunk(3, dim=1)
        q, k, v = (t.reshape(batch, self.heads, d // self.heads, height * width) for t in (q, k, v))
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        mixed = (scores * self.temperature).softmax(dim=-1) @ v  # (B, heads, d/heads, HW)
        out: Tensor = self.project_out(mixed.reshape(batch, d, height, width))
        return out


class Block(nn.Module):
    """KBBlock_l: `(B, d, H, W)` to the same."""

    def __init__(self, d: int, heads: int, config: Config) -> None:
        super().__init__()
        self.norm1 = LayerNorm2d(d)
        self.attn = KernelBasisPart(d, config)
        self.norm2 = LayerNorm2d(d)
        self.ffn = TransposedAttention(d, heads, config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.ffn(self.norm2(x))
        return out


class Embedding(nn.Module):
    """The first convolution, under its published name."""

    def __init__(self, channels: int, d: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, d, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution."""
        out: Tensor = self.proj(x)
        return out


class Resample(nn.Module):
    """Half the size at twice the channels, or the reverse, under its published name."""

    def __init__(self, n: int, up: bool) -> None:
        super().__init__()
        conv = nn.Conv2d(n, 2 * n if up else n // 2, 3, padding=1, bias=False)
        self.body = nn.Sequential(conv, nn.PixelShuffle(2) if up else nn.PixelUnshuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """Resample x."""
        out: Tensor = self.body(x)
        return out


class KBNetL(nn.Module):
    """`(N, C, H, W)` in [0, 1] to the same; H and W multiples of 8."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        d, bias = config.dim, config.bias
        first, second, third, fourth = config.blocks
        one, two, four, eight = config.heads
        self.patch_embed = Embedding(config.channels, d)
        self.encoder_level1 = _stage(first, d, one, config)
        self.down1_2 = Resample(d, up=False)
        self.encoder_level2 = _stage(second, 2 * d, two, config)
        self.down2_3 = Resample(2 * d, up=False)
        self.encoder_level3 = _stage(third, 4 * d, four, config)
        self.down3_4 = Resample(4 * d, up=False)
        self.latent = _stage(fourth, 8 * d, eight, config)
        self.up4_3 = Resample(8 * d, up=True)
        self.reduce_chan_level3 = nn.Conv2d(8 * d, 4 * d, 1, bias=bias)
        self.decoder_level3 = _stage(third, 4 * d, four, config)
        self.up3_2 = Resample(4 * d, up=True)
        self.reduce_chan_level2 = nn.Conv2d(4 * d, 2 * d, 1, bias=bias)
        self.decoder_level2 = _stage(second, 2 * d, two, config)
        self.up2_1 = Resample(2 * d, up=True)
        self.decoder_level1 = _stage(first, 2 * d, one, config)
        self.refinement = _stage(config.refinement, 2 * d, one, config)
        self.output = nn.Conv2d(2 * d, config.channels, 3, padding=1, bias=bias)

    def forward(self, picture: Tensor) -> Tensor:
        """Restore a picture; the output is not clamped."""
        level1 = self.encoder_level1(self.patch_embed(picture))
        level2 = self.encoder_level2(self.down1_2(level1))
        level3 = self.encoder_level3(self.down2_3(level2))
        x = self.latent(self.down3_4(level3))
        x = self.decoder_level3(self.reduce_chan_level3(torch.cat([self.up4_3(x), level3], 1)))
        x = self.decoder_level2(self.reduce_chan_level2(torch.cat([self.up3_2(x), level2], 1)))
        x = self.decoder_level1(torch.cat([self.up2_1(x), level1], 1))
        out: Tensor = self.output(self.refinement(x)) + picture
        return out


def build(config: Config) -> KBNetL:
    """A fresh network."""
    return KBNetL(config)


MARKS = (
    "patch_embed.proj.weight",
    "encoder_level3.0.ffn.project_out.weight",
    "latent.0.ffn.qkv.weight",
)
"""Tensors that only a KBNet_l has all of."""


def guess(state: Mapping[str, Tensor]) -> Config | None:
    """Read the shape of a published KBNet_l off its tensors; None if it is something else."""
    if any(name not in state for name in MARKS):
        return None
    dim, channels = state["patch_embed.proj.weight"].shape[:2]
    stages = ("encoder_level1", "encoder_level2", "encoder_level3", "latent")
    return Config(
        channels=channels,
        dim=dim,
        blocks=tuple(count_blocks(state, stage) for stage in stages),
        refinement=count_blocks(state, "refinement"),
        heads=tuple(state[f"{stage}.0.ffn.temperature"].shape[0] for stage in stages),
        ffn_scale=state["encoder_level1.0.attn.ga1"].shape[1] / dim,
        bias="output.bias" in state,
        bases=state["latent.0.attn.w"].shape[1],
    )


def _separable(d: int, c: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(d, c, 1, bias=bias), nn.Conv2d(c, c, 3, padding=1, groups=c, bias=bias)
    )


def _stage(count: int, d: int, heads: int, config: Config) -> nn.Sequential:
    return nn.Sequential(*(Block(d, heads, config) for _ in range(count)))
