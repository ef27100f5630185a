"""What happens to the ink on its way to the paper, and while it sits there.

Models: ink as an absorbing layer after Beer-Lambert; sizes and shares of the defects follow the
defect list of H. S. Baird, "Document image defect models" (1992), and Y. Ye and P. Thrift's printer
models; amplitude-modulated screens after R. Ulichney, "Digital Halftoning" (1987).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanclean.training._light import (
    Field,
    Light,
    Scene,
    Shape,
    between,
    blots,
    darkest,
    lightest,
    log_between,
    smooth,
    texture,
)


@dataclass(frozen=True)
class InkSpread:
    """Strokes grow as ink soaks in, or shrink where the plate is worn; their edges get rough."""

    growth_px: float
    """How far an edge moves outwards, pixels; negative eats strokes."""
    roughness: float
    """0 even, 1 the movement varies by its whole self along the edge."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> InkSpread:
        """Draw parameters: mostly growth, up to 0.9 pixels."""
        growth = between(rng, -0.5, 1.0) * (0.3 + 0.6 * level)
        return cls(growth_px=growth, roughness=between(rng, 0.2, 1.0))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Mix the page with its own dilation: a share `a` of it moves an edge by `a` pixels."""
        grown = darkest(light) if self.growth_px > 0 else lightest(light)
        share = texture(scene.rng, light.shape[1:], "rough")
        share = np.clip(abs(self.growth_px) * (1 + self.roughness * share), 0, 1)
        light += share * (grown - light)
        return light


@dataclass(frozen=True)
class Mottle:
    """Grain and streaks inside dark areas, as in worn offset print and photocopies."""

    strength: float
    """Root of the share of the ink that is missing in a middling place, 0 to 1."""
    grain_mm: float
    """Size of the grain."""
    streaks: float
    """Share of the strength that follows the rollers' direction, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Mottle:
        """Draw parameters."""
        strength = between(rng, 0.05, 0.2 + 0.25 * level)
        streaks = between(rng, 0, 0.7) if rng.random() < 0.5 else 0.0
        return cls(strength, grain_mm=log_between(rng, 0.08, 0.3), streaks=streaks)

    def apply(self, light: Light, scene: Scene) -> Light:
        """Thin the ink with fine noise; paper stays as it is."""
        shape = light.shape[1:]
        missing = texture(scene.rng, shape, "rough", max(1.0, scene.px(self.grain_mm)))
        missing = 0.7 * missing + 1.2 * texture(scene.rng, shape, "fine")
        if self.streaks:
            line = scene.rng.standard_normal(shape[1], dtype=np.float32)
            missing = missing + 2 * np.float32(self.streaks) * line
        # Squared: most places lose little, few lose a lot, which is how worn solids look.
        missing = np.clip(np.float32(self.strength) * (0.6 + 0.5 * missing), 0, 0.95)
        return _thinned(light, missing * missing)


@dataclass(frozen=True)
class Fading:
    """Ink that has paled, unevenly."""

    density: float
    """Share of the ink's darkness that is left on average, 0 to 1."""
    unevenness: float
    """How much that share varies over the page."""
    scale_mm: float
    """Size of the pale areas."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Fading:
        """Draw parameters. Half of the ink stays at least: paler, it could be pencil on purpose."""
        density = 1 - between(rng, 0.03, 0.5) * (0.3 + 0.7 * level)
        return cls(density, unevenness=between(rng, 0, 0.1), scale_mm=log_between(rng, 3, 40))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Mix paper into the ink."""
        left = smooth(scene.rng, light.shape[1:], scene.px(self.scale_mm))
        left = np.clip(self.density + self.unevenness * left, 0.4, 1)
        return _thinned(light, 1 - left.astype(np.float32))


@dataclass(frozen=True)
class Dropouts:
    """Small places where no ink came: dust on the plate, a dry ribbon, worn type."""

    share: float
    """Share of the inked area that is bare, 0 to 1."""
    size_mm: float
    """Size of the bare places."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Dropouts:
        """Draw parameters; at most an eighth of the ink is missing, so strokes can be told."""
        return cls(log_between(rng, 0.002, 0.02 + 0.1 * level), log_between(rng, 0.04, 0.2))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Take the ink where a rough field is highest."""
        field = texture(scene.rng, light.shape[1:], "rough", max(1.0, scene.px(self.size_mm) / 2))
        level = float(np.quantile(field[::4, ::4], 1 - self.share))
        return _thinned(light, np.clip((field - level) * 3, 0, 0.92))


@dataclass(frozen=True)
class LowInk:
    """Bands across the print with less ink: an empty cartridge, a slipping drum."""

    depth: float
    """Share of the ink that is missing in a band."""
    pitch_mm: float
    """Distance of the bands."""
    across: bool
    """Bands run left to right; else top to bottom."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> LowInk:
        """Draw parameters."""
        depth = between(rng, 0.1, 0.25 + 0.35 * level)
        return cls(depth, log_between(rng, 2, 25), bool(rng.random() < 0.5))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Thin the ink by a one-dimensional profile."""
        length = light.shape[1 if self.across else 2]
        profile = smooth(scene.rng, (4, length), scene.px(self.pitch_mm))[0]
        missing = np.float32(self.depth) * np.clip(profile + 0.2, 0, 1.3)
        missing = missing[:, None] if self.across else missing[None, :]
        return _thinned(light, np.clip(missing, 0, 0.85))


