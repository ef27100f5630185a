"""What the sensor adds: noise, lines, and the dirt on its glass.

Noise after A. Foi et al., "Practical Poissonian-Gaussian noise modeling" (2008): the variance is a
straight line over the light that fell in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from scanclean.training._light import (
    Light,
    Scene,
    between,
    blots,
    blurred,
    log_between,
    smooth,
)


@dataclass(frozen=True)
class Noise:
    """Shot and read noise."""

    full_well: float
    """Electrons that the whitest paper makes in a pixel: fewer are noisier."""
    read: float
    """Read noise, electrons."""
    coarse_px: float
    """Size of the grain: 0 independent pixels, about 1 after demosaicing or reduction."""
    colour: float
    """Share of the noise that differs between the channels, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Noise:
        """Draw a sensor: from hardly visible to an old phone in the evening."""
        return cls(
            log_between(rng, 3000 * 0.02**level, 20000 * 0.06**level),
            log_between(rng, 1, 4 + 14 * level),
            between(rng, 0.4, 1.1) if rng.random() < 0.5 else 0.0,
            between(rng, 0.1, 1),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Add noise of variance light / full_well + (read / full_well) squared."""
        grain = scene.rng.standard_normal(light.shape[1:], dtype=np.float32)[None]
        if len(light) == 3 and self.colour > 0.3:
            own = scene.rng.standard_normal(light.shape, dtype=np.float32)
            own *= np.float32(np.sqrt(self.colour))
            grain = own + np.float32(np.sqrt(1 - self.colour)) * grain
        if self.coarse_px:
            # A blur by s pixels keeps 1 / (4 pi s^2) of the variance; half is given back.
            grain = blurred(grain, self.coarse_px) * np.float32(1 + 1.2 * self.coarse_px)
        variance = np.maximum(light, 0) / np.float32(self.full_well)
        variance += np.float32((self.read / self.full_well) ** 2)
        light += np.sqrt(variance) * grain
        return light


@dataclass(frozen=True)
class LineNoise:
    """Every line of a moving sensor has its own gain: fine stripes, and slower bands."""

    stripes: float
    """Standard deviation of the gain from line to line."""
    bands: float
    """Standard deviation of the slow part."""
    band_px: float
    """Width of a band."""
    across: bool
    """Stripes run left to right; else top to bottom."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> LineNoise:
        """Draw parameters."""
        return cls(
            log_between(rng, 0.002, 0.006 + 0.03 * level),
            log_between(rng, 0.002, 0.01 + 0.05 * level),
            log_between(rng, 3, 120),
            bool(rng.random() < 0.4),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Multiply by a one-dimensional gain."""
        length = light.shape[1 if self.across else 2]
        gain = np.float32(self.stripes) * scene.rng.standard_normal(length, dtype=np.float32)
        gain = 1 + gain + np.float32(self.bands) * smooth(scene.rng, (4, length), self.band_px)[0]
        light *= gain[:, None] if self.across else gain[None, :]
        return light


@dataclass(frozen=True)
class Streaks:
    """Long straight lines: dirt on the glass of a feeder, a dead element of the sensor."""

    per_dm: float
    """Streaks on ten centimetres of width."""
    depth: float
    """Change of the light in a streak, 0 to 1."""
    width_px: float
    """Widest."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Streaks:
        """Draw parameters."""
        return cls(
            log_between(rng, 0.5, 2 + 12 * level),
            between(rng, 0.05, 0.15 + 0.5 * level),
            between(rng, 1, 2.5),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Darken or lighten whole columns, with the length broken by smooth noise."""
        rng, (height, width) = scene.rng, light.shape[1:]
        count = 1 + int(rng.poisson(min(30.0, self.per_dm * width / scene.px(100))))
        for _ in range(count):
            wide = max(1, round(between(rng, 0.6, self.width_px)))
            column = int(rng.integers(0, width))
            strength = np.clip(0.6 + 0.5 * smooth(rng, (height, 4), height / 3)[:, :1], 0, 1)
            part = light[:, :, column : column + wide]
            share = np.float32(self.depth * between(rng, 0.3, 1)) * strength
            if rng.random() < 0.65:
                part *= 1 - share
            else:
                part += share * (1 - part)
        return light


@dataclass(frozen=True)
class Dust:
    """Specks on glass or film, dark ones and pale ones."""

    per_cm2: float
    """Specks on a square centimetre."""
    radius_mm: float
    """Largest radius."""
    depth: float
    """Darkness, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Dust:
        """Draw parameters."""
        return cls(
            log_between(rng, 0.05, 0.3 + 4 * level),
            log_between(rng, 0.08, 0.12 + 0.4 * level),
            between(rng, 0.2, 0.95),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Lay dark and pale specks over the page."""
        rng, shape = scene.rng, light.shape[1:]
        mean = min(self.per_cm2 * scene.area_cm2(shape), 250)
        radius = (0.5, max(0.7, scene.px(self.radius_mm)))
        dark = blurred(blots(rng, shape, int(rng.poisson(mean)), radius), 0.4)
        light *= 1 - np.float32(self.depth) * dark
        pale = blots(rng, shape, int(rng.poisson(mean / 4)), radius)
        light += np.float32(self.depth * 0.6) * pale * (np.float32(0.9) * light.max() - light)
        return light


@dataclass(frozen=True)
class Hairs:
    """Curled hairs and lint."""

    count: float
    """Hairs on a square decimetre."""
    length_mm: float
    """Longest."""
    depth: float
    """Darkness, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Hairs:
        """Draw parameters."""
        return cls(
            log_between(rng, 0.5, 2 + 8 * level), log_between(rng, 2, 12), between(rng, 0.2, 0.9)
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Draw curls one pixel wide at twice the size, so that they are fine and smooth."""
        rng, shape = scene.rng, light.shape[1:]
        image = Image.new("L", (shape[1] * 2, shape[0] * 2))
        pen = ImageDraw.Draw(image)
        mean = self.count * scene.area_cm2(shape) / 100
        for _ in range(1 + int(rng.poisson(min(mean, 30)))):
            steps = 24
            length = 2 * scene.px(self.length_mm) * between(rng, 0.3, 1) / steps
            bend = rng.random() * 6.283 + np.cumsum(rng.normal(rng.normal(0, 0.12), 0.1, steps))
            walk = np.cumsum(np.c_[np.cos(bend), np.sin(bend)] * length, axis=0)
            walk += rng.random(2) * (shape[1] * 2, shape[0] * 2)
            pen.line(
                [(float(x), float(y)) for x, y in walk], fill=int(rng.integers(120, 256)), width=2
            )
        mask = (
            np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BOX), np.float32) / 255
        )
        light *= 1 - np.float32(self.depth) * mask
        return light
