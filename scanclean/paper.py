"""What the paper of a scan looks like: its colour and grain everywhere, and where it is hidden.

Everything here is estimated on blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.blocks import (
    block_means,
    block_reduce,
    block_side,
    block_sum,
    by_band,
    enlarged,
    spread,
)
from scanclean.grounds import (
    CLIPPED,
    DARK_GROUND,
    LIGHT_PAPER,
    MEDIAN_RADIUS,
    bars,
    brightest_around,
    clipped,
    pictures,
    shadows,
    sheet,
    yellow,
)
from scanclean.page import Pixels, darkest
from scanclean.screens import all_screen, screens
from scanclean.shapes import box_mean, dilate, erode, median

Plane: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]

SMALLEST_PAGE = 16
"""A picture with a side of fewer pixels says nothing about its paper."""
SHADED = 4
"""Gray levels below clipped white from which on bare paper is shaded, or tinted."""
BLANK = 0.94
"""A block whose darkest pixel is above this share of its brightest quarter is bare."""
SHADED_SHARE = 0.001
"""Share of such blocks up to which clipped paper is white all over."""
WHITE_ON_DARK = 2.5
"""How much longer the bright tail is than the dark one on slides, at least: noisy ones come to 4,
old books and dim photographs of pages to 1.2."""
EVEN_TINT = 3
"""Levels by which the paper of a scan varies, at least."""
SHEET_PICTURES = 0.5
"""Share of pictures up to which what lies on the lid of a scanner is a sheet of paper."""
GRAIN_MAX = 0.12
"""The paper of no readable page is rougher than this share of its own brightness."""


@dataclass(frozen=True)
class Paper:
    """The paper of one page, on a grid of blocks `(h, w)`."""

    block: int
    """Side of a block in pixels."""
    level: Plane
    """Colour of bare paper, `(h, w, C)` in 0..255; under pictures it is filled in from around."""
    grain: Plane
    """How far noise dips below the paper in a block, `(h, w)`, as a share of the paper's level."""
    picture: Mask
    """Blocks of photographs, dark and coloured grounds, `(h, w)`: not paper, to be left alone."""
    lid: Mask | None = None
    """Blocks of the lid of a scanner, `(h, w)`, where the page is a sheet that lies on it."""

    @cached_property
    def usual(self) -> Plane:
        """Its usual colour, `(C,)`."""
        return np.median(self.level.reshape(-1, self.level.shape[2]), axis=0).astype(np.float32)

    @cached_property
    def white(self) -> bool:
        """Whether it is white to the last block: drawn, or cleaned before."""
        return bool(self.level.min() == 255)


def neutral_darkest(pixels: Pixels, paper: Paper) -> Pixels:
    """`darkest`, with the paper's usual tint taken out first, so that blue shows on yellowed paper.

    Bare paper then lies at the highest channel of its level.
    """
    if pixels.ndim == 2:
        return pixels
    levels = np.arange(256) * (paper.usual.max() / paper.usual)[:, None]
    tables = np.minimum(levels + 0.5, 255).astype(np.uint8)
    first, *others = np.argsort(-paper.usual)  # the first stays as it is
    lowest = pixels[..., first].copy()
    for c in others:
        np.minimum(lowest, tables[c].take(pixels[..., c]), out=lowest)
    return lowest


def examine(pixels: Pixels, block: int = 0) -> Paper:
    """Estimate the paper of a page, uint8 `(H, W)` or `(H, W, 3)`.

    Args:
        pixels: the page.
        block: side of a block in pixels; 0 takes what suits a page of this size. A part of a page
            needs the block of the whole.
    """
    return _examined(pixels, block or block_side(*pixels.shape[:2]), lid=True)


