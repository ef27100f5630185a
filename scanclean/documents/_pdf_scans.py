"""Which pictures of a page are its scan: found by how they are placed, not by what they show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scanclean.documents._pdf_content import (
    Box,
    Drawing,
    Matrix,
    Placement,
    box_of,
    inherited,
    overlap,
)
from scanclean.documents._pdf_library import Object, get, mupdf

COVERS = 0.6
"""Share of the page that a scan covers, at least; the rest may be a margin."""
HALF = 0.25
"""Share of the page that each of two facing pages covers, at least."""
ALONE = 0.1
"""Share that it covers, at least, where the page shows nothing else: a receipt, or an identity
card, on a large sheet."""
VEIL = 0.05
"""Share of the page from which stencils and masked pictures make it a layered page."""
OVERPRINT = 200
"""Visible characters on top of a picture from which it is a background, not a scan."""
CAPTION = 50
"""Visible characters up to which several large pictures are facing pages, not figures."""
ASLANT = 1e-3
"""How far a scan may lean to count as upright, as a share of its width."""
GAPLESS = 0.97
"""Share of their common rectangle that the tiles of a scan fill."""
MAX_TILES = 2000
"""Pictures of a page that are tried as tiles."""

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Part:
    """A picture and where it lies in the raster of its scan."""

    placement: Placement
    size: Size
    x: int
    y: int


@dataclass(frozen=True)
class Scan:
    """One raster of a page: a single picture, or tiles that lie side by side."""

    parts: tuple[Part, ...]
    size: Size
    """Of the whole raster."""
    pixel: tuple[float, float]
    """Width and height of a pixel, in points before UserUnit."""
    turn: int
    """Quarter turns clockwise that the page's placement gives to the picture, 0 to 3."""

    @property
    def plain(self) -> bool:
        """Whether it is placed along the page's sides, and not mirrored."""
        a, b, c, d, _, _ = self.parts[0].placement.matrix
        aslant = min(abs(a), abs(b)) + min(abs(c), abs(d))
        return a * d - b * c > 0 and aslant < ASLANT * max(abs(a), abs(b))


BLANK = "blank page"
"""Why nothing is cleaned on a page that paints nothing."""


@dataclass(frozen=True)
class Verdict:
    """What a page holds."""

    scans: tuple[Scan, ...] = ()
    """Scans to clean, in the order in which they are painted."""
    reason: str = ""
    """Why there is none."""
    printed: bool = False
    """Visible text lies on the scans."""
    layered: bool = False
    """It would be a scan, but what lies on it would come apart."""


def judge(page: Object, drawn: Drawing, sizes: dict[int, Size]) -> Verdict:
    """Decide which pictures of a page are scans.

    Args:
        page: the page's dictionary.
        drawn: what it paints.
        sizes: width and height of the picture objects, by number.
    """
    box = page_box(page)
    cover = {id(p): coverage(p.matrix, box, p.clip) for p in drawn.placements}
    usable = [p for p in drawn.placements if all(sizes.get(p.xref, (0, 0)))]
    opaque = [p for p in usable if not p.stencil and not p.see_through]
    veils = [p for p in drawn.placements if p.stencil or p.see_through]
    scans = _rasters(opaque, cover, sizes, drawn.characters)
    masked = [p for p in usable if p.see_through and not p.stencil and cover[id(p)] >= COVERS]
    if not scans and len(masked) == 1 == len(veils):
        scans, veils = [_single(masked[0], sizes)], []
    ink = [p for p in usable if p.stencil and p.black and not p.see_through]
    if not scans and len(ink) == len(drawn.placements):
        scans, veils = _rasters(ink, cover, sizes, drawn.characters), []
    if not scans and _alone(drawn, opaque, box):
        scans = [_single(opaque[0], sizes)]
    if not scans:
        return Verdict(reason=_why_none(drawn))
    printed = _characters_on(scans, drawn)
    if printed > OVERPRINT:
        return Verdict(reason="text on a background picture, not a scan")
    if sum(cover[id(veil)] for veil in veils) >= VEIL:
        return Verdict(reason="layered page: text lies in masks over a picture", layered=True)
    return Verdict(scans=tuple(scans), printed=printed > 0)


