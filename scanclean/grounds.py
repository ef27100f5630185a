"""Where a page has no paper: photographs, dark and coloured grounds, dyed sheets.

On blocks, as everything in `paper`: the ground of a block is its brightest part, smoothed.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scanclean.shapes import Components, box_mean, components, dilate, erode, grown_from, median

Plane: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.int64]
Shares: TypeAlias = npt.NDArray[np.float64]

MEDIAN_RADIUS = 5
"""In blocks: a window of 11 (88 pixels) is paper by majority even in bold text."""
DARK_GROUND = 0.42
"""Ground below this share of the paper around it is a picture or a dark box: stains of coffee and
shadows in the gutter stay above it."""
GROWN_GROUND = 0.86
"""What hangs together with such a dark ground and is below this share belongs to it."""
MIN_PICTURE_SIDE = 0.12
"""Short side of the smallest picture, as a share of the page's; smaller dark things are ink."""
COLOUR_GROUND = 0.16
"""A ground whose channels differ from the paper's tint by this share is coloured on purpose: coffee
on gray paper reaches 0.12."""
TINT_GROUND = 0.05
"""A printed tint with an abrupt outline is one from this share on."""
BAR = 0.3
"""The same for what is no paper, but ink, however large and gray it is."""
GRAY_GROUNDS = (0.08, 0.15, 0.2, 0.3)
"""The same for gray, where stains and shadows are more usual. A photograph on stained paper stands
out as a rectangle at one of these, if not at the first."""
DRAWN = (0.02, 0.5)
"""The same where the paper is clipped white; darker is ink."""
DRAWN_FLAT = (8, 0.4)
"""Gray levels between brightest and darkest pixels of a block, in that share of such a tint. Text
takes away from that; stains have next to no such blocks."""
PALE_GROUND = 0.04
"""The same for what touches two sides of the page at most: the shadow of a phone goes across it."""
PALE_SIDE = 0.24
"""Short side of the smallest of these, as a share of the page's; smaller ones are mostly stains."""
GRAY_RADIUS = 4
"""In blocks; a gray tint is at least 9 of them (72 pixels) high, others are taken for stains."""
RECTANGLE = 0.88
"""A gray tint fills its bounding box by this share; a disc would fill 0.79."""
DIM_PAPER = 40
"""No paper is darker than this, however badly it was photographed."""
LIGHT_PAPER = 153
"""Parts of a page lighter than this (60 %) are not taken for written on in white."""
WHITE_WRITING = 0.5
"""Levels by which the brightest parts of blocks lie above their ground, on the whole, where a page
of any brightness is written on in white. On 440 made and real pages with dark ink it is 0.03 at
most, on four with white ink 0.8 to 3.4."""
DARK_REST = 110
"""Where more than half of a page is pictures, the rest is one, too, if it is mostly darker than
that: paper beside such pictures has 134 and more, on 160 made and 300 real pages."""
BRIGHTER, BRIGHTER_SHARE = 10, 0.1
"""So it is if so large a share of its blocks is so many levels brighter than their ground: white
print goes on there. Of the paper on those pages 0.04 are so at most; of a picture written on all
over 0.32."""
WHITE_SHARE = 0.5
"""Per cent of the page that is brighter than what is called white: letters on a black slide are."""
DIM_GROUND = 0.45
"""A ground below this share of the page's white is a picture, even where it fills the page."""
GRAY_PAPER = 0.6
"""What hangs together with such a picture is paper from this share of the page's white on."""
FRAME = 0.5
"""What touches two sides of the page or more and fills less than this share of its bounding box is
the frame of something."""
SHADOW_FLAT, SHADOW_BARE, SHADOW_INK = (0.1, 0.7), (0.15, 0.3), (0.35, 0.1)
"""In a shadow on a written page the brightest part of a block is its ground but for that share, in
so many of the blocks; the darkest pixel lies less below it than that in so many, more in so many.
Six shadows came to 0.71, 0.34 and 0.14 at least; no dark photograph or box to all three."""
ALL_PICTURE = 0.85
"""Share of pictures from which on a page has no paper that could be judged."""
ISLAND = 0.02
"""Share of the page below which what lies between pictures belongs to them: their bright parts."""
CLIPPED = 254.5
"""Blocks as bright as this are white without any grain: paper that a program has drawn or whose
levels were cut off."""
CLIPPED_SHARE = 0.4
"""Share of such blocks from which on the paper of a page is known to be clipped."""
TONED = 3
"""Gray levels below it from which on a block has a tone."""
SATURATED = 0.45
"""Lowest over highest channel of a ground that cannot be paper; the yellowest paper has 0.5."""
DYED = 0.07
"""A channel of bare paper this far from their mean, on paper that is not yellowed, is meant: pink,
green and blue sheets. Cold lamps and cameras in the shade reach 0.065."""
VIOLET = 0.05
"""So is paper that lacks so much green beside red and blue, which no lamp takes: 84 real scans and
40 photographs of pages come to 0.03."""
YELLOW_LOST, YELLOW_OF_GREEN = (0.3, 0.5), (0.2, 0.31)
"""Where paper has lost such a share of blue it was made yellow if less than this share of that was
lost of green. Age takes more: 0.4 to 0.52 of that on twelve real scans which lost 0.32 to
0.49 of blue, 0.34 on one that lost 0.51."""
ONE_TINT = (0.06, 0.5)
"""Channels of paper differ from the usual tint by at most the first share on at least the second
share of the bright grounds. Uneven lamps and foxed paper leave 0.74 of them; maps of many colours,
in which no tint is the paper's, have 0.26."""