def _examined(pixels: Pixels, block: int, lid: bool) -> Paper:
    bright = _brightest_parts(pixels, block)
    light = bright.mean(axis=2, dtype=np.float32)
    dips = by_band(
        lambda band: block_reduce(darkest(band), block, highest=False), pixels, block
    ).astype(np.float32)
    box = sheet(light, dips) if lid else None
    if box and (laid := _on_lid(pixels, block, box, bright, dips)):
        return laid
    ground = median(light, MEDIAN_RADIUS)
    level = _tinted(bright, light, ground)
    shadow = shadows(ground, light, dips)
    dots = screens(pixels, block, light, dips)
    picture = pictures(bright, ground, light, dips, shadow, dots)
    if picture.all() or all_screen(pixels, light, dips) or _white_on_dark(pixels, light):
        picture[:] = True
        return Paper(block, np.full_like(level, 255), np.zeros_like(ground), picture)
    if _white_already(light, dips, picture):
        level = np.full_like(level, 255)
        return Paper(block, level, _grain(level, dips, picture, block), picture)
    # bold letters, wider than the median, and what else is printed so
    around = brightest_around(ground)
    printed = (ground < DARK_GROUND * around) | bars(ground, around, light, dips)
    hidden = dilate(printed & ~shadow, 2)
    level = _filled(level, ~(picture | hidden) if not (picture | hidden).all() else ~picture)
    return Paper(block, level, _grain(level, dips, picture, block), picture)


def _on_lid(
    pixels: Pixels, block: int, box: tuple[slice, slice], bright: Plane, dips: Plane
) -> Paper | None:
    """The paper of a page of which `box` (blocks) is a sheet and the rest the lid of a scanner.

    None where that sheet is mostly pictures, or was printed in that tint.
    """
    rows, columns = (slice(side.start * block, side.stop * block) for side in box)
    part = _examined(np.ascontiguousarray(pixels[rows, columns]), block, lid=False)
    if part.picture.mean() > SHEET_PICTURES or _printed(part):
        return None
    lid = np.ones(dips.shape, np.bool_)
    lid[box] = False
    white = np.median(bright[lid], axis=0)
    level = np.broadcast_to(white, bright.shape).copy()
    depth = np.clip(np.median(1 - dips[lid] / white.min()), 0, GRAIN_MAX)
    grain = np.full(dips.shape, depth, np.float32)
    picture = np.zeros(dips.shape, np.bool_)
    # between blocks the level is interpolated, so that of the sheet goes on beyond its edge
    wide = np.pad(part.level, ((2, 2), (2, 2), (0, 0)), mode="edge")
    around, inside = [], []
    for side, length in zip(box, dips.shape, strict=True):
        first, last = max(side.start - 2, 0), min(side.stop + 2, length)
        around.append(slice(first, last))
        inside.append(slice(first - side.start + 2, last - side.start + 2))
    level[tuple(around)] = wide[tuple(inside)]
    grain[box], picture[box] = part.grain, part.picture
    return Paper(block, level, grain, picture, lid)


def _printed(paper: Paper) -> bool:
    """Whether a tint was drawn, without any shade, or printed in yellow, which takes blue alone."""
    low, high = np.percentile(paper.level.mean(axis=2), (5, 95))
    if high - low < EVEN_TINT:
        return True
    if len(paper.usual) == 1:
        return False
    return yellow(paper.usual)


def _brightest_parts(pixels: Pixels, block: int) -> Plane:
    """The brightest quarter of each block, `(h, w, C)`: paper shows there between strokes.

    On bare paper the brightest quarter is lighter than the mean because of the noise; the blocks
    where it is so by little (a quarter of the page) show by how much, and that is taken off.
    """
    half = block // 2
    picture = pixels if pixels.ndim == 3 else pixels[..., None]
    parts = by_band(lambda band: block_sum(band, half), picture, block)
    upper, lower = parts[0::2], parts[1::2]
    rows = np.maximum(upper, lower)
    best = np.maximum(rows[:, 0::2], rows[:, 1::2]).astype(np.float32)
    total = upper.astype(np.float32) + lower
    excess = best - (total[:, 0::2] + total[:, 1::2]) / 4
    bias = np.percentile(excess, 25, axis=(0, 1)).astype(np.float32)
    return (best - np.minimum(bias, 0.04 * best)) / np.float32(half * half)


def _white_on_dark(pixels: Pixels, light: Plane) -> bool:
    """Whether a page is dark, and what stands on it brighter: a slide, however noisy.

    Ink makes the dark tail of a page's brightness the longer one, and where there is white paper
    beside something dark, it is no small part of the page.
    """
    if np.median(light) > LIGHT_PAPER:
        return False
    tones = block_means(pixels, 2).mean(axis=2)
    low, middle, upper, high = np.percentile(tones, (2, 50, 75, 98))
    bright = high - middle
    return bool(bright > WHITE_ON_DARK * (middle - low) and upper - middle < bright / 3)


