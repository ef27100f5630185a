"""Which way strokes and edges run, how strong they are and how wide: features of a document.

Freeman and Adelson, "The Design and Use of Steerable Filters", IEEE PAMI 13 (1991), table I and
section V: G2, the second derivative of a Gaussian, answers to lines along an orientation; H2, its
approximate Hilbert transform, to edges. The root of the sum of their squares, the oriented energy,
is the strength of either, whatever its phase: a stroke that is moved by less than its width keeps
most of it. The bank sees brightness alone and looks at it in three octaves, so that hairlines,
strokes of text and headings each have a level that fits them.

Why not the features of a photo classifier, as perceptual losses mostly use: those are for fur,
sky and faces, and rate invisible grain worse than a wrong digit. What tells one letter from another
is where strokes are, which way they run and how wide they are. Nothing is downloaded or learned.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from scanclean.page import LUMINANCE

ORIENTATIONS = 6
"""Evenly spaced over half a turn."""
OCTAVES = 3
"""Strokes of about 2, 4 and 8 pixels."""
RADIUS = 4
"""A filter has 9 x 9 taps."""
SPACING = 0.67
"""Of the taps, in units of the Gaussian, as in the paper."""
FAINT = 1e-3
"""Energy at which its root is made smooth: 1 is a perfect black stroke on white."""


@cache
def bank() -> npt.NDArray[np.float32]:
    """The filters: float32 `(2 * ORIENTATIONS, 1, 9, 9)`, all G2, then all H2.

    Each sums to 0, so that paper of any even brightness answers nothing, and answers 1 to the
    picture within 0..1 that it answers most.
    """
    y, x = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1] * SPACING
    window = np.exp(-(x * x + y * y))
    angles = np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
    across = [x * np.cos(angle) + y * np.sin(angle) for angle in angles]
    lines = [0.9213 * (2 * u * u - 1) * window for u in across]
    edges = [0.9780 * (u * u * u - 2.254 * u) * window for u in across]
    taps = np.stack([*lines, *edges])[:, None]
    taps -= taps.mean((2, 3), keepdims=True)
    return (2 * taps / np.abs(taps).sum((2, 3), keepdims=True)).astype(np.float32)


def energies(picture: Tensor) -> list[Tensor]:
    """Oriented energy of a picture's brightness.

    Args:
        picture: `(N, C, H, W)` in [0, 1]; both sides at least 4 pixels.

    Returns:
        For each octave n, finest first: `(N, ORIENTATIONS, H // 2**n, W // 2**n)`, 0 to about 1.
    """
    plane = _brightness(picture)
    found = []
    for octave in range(OCTAVES):
        plane = F.avg_pool2d(plane, 2) if octave else plane
        line, edge = answers(plane).chunk(2, dim=1)
        found.append(torch.sqrt(line * line + edge * edge + FAINT**2) - FAINT)
    return found


def answers(plane: Tensor) -> Tensor:
    """What the filters of the bank answer: `(N, 1, H, W)` to `(N, 2 * ORIENTATIONS, H, W)`.

    Convolutions of a single channel are what libraries for the CPU do worst, above all backward. So
    the plane is dealt out to four channels, those of its 2x2 squares, and each filter becomes four,
    one for each place in a square: 9x9 taps at place (y, x) of 10x10, dealt out alike to 4x5x5.
    The same sums, three times as fast.
    """
    height, width = plane.shape[2:]
    taps = torch.from_numpy(bank()).to(plane)
    placed = [F.pad(taps, (x, 1 - x, y, 1 - y)) for y in (0, 1) for x in (0, 1)]
    dealt = F.pixel_unshuffle(torch.stack(placed, 1).flatten(0, 1), 2)  # (filter, place), 4, 5, 5
    around = (RADIUS, RADIUS + width % 2, RADIUS, RADIUS + height % 2)
    squares = F.pixel_unshuffle(F.pad(plane, around, "replicate"), 2)
    return F.pixel_shuffle(F.conv2d(squares, dealt), 2)[..., :height, :width]


def stroke_distance(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean difference of the oriented energies of two `(N, C, H, W)`, summed over the octaves."""
    pairs = zip(energies(predicted), energies(truth), strict=True)
    return torch.stack([(a - b).abs().mean() for a, b in pairs]).sum()


def _brightness(picture: Tensor) -> Tensor:
    if picture.shape[1] != len(LUMINANCE):
        return picture.mean(1, keepdim=True)
    return (picture * picture.new_tensor(LUMINANCE).view(1, -1, 1, 1)).sum(1, keepdim=True)