@dataclass(frozen=True)
class Halftone:
    """Middle tones printed as dots on a turned grid; black and white stay solid."""

    lines_per_inch: float
    """Ruling of the screen: 65 newspaper to 175 art print."""
    angles: tuple[float, float, float]
    """Angle of the grid for red-, green- and blue-absorbing ink, degrees; gray pictures use 45."""
    gain: float
    """Dot gain: middle tones come out darker by this."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Halftone:
        """Draw a ruling (the coarser, the worse) and the usual angles, 30 degrees apart."""
        ruling = log_between(rng, 150 - 80 * level, 180 - 60 * level)
        return cls(
            ruling,
            (15.0, 75.0, 0.0) if rng.random() < 0.7 else (45.0, 45.0, 45.0),
            between(rng, 0, 0.15),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Compare tone with a screen; the comparison is as soft as a pixel is wide."""
        period = scene.dpi / self.lines_per_inch
        if period < 1.6:  # the scanner cannot see it
            return light
        gray = len(light) == 1 or bool(np.abs(light[0] - light[2])[::4, ::4].max() < 0.02)
        shared = _screen(light.shape[1:], period, np.deg2rad(45)) if gray else None
        for plane, angle in zip(light, self.angles[: len(light)], strict=True):
            screen = (
                _screen(light.shape[1:], period, np.deg2rad(angle)) if shared is None else shared
            )
            tone = plane - np.float32(self.gain) * plane * (1 - plane) * 4
            dots = np.clip(0.5 + (tone - screen) * np.float32(0.55 * period), 0, 1)
            # Solids and bare paper carry no dots: fade the screen out towards both ends.
            weight = np.clip(np.minimum(plane - 0.015, 0.97 - plane) * 30, 0, 1)
            plane += weight * (dots - plane)
        return light


@dataclass(frozen=True)
class TonerSpecks:
    """Stray toner: dark points on the paper, more of them near print."""

    per_cm2: float
    """Specks on a square centimetre."""
    radius_mm: tuple[float, float]
    """Smallest and largest radius."""
    density: float
    """Darkness of a speck, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> TonerSpecks:
        """Draw parameters."""
        largest = log_between(rng, 0.06, 0.1 + 0.2 * level)
        return cls(log_between(rng, 0.3, 2 + 40 * level), (0.02, largest), between(rng, 0.3, 1))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Lay specks over the page."""
        shape = light.shape[1:]
        count = int(scene.rng.poisson(min(self.per_cm2 * scene.area_cm2(shape), 600)))
        low, high = (max(0.35, scene.px(radius)) for radius in self.radius_mm)
        light *= 1 - np.float32(self.density) * blots(scene.rng, shape, count, (low, high))
        return light


@dataclass(frozen=True)
class TonerShadow:
    """What a photocopier makes of the shadow in the gutter or beside the sheet: a grainy cloud."""

    depth: float
    """Darkening at the border, 0 to 1."""
    reach_mm: float
    """Distance at which it has dropped to a third."""
    grain: float
    """How uneven the toner lies, as a share of the darkening."""
    grain_mm: float
    """Size of its clumps."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> TonerShadow:
        """Draw a cloud; letters in it can still be told."""
        depth = between(rng, 0.15, 0.4 + 0.4 * level)
        reach = log_between(rng, 2, 25)
        return cls(depth, reach, between(rng, 0.3, 1), log_between(rng, 0.08, 0.4))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Darken towards one border, here more and there less."""
        rng, shape = scene.rng, light.shape[1:]
        reach = scene.px(self.reach_mm)
        upright = rng.random() < 0.7
        start, turned = between(rng, -0.5, 1) * reach, rng.random() < 0.5
        place = np.arange(shape[1] if upright else shape[0], dtype=np.float32) + np.float32(start)
        fall = np.exp(-((np.maximum(place, 0) / reach) ** 1.3)).astype(np.float32)
        fall = fall[::-1] if turned else fall
        cloud = (fall[None] if upright else fall[:, None]) * np.float32(self.depth)
        cloud = cloud * np.clip(0.7 + 0.5 * smooth(rng, shape, max(8.0, reach)), 0, 1.3)
        clumps = smooth(rng, shape, max(1.0, scene.px(self.grain_mm)))
        cloud *= np.maximum(1 + np.float32(self.grain) * clumps, 0)
        light *= 1 - np.minimum(cloud, 1)
        return light


def _thinned(light: Light, missing: Field) -> Light:
    """Take the share `missing` of the ink away: what is absorbed, 1 - light, shrinks by it."""
    light += missing * (1 - light)
    return light


def _screen(shape: Shape, period: float, angle: float) -> Field:
    # Threshold (cos u + cos v) / 4 + 1/2 on the turned grid. The sum of two cosines is a product of
    # outer ones: cos(ax + by) = cos ax cos by - sin ax sin by, so no cosine is taken per pixel.
    y, x = np.arange(shape[0], dtype=np.float32), np.arange(shape[1], dtype=np.float32)
    turn = 2 * np.pi / period
    total = np.zeros(shape, np.float32)
    for a, b in ((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))):
        cx, sx = np.cos(turn * a * x), np.sin(turn * a * x)
        cy, sy = np.cos(turn * b * y), np.sin(turn * b * y)
        total += (np.outer(cy, cx) - np.outer(sy, sx)).astype(np.float32)
    return 0.5 + 0.25 * total