def _alone(drawn: Drawing, opaque: Sequence[Placement], box: Box) -> bool:
    """Whether the page shows one whole picture and nothing beside or on it."""
    if len(opaque) != 1 or len(drawn.placements) != 1:
        return False
    (only,) = opaque
    share = coverage(only.matrix, box)
    whole = coverage(only.matrix, box, only.clip) >= GAPLESS * share
    return whole and share >= ALONE and not (drawn.characters or drawn.strokes or drawn.inline)


def _why_none(drawn: Drawing) -> str:
    if any(not placement.stencil for placement in drawn.placements) or drawn.inline:
        return "no scan: its pictures are figures"
    if drawn.placements:
        return "no scan: only a stencil"
    return "no scan: text or drawings" if drawn.characters or drawn.strokes else BLANK


def _characters_on(scans: Sequence[Scan], drawn: Drawing) -> int:
    """How many visible ones lie on the scans; text *below* is how some programs hide it."""
    earlier = max(part.placement.characters_before for scan in scans for part in scan.parts)
    return drawn.characters - earlier


def _rasters(
    opaque: list[Placement], cover: dict[int, float], sizes: dict[int, Size], characters: int
) -> list[Scan]:
    whole = [p for p in opaque if cover[id(p)] >= COVERS]
    tiled = _tiled(opaque, cover, sizes) if 2 <= len(opaque) <= MAX_TILES else None
    # A picture as large as the raster is a scan of its own, with something pasted on it.
    if tiled and not (whole and any(part.size == tiled.size for part in tiled.parts)):
        return [tiled]
    if whole or len(opaque) < 2:
        return [_single(p, sizes) for p in whole]
    halves = [p for p in opaque if cover[id(p)] >= HALF]
    together = sum(cover[id(p)] for p in halves)
    if len(halves) >= 2 and together >= COVERS and characters <= CAPTION:
        return [_single(p, sizes) for p in halves]
    return []


def _single(placement: Placement, sizes: dict[int, Size]) -> Scan:
    size = sizes[placement.xref]
    right, down = _pixel_steps(placement.matrix, size)
    return Scan(
        parts=(Part(placement, size, 0, 0),),
        size=size,
        pixel=(math.hypot(*right), math.hypot(*down)),
        turn=_turn(placement.matrix),
    )


def _tiled(opaque: list[Placement], cover: dict[int, float], sizes: dict[int, Size]) -> Scan | None:
    """The pictures as tiles of one raster, if that is what they are.

    All must have the same pixels on paper. In units of such pixels, and along their axes, every
    corner then has a whole number as its place relative to the first tile's.
    """
    first = max(opaque, key=lambda p: cover[id(p)])
    right, down = _pixel_steps(first.matrix, sizes[first.xref])
    alike = [p for p in opaque if _same_steps((right, down), _pixel_steps(p.matrix, sizes[p.xref]))]
    area = right[0] * down[1] - right[1] * down[0]
    if len(alike) < 2 or not area or sum(cover[id(p)] for p in alike) < COVERS:
        return None
    corner = _corner(first.matrix)
    places = []
    for placement in alike:
        x, y = (there - here for there, here in zip(_corner(placement.matrix), corner, strict=True))
        places.append(((x * down[1] - y * down[0]) / area, (y * right[0] - x * right[1]) / area))
    if any(abs(value - round(value)) > 0.3 for place in places for value in place):
        return None
    return _raster(alike, [(round(x), round(y)) for x, y in places], sizes, (right, down))


