"""What people do to a sheet: spill, fold, crumple, punch.

The shading of folds and creases is Lambert's: what a surface sends back goes with the cosine of its
tilt to the lamp, to first order the slope across the light's direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scanclean.training._light import (
    Field,
    Light,
    Scene,
    Shape,
    bank,
    between,
    blurred,
    log_between,
    resized,
    smooth,
    stained,
    texture,
)

LIQUIDS = {
    "coffee": (0.35, 0.7, 1.2),
    "tea": (0.15, 0.4, 0.9),
    "water": (0.25, 0.32, 0.42),
    "grease": (0.3, 0.33, 0.4),
    "wine": (0.3, 0.75, 0.6),
    "ink": (0.9, 0.8, 0.5),
    "soot": (1.0, 1.0, 1.0),
}
"""Absorbance of a film of each liquid in red, green, blue."""

_CRUMPLE_SIDE = 512


@dataclass(frozen=True)
class Stain:
    """A spill that has dried: a dark rim where the liquid's front stood, a paler inside.

    The rim is the "coffee-ring effect" of R. D. Deegan et al., Nature 389 (1997).
    """

    liquid: str
    """Key of `LIQUIDS`."""
    radius_mm: float
    """Mean radius."""
    rim: float
    """Absorbance at the rim."""
    fill: float
    """Absorbance inside."""
    cup: bool
    """A print of a cup's foot: a thin ring with gaps, nothing inside."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Stain:
        """Draw a spill."""
        cup = bool(rng.random() < 0.3)
        strength = between(rng, 0.06, 0.2 + 0.7 * level)
        return cls(
            str(rng.choice(tuple(LIQUIDS))),
            between(rng, 12, 45) if cup else log_between(rng, 2, 60),
            strength,
            strength * (between(rng, 0, 0.1) if cup else between(rng, 0.05, 0.9)),
            cup,
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Lay the film over the page; a stain is soft, so it is made at a third of the size."""
        rng, shape = scene.rng, light.shape[1:]
        small = (shape[0] // 3 + 2, shape[1] // 3 + 2)
        radius = max(3.0, scene.px(self.radius_mm) / 3)
        # The middle may lie outside the crop, but some of the border should be seen.
        turn, far = rng.random() * 6.283, radius * between(rng, 0, 1.1)
        row = rng.random() * small[0] + far * np.sin(turn)
        column = rng.random() * small[1] + far * np.cos(turn)
        y, x = np.ogrid[: small[0], : small[1]]
        wander = 0.02 if self.cup else 0.12
        ratio = np.hypot(y - row, x - column).astype(np.float32) / radius
        ratio += wander * smooth(rng, small, radius / 1.5) + wander / 4 * smooth(rng, small, 5)
        width = between(rng, 0.03, 0.1) if self.cup else between(rng, 0.03, 0.15)
        edge = np.where(ratio < 1, (1 - ratio) / (2 * width), (ratio - 1) / (0.3 * width))
        amount = self.rim * np.exp(-edge) + self.fill * np.clip((1 - ratio) / 0.03, 0, 1)
        if self.cup:
            amount = amount * np.clip(0.6 + 0.6 * smooth(rng, small, radius / 2), 0, 1.3)
        amount = amount * (1 + 0.15 * texture(rng, small, "cloud"))
        return stained(light, resized(np.clip(amount, 0, 3), shape), LIQUIDS[self.liquid])


@dataclass(frozen=True)
class Fold:
    """A sheet that was folded: both halves tilt, the ink along the crease is worn off."""

    angle: float
    """Direction of the crease, degrees; 0 runs left to right."""
    depth: float
    """Change of brightness across the crease, 0 to 1."""
    reach_mm: float
    """How far from the crease the tilt is seen."""
    wear: float
    """Share of the ink gone on the crease."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Fold:
        """Draw a crease; most run nearly along an edge of the sheet."""
        angle = rng.choice((0.0, 90.0)) + rng.normal(0, 2)
        if rng.random() < 0.25:
            angle = rng.random() * 180
        return cls(
            float(angle),
            between(rng, 0.04, 0.12 + 0.35 * level),
            log_between(rng, 1, 25),
            between(rng, 0, 0.7) if rng.random() < 0.5 else 0.0,
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Shade both sides of a slightly wandering line through the page."""
        rng, shape = scene.rng, light.shape[1:]
        turn = np.deg2rad(self.angle)
        y, x = np.ogrid[: shape[0], : shape[1]]
        row, column = rng.random(2) * shape
        side = ((y - row) * np.cos(turn) - (x - column) * np.sin(turn)).astype(np.float32)
        side += smooth(rng, shape, scene.px(15)) * np.float32(scene.px(0.06))
        reach = max(2.0, scene.px(self.reach_mm))
        sign = rng.choice((-1.0, 1.0))
        tilt = np.where(
            side * sign > 0, -np.exp(-np.abs(side) / reach), 0.35 * np.exp(-np.abs(side) / reach)
        )
        thin = np.exp(-((side / max(0.8, scene.px(0.12))) ** 2))
        uneven = np.clip(1 + 0.4 * texture(rng, shape, "rough"), 0, 2)
        if self.wear:
            light += (self.wear * thin * np.clip(uneven, 0, 1)).astype(np.float32) * (1 - light)
        shade = 1 + self.depth * (tilt * (0.8 + 0.2 * uneven) - 0.8 * thin * uneven)
        light *= np.clip(shade, 0.15, 1.25).astype(np.float32)
        return light


@dataclass(frozen=True)
class Crumple:
    """A sheet that was crushed and smoothed again: facets that catch the light differently."""

    depth: float
    """Standard deviation of the brightness."""
    size_mm: float
    """Size of the facets."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Crumple:
        """Draw parameters."""
        return cls(between(rng, 0.02, 0.05 + 0.15 * level), log_between(rng, 8, 35))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Shade by a stored pattern of facets."""
        shape = light.shape[1:]
        # The stored pattern has eight facets along its side.
        scale = max(0.5, scene.px(self.size_mm) * 8 / _CRUMPLE_SIDE)
        need = (int(shape[0] / scale) + 2, int(shape[1] / scale) + 2)
        stored = _crumpled_paper()
        if scene.rng.random() < 0.5:
            stored = stored.T
        top, left = scene.rng.integers(0, _CRUMPLE_SIDE, 2)
        rows = np.arange(top, top + need[0]) % _CRUMPLE_SIDE
        columns = np.arange(left, left + need[1]) % _CRUMPLE_SIDE
        shade = resized(stored[rows[:, None], columns], shape)
        light *= np.clip(1 + np.float32(self.depth) * shade, 0.3, 1.3)
        return light


@dataclass(frozen=True)
class PunchHole:
    """A round hole that shows what lies behind the sheet."""

    radius_mm: float
    """Radius of the hole."""
    behind: float
    """Linear reflectance of what is seen through it."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> PunchHole:
        """Draw a hole: 2.5 to 4 mm, black, gray or white lid behind."""
        return cls(
            between(rng, 2.4, 4), float(rng.choice((0.01, 0.05, 0.3, 0.6 + 0.4 * rng.random())))
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Cut one hole near an upright border of the picture, with its shadow."""
        rng, shape = scene.rng, light.shape[1:]
        radius = scene.px(self.radius_mm)
        row = rng.random() * shape[0]
        margin = radius * between(rng, 0.2, 2.5)
        column = margin if rng.random() < 0.5 else shape[1] - margin
        y, x = np.ogrid[: shape[0], : shape[1]]
        distance = np.hypot(y - row, x - column).astype(np.float32) - radius
        hole = np.clip(0.5 - distance, 0, 1)
        light *= 1 - 0.35 * np.exp(-np.abs(distance) / max(1.0, scene.px(0.3)))
        light += hole * (np.float32(self.behind) - light)
        return light


@lru_cache(maxsize=1)
def _crumpled_paper() -> Field:
    """Brightness of a crushed sheet, periodic, mean 0, variance 1.

    Every point belongs to the nearest of some random sites (a Voronoi cell is a facet); a facet has
    a slope and a bend, hence its brightness, and bright or dark creases run where two facets meet.
    Three sizes of facets are added.
    """
    rng = np.random.default_rng(7)
    side = _CRUMPLE_SIDE
    total = np.zeros((side, side), np.float32)
    for facets, weight in ((8, 1.0), (17, 0.6), (35, 0.3)):
        total += weight * _facets(rng, (side, side), facets)
    total = blurred(total, 0.7)
    return ((total - total.mean()) / total.std()).astype(np.float32)


def _facets(rng: np.random.Generator, shape: Shape, along: int) -> Field:
    # One site in each cell of a grid, so only the 3x3 cells around a point need to be asked.
    side = shape[0]
    jitter = rng.random((along, along, 2)).astype(np.float32)
    slope = rng.standard_normal((along, along, 2)).astype(np.float32)
    scale = along / side
    y, x = np.mgrid[:side, :side].astype(np.float32) * np.float32(scale)
    warp = 0.05 * bank("cloud")[::2, ::2]  # creases are not quite straight
    x, y = x + warp, y + warp.T
    best = np.full(shape, 9.0, np.float32)
    second = best.copy()
    shade, rim = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            row, column = np.floor(y).astype(int) + dy, np.floor(x).astype(int) + dx
            site = jitter[row % along, column % along]
            far = np.hypot(row + site[..., 0] - y, column + site[..., 1] - x)
            lean = slope[row % along, column % along]
            # A facet is bent: its brightness changes along its own slope.
            value = 0.2 * lean[..., 0] + lean[..., 1] * (row + site[..., 0] - y)
            value = value + lean[..., 0] * (column + site[..., 1] - x)
            nearer = far < best
            second = np.where(nearer, best, np.minimum(second, far))
            shade = np.where(nearer, value, shade)
            rim = np.where(nearer, lean[..., 1], rim)
            best = np.minimum(best, far)
    ridge = np.exp(-(second - best) / 0.07)
    return (0.8 * shade + 1.6 * ridge * np.clip(rim, -1.5, 1.5)).astype(np.float32)