LID = (0.9, 0.88)
"""The lid of a scanner has this share of the brightest blocks' brightness, and nothing on it is
darker than the second share of its own."""
SHEET = 0.4
"""Share of the page that a sheet on the lid covers, at least."""
SHEET_FULL, SHEET_DARKER = 0.85, 0.85
"""Share of its bounding box in which no lid is seen, and that is darker than the lid."""
SHEET_FLAT, SHEET_INK = 0.55, (0.25, 0.03)
"""Share of a written sheet whose blocks are as bright as their ground, as in `SHADOW_FLAT`, and
share that holds ink: of any sheet, and of one that is even. A dense page of a dark book comes to
0.6 and 0.4, photographs in gray to 0.5 or to little ink."""
SHEET_EVEN = 0.75
"""An even sheet is nowhere darker than this share of its brightest parts."""


def pictures(
    bright: Plane, ground: Plane, light: Plane, dips: Plane, shadow: Mask, dots: Mask
) -> Mask:
    """Blocks whose ground is no paper: dark, coloured, printed as dots, or written on in white."""
    if ground.max() < DIM_PAPER:
        return np.ones(ground.shape, np.bool_)
    side = min(ground.shape)
    reach = max(3, side // 6)
    around = brightest_around(ground)
    size = _picture_radius(ground)
    dark = _solid(ground < DARK_GROUND * around, size)
    up = box_mean(light - ground, reach)
    down = box_mean(np.maximum(ground - dips, 0), reach)
    inverted = (ground < DIM_PAPER) | ((up > down) & (up > 3) & (ground < LIGHT_PAPER))
    if inverted.any():  # the same ground goes on where nothing is written
        inverted |= ground < 1.2 * np.median(ground[inverted])
    dark |= _dim(ground, light)
    if shadow.any():  # beside what is in the shadow as well
        inside = np.where(shadow, ground, 0)
        dark &= ~shadow | _solid(inside < DARK_GROUND * brightest_around(inside), size)
    even = np.zeros_like(dark)
    shade = np.float32(1) - ground / around
    for depth in GRAY_GROUNDS:
        even |= _rectangles(_abrupt(shade, depth, GRAY_RADIUS))
    even |= _drawn_tints(light, dips)
    pale = _rectangles(_abrupt(shade, PALE_GROUND, GRAY_RADIUS))
    even |= _inset(pale, shade, round(PALE_SIDE * side))
    if bright.shape[2] == 3:
        share = np.stack([median(bright[..., c], 1) for c in range(3)], axis=2) + 1
        share /= share.mean(axis=2, keepdims=True)
        lit = ground >= 0.85 * around
        usual = np.median(share[lit], axis=0)
        colour = np.abs(share - usual).max(axis=2)
        if _dyed(usual) or (colour[lit] <= ONE_TINT[0]).mean() < ONE_TINT[1]:
            return np.ones(ground.shape, np.bool_)
        lowest, highest = bright.min(axis=2) + 1, bright.max(axis=2) + 1
        dark |= _solid(median(lowest / highest, 1) < SATURATED, size)
        even |= _solid(colour > COLOUR_GROUND, 1) | _abrupt(colour, TINT_GROUND, 1)
        unaged = np.where(_not_by_age(share), colour, 0)
        beside = even | dark
        for radius in (1, 2):  # a box may have a rim of another colour
            even |= _abrupt(unaged, TINT_GROUND, radius, beside=beside)
    seeds = dark | inverted | even | dots
    if not seeds.any():
        return seeds | _white_writing(light, ground, ~seeds)
    found = _completed(dilate(_grown(seeds, ground < GROWN_GROUND * around), 1), light)
    islands = components(~found)
    found |= islands.paint(islands.area < ISLAND * found.size, found.shape)
    return found | _go_on(light, ground, found) | _white_writing(light, ground, ~found)


def bars(ground: Plane, around: Plane, light: Plane, dips: Plane) -> Mask:
    """Blocks of dark gray things that are narrower than a picture: bars, logos, engraved shades.

    Coffee, too, may end abruptly; but under it some blocks hold ink, and more do not.

    Args:
        ground: brightest parts of the blocks, smoothed, `(h, w)`.
        around: what `brightest_around` says.
        light: brightest parts of the blocks.
        dips: darkest pixels of the blocks.
    """
    mask = _abrupt(np.float32(1) - ground / around, BAR, 1)
    found = components(mask)
    if not found.count:
        return mask
    _, bare, ink = _written(found, mask, ground, light, dips)
    return found.paint((ink < SHADOW_INK[1]) | (ink > bare), mask.shape)


def _drawn_tints(light: Plane, dips: Plane) -> Mask:
    """Even gray boxes and bands where the paper is clipped white: no stain looks so."""
    if not clipped(light):
        return np.zeros(light.shape, np.bool_)
    shade = np.float32(1) - median(light, 1) / np.float32(255)
    mask = _rectangles(_abrupt(np.where(shade < DRAWN[1], shade, 0), DRAWN[0], 1))
    found = components(mask)
    if not found.count:
        return mask
    even = found.run_sum(mask & (light - dips <= DRAWN_FLAT[0]))
    flat = np.bincount(found.label, even, found.count) >= DRAWN_FLAT[1] * found.area
    return found.paint(flat, mask.shape)


def _white_writing(light: Plane, ground: Plane, rest: Mask) -> bool:
    """Whether what is no picture yet is written on in white on the whole."""
    return bool(rest.any() and (light - ground)[rest].mean() > WHITE_WRITING)


def _go_on(light: Plane, ground: Plane, found: Mask) -> bool:
    """Whether the pictures of a page that is mostly these go on in the rest of it."""
    if not 0.5 < found.mean() <= ALL_PICTURE:
        return bool(found.mean() > ALL_PICTURE)
    brighter = light - ground > BRIGHTER
    dark = np.median(ground[~found]) < DARK_REST
    return bool(dark or brighter[~found].mean() > BRIGHTER_SHARE)


def _dim(ground: Plane, light: Plane) -> Mask:
    """Large parts that are dark beside the page's white, with what is half dark around them."""
    white = np.percentile(light, 100 - WHITE_SHARE)
    dim = _solid(ground < DIM_GROUND * white, _picture_radius(ground))
    return grown_from(dim, dim | (ground < GRAY_PAPER * white))


def _picture_radius(ground: Plane) -> int:
    return max(1, round(MIN_PICTURE_SIDE * min(ground.shape) / 2))


def shadows(ground: Plane, light: Plane, dips: Plane) -> Mask:
    """Blocks of paper in the deep shadow of a hand or of a phone.

    Such a shadow reaches the edge of the page and is flat but for ink: some blocks are bare, some
    hold ink. In photographs most are neither. Grounds that are written on in white are no shadows.
    """
    mask = _dim(ground, light)
    found = components(mask)
    if not found.count:
        return mask
    height, width = mask.shape
    top, bottom, left, right = _boxes(found)
    within = (top > 0) & (bottom < height) & (left > 0) & (right < width)
    flat, bare, ink = _written(found, mask, ground, light, dips)
    written = (flat >= SHADOW_FLAT[1]) & (bare >= SHADOW_BARE[1]) & (ink >= SHADOW_INK[1])
    return found.paint(~within & written, mask.shape)


def _written(
    found: Components, mask: Mask, ground: Plane, light: Plane, dips: Plane
) -> tuple[Shares, Shares, Shares]:
    """Shares of the blocks of each set that are flat, bare, and inked: see `SHADOW_FLAT`."""
    level = np.maximum(ground, 1)
    depth = (ground - dips) / level
    flat, bare, ink = (
        np.bincount(found.label, found.run_sum(mask & where), found.count) / found.area
        for where in (
            np.abs(light / level - 1) < SHADOW_FLAT[0],
            depth < SHADOW_BARE[0],
            depth > SHADOW_INK[0],
        )
    )
    return flat, bare, ink


def sheet(light: Plane, dips: Plane) -> tuple[slice, slice] | None:
    """Rows and columns of blocks of a written sheet that lies on the bright lid of a scanner.

    Beside white, brown paper is as dark as a picture, so it has to be looked at by itself. None
    where the lid is not seen, or what lies on it is small or not written.
    """
    bright, bare = LID
    lid = (light > bright * np.percentile(light, 100 - WHITE_SHARE)) & (dips > bare * light)
    inner = np.s_[1:-1, 1:-1]
    seeds = lid.copy()
    seeds[inner] = False
    lid = grown_from(seeds, lid)
    rows, columns = (np.flatnonzero((~lid).mean(axis=axis) > 0.5) for axis in (1, 0))
    if not lid.any() or not rows.size or not columns.size:
        return None
    height, width = lid.shape
    box = _inwards(rows, height), _inwards(columns, width)
    if not SHEET * lid.size <= lid[box].size < lid.size or (~lid[box]).mean() < SHEET_FULL:
        return None
    level = np.maximum(median(light[box], MEDIAN_RADIUS), 1)
    if (level < bright * np.median(light[lid])).mean() < SHEET_DARKER:
        return None
    flat = (np.abs(light[box] / level - 1) < SHADOW_FLAT[0]).mean()
    low, high = np.percentile(level, (5, 95))
    least = SHEET_INK[1] if low >= SHEET_EVEN * high else SHEET_INK[0]
    written = ((level - dips[box]) / level > SHADOW_INK[0]).mean() >= least
    return box if flat >= SHEET_FLAT and written else None


def _inwards(places: npt.NDArray[np.intp], length: int) -> slice:
    """From the first place to the last of so many, without those that are partly lid."""
    first, last = int(places[0]), int(places[-1])
    return slice(first + (first > 0), last + (last == length - 1))


def _completed(found: Mask, light: Plane) -> Mask:
    """Pictures with the bright parts that complete them to rectangles, such as a sky above land.

    Only on pages whose paper is clipped white: there it is known what is none.
    """
    if not clipped(light):
        return found
    # closed over gaps of four blocks, then without what is thinner than five
    toned = found | (light < CLIPPED - TONED)
    whole = _rectangles(_solid(erode(dilate(toned, 2), 2), 2))
    return found | grown_from(found & whole, whole)


def clipped(light: Plane) -> bool:
    """Whether the paper of a page is clipped white, from the brightness of its blocks."""
    return bool((light >= CLIPPED).mean() >= CLIPPED_SHARE)


def _dyed(share: Plane) -> bool:
    """Whether paper with these channels, as shares of their mean, was coloured by its maker."""
    red, green, blue = share
    violet = (red + blue) / 2 - green > VIOLET
    unaged = _not_by_age(share) and (violet or np.abs(share - 1).max() > DYED)
    return bool(unaged or yellow(share))


def yellow(colour: Plane) -> bool:
    """Whether paper has a yellow that age does not give it, which takes more of green."""
    red, green, blue = colour / colour.max()
    lost = red - blue
    of_green = np.interp(lost, YELLOW_LOST, YELLOW_OF_GREEN)
    return bool(lost > YELLOW_LOST[0] and red - green < of_green * lost)


def _not_by_age(share: Plane) -> Mask:
    """Where channels `(..., 3)`, as shares of their mean, are not what age and dirt make of white.

    They take blue first; where another channel is lowest, paper never was white.
    """
    unaged: Mask = share[..., 2] > share.min(axis=-1) + 0.01
    return unaged


def brightest_around(ground: Plane) -> Plane:
    """The brightest ground within a sixth of the page: paper, wherever some is near."""
    reach = max(3, min(ground.shape) // 6)
    return np.maximum(box_mean(dilate(erode(ground, 1), reach), reach), 1)


def _grown(seeds: Mask, mask: Mask) -> Mask:
    """Seeds with what of `mask` hangs together with them, inside their bounding boxes.

    Pictures are rectangles; without the boxes a shadow that touches one would belong to it. The
    table around a book has no such box: what lies within is the book.
    """
    found = components(seeds)
    height, width = mask.shape
    top, bottom, left, right = _boxes(found)
    touched = (top == 0).astype(int) + (bottom == height) + (left == 0) + (right == width)
    frame = (touched >= 2) & (found.area < FRAME * (bottom - top) * (right - left))
    inside = np.zeros_like(mask)
    for k in np.flatnonzero((found.area >= 9) & ~frame):
        inside[top[k] : bottom[k], left[k] : right[k]] = True
    return grown_from(seeds, seeds | (mask & inside))


def _abrupt(strange: Plane, least: float, radius: int, beside: Mask | None = None) -> Mask:
    """Parts that are `least` away from paper and end abruptly: printed, not stained or shaded.

    Just inside the outline such a part is as strange as in its middle, just outside it is paper; a
    stain fades in between. Where it meets another ground (`beside`) nothing is concluded.
    """
    mask = _solid(strange > least, radius)
    if beside is not None:
        mask &= ~beside
    found = components(mask)
    if not found.count:
        return mask
    outline = mask & ~erode(mask, 1)
    if beside is not None:
        outline &= ~dilate(beside, 3)
    inner = mask & ~erode(mask, 2) & ~outline if radius > 1 else outline
    means = []
    for where, plane in ((mask, strange), (inner, strange), (outline, erode(strange, 3))):
        total = np.bincount(found.label, found.run_sum(np.where(where, plane, 0)), found.count)
        many = np.bincount(found.label, found.run_sum(where), found.count)
        means.append(total / np.maximum(many, 1))
    middle, edge, outside = means
    flat = (edge >= 0.75 * middle) & (outside < 0.3 * middle)
    return found.paint(flat, mask.shape)


def _rectangles(mask: Mask) -> Mask:
    """Sets of a mask that nearly fill their bounding boxes; stains are round or ragged."""
    found = components(mask)
    if not found.count:
        return mask
    high = found.each(found.row, np.maximum) + 1 - found.each(found.row, np.minimum)
    wide = found.each(found.stop, np.maximum) - found.each(found.start, np.minimum)
    full = found.area >= RECTANGLE * high * wide
    return found.paint(full, mask.shape)


def _inset(mask: Mask, shade: Plane, least: int) -> Mask:
    """Sets of a mask that are pale photographs.

    They have so many blocks a side, touch two sides of the page or fewer, and are darker on the
    whole than their palest parts: a small sheet on the white lid of a scanner is not.
    """
    found = components(mask)
    if not found.count:
        return mask
    height, width = mask.shape
    top, bottom, left, right = _boxes(found)
    touched = (top == 0).astype(int) + (bottom == height) + (left == 0) + (right == width)
    large = np.minimum(bottom - top, right - left) >= least
    total = np.bincount(found.label, found.run_sum(np.where(mask, shade, 0)), found.count)
    toned = total >= 2 * PALE_GROUND * found.area
    return found.paint((touched <= 2) & large & toned, mask.shape)


def _boxes(found: Components) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Bounding boxes of all sets: top, bottom, left, right; bottom and right lie outside."""
    return (
        found.each(found.row, np.minimum),
        found.each(found.row, np.maximum) + 1,
        found.each(found.start, np.minimum),
        found.each(found.stop, np.maximum),
    )


def _solid(mask: Mask, radius: int) -> Mask:
    """Parts of a mask that hold a square of `2 * radius + 1` blocks."""
    return dilate(erode(mask, radius), radius)
