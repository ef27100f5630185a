"""The sheet itself: its colour, its texture, and what age and the other side add.

Models: films on paper after Beer-Lambert; show-through as light that crosses the sheet twice, after
G. Sharma, "Show-through cancellation in scans of duplex printed documents" (2001), itself a
simplification of Kubelka-Munk.
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
    resized,
    smooth,
    stained,
    texture,
)

FOXING = (0.3, 0.6, 0.95)
"""Absorbance of rust-brown age spots in red, green, blue."""


@dataclass(frozen=True)
class Tint:
    """The colour of the sheet: yellowed, gray recycled, cold or warm office paper."""

    reflects: tuple[float, float, float]
    """Linear reflectance of the bare sheet in red, green, blue."""
    unevenness: float
    """How much the yellowing varies over the page."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Tint:
        """Draw a sheet: at level 0 nearly white, at 1 brown (205, 182, 137) or darker."""
        white = 1 - between(rng, 0.02 + 0.15 * level, 0.12 + 0.55 * level)
        kind = rng.random()
        if kind < 0.55 + 0.35 * level:  # yellowing takes blue first
            yellow = between(rng, 0.5 * level, 0.3 + 0.95 * level)
            green, blue = 1 - 0.24 * yellow * between(rng, 0.7, 1.1), 1 - 0.58 * yellow
        elif kind < 0.92:  # gray, hardly coloured
            green, blue = between(rng, 0.97, 1.01), between(rng, 0.9, 1.02)
        else:  # cold or pinkish
            green, blue = between(rng, 0.9, 1.02), between(rng, 0.92, 1.08)
        rgb = (white, white * green, min(1.0, white * blue))
        return cls(rgb, between(rng, 0, 0.06 + 0.1 * level))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Multiply by the sheet's reflectance; where it is more yellow it is darker, too."""
        reflects = np.array(self.reflects, np.float32)
        if len(light) == 1:
            reflects = reflects[1:2]
        light *= reflects[:, None, None]
        if self.unevenness:
            field = smooth(scene.rng, light.shape[1:], scene.px(log_between(scene.rng, 4, 60)))
            stained(light, np.float32(self.unevenness) * field, (0.3, 0.5, 1.0))
        return light


@dataclass(frozen=True)
class Fibre:
    """Texture of the sheet: fibres, wires, clouds."""

    contrast: float
    """Standard deviation of the reflectance."""
    kind: str
    """Which texture: "fine", "rough", "cloud", "fibre", "laid"."""
    scale_px: float
    """Enlargement of the stored texture."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Fibre:
        """Draw a texture."""
        kind = str(rng.choice(("fine", "rough", "rough", "cloud", "cloud", "fibre", "laid")))
        contrast = log_between(rng, 0.004, 0.015 + 0.05 * level)
        return cls(contrast, kind, log_between(rng, 1, 2.5))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Modulate the light."""
        field = texture(scene.rng, light.shape[1:], self.kind, self.scale_px)
        light *= 1 + np.float32(self.contrast) * field
        return light


@dataclass(frozen=True)
class Flecks:
    """Short dark or pale fibres and bits of bark in cheap paper."""

    per_cm2: float
    """How many on a square centimetre."""
    length_mm: float
    """Longest."""
    density: float
    """Darkness, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Flecks:
        """Draw parameters."""
        return cls(
            log_between(rng, 0.5, 3 + 15 * level),
            log_between(rng, 0.3, 1.5),
            between(rng, 0.1, 0.25 + 0.35 * level),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Draw short bent strokes and lay them over the page in brown."""
        rng, shape = scene.rng, light.shape[1:]
        image = Image.new("L", (shape[1], shape[0]))
        pen = ImageDraw.Draw(image)
        count = int(rng.poisson(min(self.per_cm2 * scene.area_cm2(shape), 400)))
        for x, y in rng.random((count, 2)) * (shape[1], shape[0]):
            reach = max(1.5, scene.px(self.length_mm)) * rng.random() ** 2
            bends = np.cumsum(rng.normal(0, 0.5, 3)) + rng.random() * 6.283
            steps = np.cumsum(np.c_[np.cos(bends), np.sin(bends)] * reach / 3, axis=0)
            points = [(x, y), *((x + dx, y + dy) for dx, dy in steps)]
            pen.line(points, fill=int(rng.integers(60, 256)), width=1)
        amount = blurred(np.asarray(image, np.float32) / np.float32(255), 0.6)
        return stained(light, amount * np.float32(self.density * 2), (0.7, 0.85, 1.0))