def _raster(
    tiles: list[Placement],
    places: list[tuple[int, int]],
    sizes: dict[int, Size],
    steps: tuple[tuple[float, float], tuple[float, float]],
) -> Scan | None:
    left, top = min(x for x, _ in places), min(y for _, y in places)
    parts = tuple(
        Part(tile, sizes[tile.xref], x - left, y - top)
        for tile, (x, y) in zip(tiles, places, strict=True)
    )
    width = max(part.x + part.size[0] for part in parts)
    height = max(part.y + part.size[1] for part in parts)
    filled = sum(part.size[0] * part.size[1] for part in parts) / (width * height)
    if not GAPLESS <= filled <= 2 - GAPLESS:
        return None
    pixel = (math.hypot(*steps[0]), math.hypot(*steps[1]))
    return Scan(parts, (width, height), pixel, _turn(tiles[0].matrix))


def _pixel_steps(matrix: Matrix, size: Size) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where one pixel to the right and one pixel down lead, in points."""
    a, b, c, d, _, _ = matrix
    width, height = size
    return (a / width, b / width), (-c / height, -d / height)


def _same_steps(
    first: tuple[tuple[float, float], tuple[float, float]],
    second: tuple[tuple[float, float], tuple[float, float]],
) -> bool:
    return all(
        math.dist(one, other) <= 0.01 * math.hypot(*one)
        for one, other in zip(first, second, strict=True)
    )


def _corner(matrix: Matrix) -> tuple[float, float]:
    """Where the first pixel's outer corner lies: the top left one, at (0, 1) of the unit square."""
    return matrix[2] + matrix[4], matrix[3] + matrix[5]


def _turn(matrix: Matrix) -> int:
    a, b, _, _, _, _ = matrix
    return round(-math.atan2(b, a) / (math.pi / 2)) % 4


def page_box(page: Object) -> Box:
    """What of the page's plane is shown: the crop box within the media box."""
    media = box_of(inherited(page, "MediaBox")) or (0.0, 0.0, 612.0, 792.0)
    crop = box_of(inherited(page, "CropBox")) or media
    both = (
        max(media[0], crop[0]),
        max(media[1], crop[1]),
        min(media[2], crop[2]),
        min(media[3], crop[3]),
    )
    return both if both[0] < both[2] and both[1] < both[3] else media


def user_unit(page: Object) -> float:
    """Points in a unit of the page's plane."""
    unit = float(mupdf().pdf_to_real(get(page, "UserUnit")))
    return unit if unit > 0 else 1.0


def coverage(matrix: Matrix, box: Box, clip: Box | None = None) -> float:
    """Share of the box that the unit square covers once placed by the matrix, 0 to 1.

    Of the square only what lies within `clip` is seen.

    >>> coverage((100, 0, 0, 50, 0, 0), (0, 0, 100, 100))
    0.5
    """
    a, b, c, d, e, f = matrix
    polygon = [(e, f), (a + e, b + f), (a + c + e, b + d + f), (c + e, d + f)]
    left, bottom, right, top = overlap(box, clip)
    for axis, limit, sign in ((0, left, 1), (0, right, -1), (1, bottom, 1), (1, top, -1)):
        polygon = _clip(polygon, axis, limit, sign)
    return _area(polygon) / ((box[2] - box[0]) * (box[3] - box[1]))


def _clip(
    polygon: list[tuple[float, float]], axis: int, limit: float, sign: int
) -> list[tuple[float, float]]:
    """The part of a convex polygon on one side of a line along an axis (Sutherland-Hodgman)."""
    kept = []
    for here, there in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        inside, next_inside = sign * (here[axis] - limit) >= 0, sign * (there[axis] - limit) >= 0
        if inside:
            kept.append(here)
        if inside != next_inside:
            share = (limit - here[axis]) / (there[axis] - here[axis])
            kept.append(
                (here[0] + share * (there[0] - here[0]), here[1] + share * (there[1] - here[1]))
            )
    return kept


def _area(polygon: list[tuple[float, float]]) -> float:
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) / 2