def _white_already(light: Plane, dips: Plane, picture: Mask) -> bool:
    """Whether the paper is clipped white wherever it is bare: dense print only looks darker."""
    if not clipped(light):
        return False
    shaded = ~picture & (light < CLIPPED - SHADED) & (dips > BLANK * light)
    return bool(shaded.mean() < SHADED_SHARE)


def _tinted(bright: Plane, light: Plane, ground: Plane) -> Plane:
    """Give the ground `(h, w)` the mean colour of the blocks nearby that are as bright as it."""
    bare = (np.abs(light - ground) <= 0.06 * ground + 2).astype(np.float32)
    weight = box_mean(bare, 3) + 1e-6
    if bright.shape[2] == 1:
        return ground[..., None]
    tint = np.stack([box_mean(bright[..., c] * bare, 3) for c in range(3)], axis=2)
    mean = box_mean(light * bare, 3) + 1e-6
    known = (weight > 0.02)[..., None]
    plane: Plane = np.where(known, tint / mean[..., None], 1.0) * ground[..., None]
    return plane.astype(np.float32)


def _filled(level: Plane, known: Mask) -> Plane:
    """Continue the paper into the unknown blocks: mean of the known ones, as near as there are."""
    weight = known.astype(np.float32)
    out = level.copy()
    missing = ~known
    radius = 3
    while missing.any():
        near = box_mean(weight, radius)
        found = missing & (near > 0.02 if radius < max(known.shape) else near > 0)
        for c in range(level.shape[2]):
            total = box_mean(level[..., c] * weight, radius)
            out[..., c][found] = total[found] / near[found]
        missing &= ~found
        radius *= 2
    while radius > 1:  # what was found in steps shall be a slope: under a map steps would show
        radius //= 2
        for c in range(level.shape[2]):
            out[..., c][~known] = box_mean(out[..., c], radius)[~known]
    for c in range(level.shape[2]):
        out[..., c] = box_mean(out[..., c], 1)
    return np.clip(out, 1, 255)


def _grain(level: Plane, dips: Plane, picture: Mask, block: int) -> Plane:
    """How far the darkest pixel of a bare block lies below the paper; ink is not looked at.

    Of the blocks around, the quietest ones are bare paper, even between lines of text. Pictures
    have the grain of the usual paper of their page.
    """
    depth = np.maximum(1 - dips / level.min(axis=2), 0).astype(np.float32)
    depth = dilate(depth, 1 if block == 2 else 0)  # of 4 pixels none may be dark by chance
    quiet = erode(np.where(picture, np.float32(1), depth), 3)
    known = quiet < 1
    usual = np.median(quiet[known]) if known.any() else 0
    return np.minimum(box_mean(np.where(known, quiet, usual), 6), GRAIN_MAX)


def whitened(pixels: Pixels, paper: Paper, rows: slice) -> Pixels:
    """Rows of the page divided by its paper, which becomes white; same shape and dtype as they."""
    part = pixels[rows.start : rows.stop]
    gain: Plane = np.float32(255) / paper.level
    if part.ndim == 2:
        scaled = part * enlarged(gain[..., 0], paper.block, rows, part.shape[1])
        return np.minimum(scaled + 0.5, 255).astype(np.uint8)
    out = np.empty_like(part)
    for c in range(part.shape[2]):
        scaled = enlarged(gain[..., c], paper.block, rows, part.shape[1])
        scaled = part[..., c] * scaled
        scaled += 0.5
        out[..., c] = np.minimum(scaled, 255, out=scaled)
    return out


PICTURE_TRUST = 0.35
"""Share of what a network changes inside a picture that is believed."""
EVEN_BAND = 64
"""Rows that `evened` works on at once."""


def evened(pixels: Pixels, paper: Paper | None = None) -> Pixels:
    """The page with its paper divided out: even and white, ink and pictures as they were.

    What only the whole page can tell, how bright its paper is and where it is in shadow, is settled
    here, so that a network that sees a few hundred pixels need not guess it.

    Args:
        pixels: uint8 `(H, W)` or `(H, W, 3)`.
        paper: what `examine(pixels)` says, when it is known already.

    Returns:
        The same shape; the very same pixels where there is no paper at all.
    """
    if min(pixels.shape[:2]) < SMALLEST_PAGE:
        return pixels
    paper = paper or examine(pixels)
    if paper.picture.all():
        return pixels
    out = np.empty_like(pixels)
    for top in range(0, len(pixels), EVEN_BAND):
        rows = slice(top, min(top + EVEN_BAND, len(pixels)))
        out[rows] = whitened(pixels, paper, rows)
    return out


