"""What a scan measures like: the figures by which made scans are held against real ones.

Each figure says something that a parameter of `degradation` decides: paper colour and its spread,
noise against brightness, width of edges, depth of ink, faint structure of the paper (the other
side showing through, fibres, foxing), quality of JPEG. All are taken on a crop, so that a page of
any size and a made crop are measured alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanclean.blocks import block_reduce
from scanclean.config import ReadOptions
from scanclean.documents import open_document
from scanclean.errors import InputError
from scanclean.page import Page, Pixels, darkest
from scanclean.paper import Paper, examine
from scanclean.shapes import box_mean, dilate, erode

CROP = 768
"""Side of what is measured, pixels."""
CROPS = 4
"""Crops of a page that are looked at; those without ink say nothing and are left out."""
DARK, LIGHT = 96, 160
"""Below and above: brightness at which noise is stated apart, 0 to 255."""
INK = 0.25
"""Contrast from which something is ink and not the paper's structure."""
STRONG = 80
"""Rise of an edge whose width is measured, levels."""
FLAT = 20
"""Percentile of blocks that are taken for flat: they show noise, not content."""

Plane = npt.NDArray[np.float32]

# Luminance tables of the JPEG standard (Annex K) at quality 50, their sum: qualities follow from it
_LUMINANCE_SUM = 3688


@dataclass(frozen=True)
class Measures:
    """The figures of one crop; NaN where it shows nothing of the kind."""

    paper: float
    """Brightness of bare paper, 0 to 255."""
    yellow: float
    """Red over blue of bare paper: 1 is neutral, above it is yellow."""
    spread: float
    """Standard deviation of the paper's brightness over the crop, as a share of it."""
    ink: float
    """Depth of ink below its paper, as a share of it: 1 is black."""
    noise_dark: float
    """Standard deviation of noise where it is dark, levels."""
    noise_light: float
    """The same where it is bright, on paper."""
    edge: float
    """Width of strong edges, pixels: their rise over their steepest slope."""
    structure: float
    """Standard deviation of what bare paper shows between 2 and 8 pixels, as a share of it."""


def measure(pixels: Pixels) -> Measures | None:
    """Measure a crop, uint8 `(H, W)` or `(H, W, 3)`; None where it has no paper or no ink."""
    paper = examine(pixels)
    known = ~paper.picture
    if known.mean() < 0.5:
        return None
    gray = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)
    level = paper.level.mean(axis=2)
    dips = _dips(pixels, paper)
    inked = known & (dips > INK)
    if inked.mean() < 0.01:
        return None
    bare = known & ~dilate(inked, 2)
    light = paper.level[bare if bare.any() else known]
    dark, bright = _noise(gray)
    return Measures(
        paper=float(np.median(light.mean(axis=1))),
        yellow=float(np.median(light[:, 0] / light[:, -1])),
        spread=float(level[known].std() / level[known].mean()),
        ink=float(np.percentile(dips[inked], 75)),
        noise_dark=dark,
        noise_light=bright,
        edge=_edge_width(gray),
        structure=_structure(gray, paper, bare),
    )


def _dips(pixels: Pixels, paper: Paper) -> Plane:
    lowest = block_reduce(darkest(pixels), paper.block, highest=False)
    return np.clip(1 - lowest / paper.level.min(axis=2), 0, 1).astype(np.float32)


def _noise(gray: Plane) -> tuple[float, float]:
    """Noise in the flattest blocks of the dark and the light parts.

    Immerkaer, "Fast noise variance estimation" (1996): a mask that is blind to planes and edges.
    """
    y = gray[:-2] - 2 * gray[1:-1] + gray[2:]
    mask = np.abs(y[:, :-2] - 2 * y[:, 1:-1] + y[:, 2:])
    side = 8
    rows, columns = (n // side * side for n in mask.shape)

    def blocks(plane: Plane) -> Plane:
        parts = plane[:rows, :columns].reshape(rows // side, side, columns // side, side)
        mean: Plane = parts.mean(axis=(1, 3))
        return mean

    sigma = blocks(mask) * np.float32(np.sqrt(np.pi / 2) / 6)
    mean = blocks(gray[1:-1, 1:-1])
    inside = (mean > 8) & (mean < 247)  # clipped values have no noise left
    found = []
    for part in (mean < DARK, mean > LIGHT):
        values = sigma[part & inside]
        found.append(float(np.percentile(values, FLAT)) if len(values) >= 20 else np.nan)
    return found[0], found[1]


def _edge_width(gray: Plane) -> float:
    """Rise over slope, median over the pixels where a strong edge is steepest."""
    slope = np.abs(gray[:, 2:] - gray[:, :-2]) / 2
    rise = dilate(gray, 4) - erode(gray, 4)
    inner = rise[:, 1:-1]
    steepest = (slope >= dilate(slope, 2)) & (inner > STRONG) & (slope > 4)
    if steepest.sum() < 50:
        return np.nan
    return float(np.median(inner[steepest] / slope[steepest]))


def _structure(gray: Plane, paper: Paper, bare: npt.NDArray[np.bool_]) -> float:
    band = box_mean(gray, 1) - box_mean(gray, 4)
    rows, columns = np.nonzero(erode(bare, 1))
    if len(rows) < 20:
        return np.nan
    centre = paper.block // 2
    y = np.minimum(rows * paper.block + centre, gray.shape[0] - 1)
    x = np.minimum(columns * paper.block + centre, gray.shape[1] - 1)
    return float((band[y, x] / np.maximum(box_mean(gray, 4)[y, x], 1)).std())


def crops(path: Path, limit: int, seed: int = 0) -> Iterator[Pixels]:
    """Crops of up to `limit` pages of a document, evenly chosen; what cannot be read is left out.

    Args:
        path: PDF or picture.
        limit: number of pages.
        seed: where the crops lie.
    """
    rng = np.random.default_rng(seed)
    try:
        with open_document(path, path.name, ReadOptions()) as document:
            wanted = {i * len(document) // limit for i in range(limit)}
            pages = [p for i, p in enumerate(document) if i in wanted and isinstance(p, Page)]
    except InputError:
        return
    for page in pages:
        height, width = page.pixels.shape[:2]
        for _ in range(CROPS if min(height, width) > CROP else 1):
            top, left = (int(rng.integers(max(1, n - CROP + 1))) for n in (height, width))
            yield np.ascontiguousarray(page.pixels[top : top + CROP, left : left + CROP])


def jpeg_quality(path: Path) -> float:
    """Quality of a JPEG file, 1 to 100, by its table of luminance; NaN for other files.

    The Independent JPEG Group's rule, turned round: tables are those of the standard times a
    factor of `50 / quality` below 50 and `2 - quality / 50` above.
    """
    try:
        with Image.open(path) as picture:
            tables = getattr(picture, "quantization", None)
    except OSError:
        return float("nan")
    if not tables:
        return float("nan")
    factor = sum(tables[0]) / _LUMINANCE_SUM
    return float(np.clip(50 / factor if factor > 1 else 100 - 50 * factor, 1, 100))