@dataclass(frozen=True)
class Foxing:
    """Brown age spots, and the soft brown clouds around them."""

    clouds: float
    """Absorbance of the clouds at their worst."""
    spots_per_cm2: float
    """How many distinct spots."""
    spot: float
    """Absorbance of a spot."""
    size_mm: float
    """Size of the clouds; spots are smaller."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Foxing:
        """Draw parameters."""
        return cls(
            between(rng, 0.02, 0.06 + 0.2 * level),
            log_between(rng, 0.05, 0.2 + 2 * level),
            between(rng, 0.1, 0.3 + 0.7 * level),
            log_between(rng, 1, 5),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Lay rust-brown film over the page."""
        rng, shape = scene.rng, light.shape[1:]
        size = scene.px(self.size_mm)
        small = (shape[0] // 3 + 2, shape[1] // 3 + 2)  # soft: a third of the resolution will do
        cloud = smooth(rng, small, size / 3) + 0.3 * smooth(rng, small, size / 8)
        amount = np.float32(self.clouds) * np.clip(cloud + 0.2, 0, 3)
        count = int(rng.poisson(min(self.spots_per_cm2 * scene.area_cm2(shape), 80)))
        radius = (0.5, max(0.8, size / 6))
        spots = blots(rng, small, count, radius)
        spots = blurred(spots, 1.0) * (1 + 0.3 * smooth(rng, small, 3))
        return stained(light, resized(amount + spots * np.float32(self.spot), shape), FOXING)


@dataclass(frozen=True)
class ShowThrough:
    """The other side of the sheet seen through it: mirrored, softened, tinted."""

    strength: float
    """Darkening of bare paper over solid ink of the other side, 0 to 1."""
    blur_mm: float
    """How far light wanders inside the sheet."""
    unevenness: float
    """How much the strength varies over the page."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> ShowThrough:
        """Draw parameters: 2 to 28 %."""
        strength = between(rng, 0.02, 0.06 + 0.3 * level)
        return cls(strength, log_between(rng, 0.08, 0.3), between(rng, 0, 0.35))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Darken by what the other side absorbs; ink on this side hides it, as it multiplies."""
        if scene.reverse is None:
            return light
        ink = _ink(scene.reverse[:, :, ::-1], light)
        ink = blurred(ink, max(0.5, scene.px(self.blur_mm)))
        varied = smooth(scene.rng, light.shape[1:], scene.px(12)) * self.unevenness
        ink *= np.float32(self.strength) * np.clip(1 + varied, 0.1, 2)
        light *= 1 - ink
        return light


@dataclass(frozen=True)
class SheetBeneath:
    """The next sheet of a pad or a book, seen through the one above: softer, and not mirrored."""

    strength: float
    """Darkening of bare paper over solid ink of that sheet, 0 to 1."""
    blur_mm: float
    """How far light wanders between the sheets."""
    shift: tuple[float, float]
    """Where its text lies, down and to the right, as shares of the page."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> SheetBeneath:
        """Draw parameters: 2 to 25 %."""
        strength = between(rng, 0.02, 0.05 + 0.2 * level)
        shift = (between(rng, 0, 1), between(rng, 0, 1))
        return cls(strength, log_between(rng, 0.15, 0.5), shift)

    def apply(self, light: Light, scene: Scene) -> Light:
        """Darken by what that sheet absorbs, which is made of the other side's text, moved."""
        if scene.reverse is None:
            return light
        _, height, width = scene.reverse.shape
        moved = (int(self.shift[0] * height), int(self.shift[1] * width))
        ink = blurred(_ink(np.roll(scene.reverse, moved, (1, 2)), light), scene.px(self.blur_mm))
        light *= 1 - np.float32(self.strength) * ink
        return light


@dataclass(frozen=True)
class BleedThrough:
    """Ink that soaked through the sheet in places: dark specks along the other side's strokes."""

    strength: float
    """Darkening where it came through whole, 0 to 1."""
    share: float
    """Share of the strokes where it did."""
    speck_mm: float
    """Size of such a place."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> BleedThrough:
        """Draw parameters: 10 to 60 %, on a twentieth to two fifths of the strokes."""
        strength = between(rng, 0.1, 0.25 + 0.35 * level)
        return cls(strength, log_between(rng, 0.05, 0.4), log_between(rng, 0.06, 0.3))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Darken by the mirrored ink of the other side where a field of noise is highest."""
        if scene.reverse is None:
            return light
        ink = blurred(_ink(scene.reverse[:, :, ::-1], light), max(0.5, scene.px(0.05)))
        field = smooth(scene.rng, light.shape[1:], max(0.6, scene.px(self.speck_mm)))
        through = field - np.quantile(field[::4, ::4], 1 - self.share)
        light *= 1 - np.float32(self.strength) * ink * np.clip(2 * through, 0, 1)
        return light


def _ink(side: Light, light: Light) -> Light:
    """What a side of paper absorbs, with as many channels as `light`, or one."""
    ink: Light = 1 - side
    return ink if len(ink) == len(light) else ink.mean(axis=0, keepdims=True)


@dataclass(frozen=True)
class RuledLines:
    """The pale printed lines of exercise and squared paper."""

    pitch_mm: float
    """Distance of the lines."""
    squared: bool
    """Lines in both directions."""
    colour: tuple[float, float, float]
    """Linear reflectance of a line in red, green, blue."""
    width_mm: float
    """Width of a line."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> RuledLines:
        """Draw a common ruling: blue, gray or greenish, never darker than half tone."""
        pale = 1 - between(rng, 0.1, 0.2 + 0.3 * level)
        colour = [(pale, (1 + pale) / 2, 1.0), (pale, pale, pale), (pale, 1.0, (1 + pale) / 2)]
        return cls(
            float(rng.choice((5.0, 6.5, 7.0, 8.0, 8.7))),
            bool(rng.random() < 0.4),
            colour[rng.integers(3)],
            between(rng, 0.12, 0.3),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Multiply thin lines onto the page."""
        shape = light.shape[1:]
        rows = self._profile(shape[0], scene)[:, None]
        if self.squared:
            rows = np.maximum(rows, self._profile(shape[1], scene)[None, :])
        else:
            rows = np.broadcast_to(rows, shape)
        channels = self.colour if len(light) == 3 else self.colour[:1]
        for plane, value in zip(light, channels, strict=True):
            plane *= 1 - rows * np.float32(1 - value)
        return light

    def _profile(self, length: int, scene: Scene) -> Light:
        pitch, half = scene.px(self.pitch_mm), scene.px(self.width_mm) / 2
        place = (np.arange(length) + scene.rng.random() * pitch) % pitch
        return np.clip(half + 0.5 - np.abs(place - pitch / 2), 0, 1).astype(np.float32)