BARE = 250.5
"""Evened paper above this, on every square of 2 pixels, is bare: a line one pixel wide and 4 %
darker than the paper brings its squares to 249.9."""


def bare(even: Pixels, paper: Paper) -> Mask:
    """Where an evened page shows nothing at all: bool `(H, W)`, alike over each block.

    Args:
        even: what `evened` gave, uint8 `(H, W)` or `(H, W, 3)`.
        paper: of the same page.
    """
    half = paper.block // 2
    lowest = by_band(
        lambda band: block_reduce(block_sum(darkest(band), 2), half, highest=False),
        even,
        paper.block,
    )
    empty = (lowest >= 4 * BARE) & ~paper.picture
    return spread(empty, paper.block, slice(0, even.shape[0]), even.shape[1])


def tone_kept(even: Pixels, cleaned: Pixels, paper: Paper) -> Pixels:
    """Give photographs and dark or coloured grounds the tone back that they had before cleaning.

    Grain and scratches are made less, but the mean of a block of a picture is content: a network
    that sees a part of a photograph cannot know whether its gray is meant, or its texture.

    Args:
        even: the page before the network, uint8 `(H, W)` or `(H, W, 3)`.
        cleaned: the page behind it, of the same shape.
        paper: where the page's pictures are.
    """
    inside = erode(paper.picture, 1)  # the outermost blocks are partly paper
    if not inside.any():
        return cleaned
    block, out = paper.block, cleaned.copy()
    weight = inside.astype(np.float32) * (1 - PICTURE_TRUST)
    for top in range(0, len(out), EVEN_BAND):
        rows = slice(top, min(top + EVEN_BAND, len(out)))
        share = enlarged(weight, block, rows, out.shape[1])
        share = share[..., None] if out.ndim == 3 else share
        out[rows] = np.rint(out[rows] + share * (even[rows].astype(np.float32) - out[rows]))
    cleaned = out.copy()
    before, after = block_means(even, block), block_means(cleaned, block)
    shift = np.where(inside[..., None], before - after, 0)
    planes = [box_mean(shift[..., c], 1) * inside for c in range(shift.shape[2])]
    for top in range(0, len(out), EVEN_BAND):
        rows = slice(top, min(top + EVEN_BAND, len(out)))
        moved = np.stack([enlarged(p, block, rows, out.shape[1]) for p in planes], axis=2)
        part = out[rows] + moved.reshape(out[rows].shape)
        out[rows] = np.clip(np.rint(part), 0, 255)
    return out


AS_WHITE = 250
"""Paper as bright as this in every channel is white to the eye."""


def paper_kept(scan: Pixels, cleaned: Pixels) -> Pixels:
    """A cleaned page on paper of the colour that it had: even, as its scan's paper was mostly.

    Whatever the cleaning left of that colour is not given twice. The white lid of a scanner around
    a sheet stays white.

    Args:
        scan: the page before, uint8 `(H, W)` or `(H, W, 3)`.
        cleaned: the page behind, of the same shape.
    """
    if min(scan.shape[:2]) < SMALLEST_PAGE:
        return cleaned
    paper = examine(scan)
    beside = np.zeros_like(paper.picture) if paper.lid is None else paper.lid
    colour = np.median(paper.level[~beside], axis=0)
    if colour.min() >= AS_WHITE:
        return cleaned
    share = np.minimum(colour / examine(cleaned).usual, 1)
    tables = np.rint(np.arange(256) * share[:, None]).astype(np.uint8)
    planes = cleaned[..., None] if cleaned.ndim == 2 else cleaned
    tinted = np.stack([table.take(planes[..., c]) for c, table in enumerate(tables)], axis=2)
    kept = tinted.reshape(cleaned.shape)
    lid = spread(beside, paper.block, slice(0, len(scan)), scan.shape[1])
    kept[lid] = cleaned[lid]
    return kept
