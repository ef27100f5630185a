"""What lamp and lens do: uneven light, shadows, blur, colour fringes.

A lens and a sensor of finite pixels blur by nearly a Gaussian (Baird 1992 calls it the point-spread
function); defocus adds a wider, locally varying share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from scanclean.training._light import (
    Light,
    Scene,
    between,
    blurred,
    log_between,
    resized,
    smooth,
)


@dataclass(frozen=True)
class Uneven:
    """Light that falls off over the page, with the colour of the lamp."""

    slope: float
    """Loss of light from one side to the other, 0 to 1."""
    waves: float
    """Standard deviation of smooth differences."""
    lamp: tuple[float, float, float]
    """Colour of the light in red, green, blue, relative to white."""
    level: float
    """Exposure: 1 as it should be, 0.3 very dark."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Uneven:
        """Draw a lighting."""
        warm = between(rng, -0.1, 0.25) * level
        return cls(
            between(rng, 0, 0.1 + 0.5 * level),
            between(rng, 0, 0.02 + 0.08 * level),
            (1.0, 1 - 0.35 * warm, 1 - warm),
            between(rng, 1 - 0.65 * level * rng.random(), 1.03),
        )

    def apply(self, light: Light, scene: Scene) -> Light:
        """Multiply by a plane, waves and the lamp's colour."""
        shape = light.shape[1:]
        turn = scene.rng.random() * 6.283
        y, x = np.ogrid[: shape[0], : shape[1]]
        along = x / shape[1] * np.cos(turn) + y / shape[0] * np.sin(turn)
        along = (along - along.min()) / (np.ptp(along) + 1e-6)
        field = 1 - self.slope * along + self.waves * smooth(scene.rng, shape, max(shape) / 2.5)
        lamp = np.array(self.lamp if len(light) == 3 else (1.0,), np.float32)
        light *= np.clip(field, 0.05, 1.2).astype(np.float32)
        light *= (lamp * np.float32(self.level))[:, None, None]
        return light


@dataclass(frozen=True)
class Gutter:
    """The shadow where the page bends into the spine of a book."""

    depth: float
    """Light lost at the spine, 0 to 1."""
    reach_mm: float
    """Distance at which the loss has dropped to a third."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Gutter:
        """Draw a shadow; letters in it can still be told."""
        return cls(between(rng, 0.15, 0.4 + 0.5 * level), log_between(rng, 2, 18))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Darken towards one border of the picture."""
        rng, shape = scene.rng, light.shape[1:]
        upright = rng.random() < 0.85
        length = shape[1] if upright else shape[0]
        reach = scene.px(self.reach_mm)
        place = np.arange(length, dtype=np.float32) + np.float32(between(rng, -0.3, 1.5) * reach)
        profile = 1 - np.float32(self.depth) * np.exp(-((np.maximum(place, 0) / reach) ** 1.3))
        if rng.random() < 0.5:
            profile = profile[::-1]
        light *= profile[None, None, :] if upright else profile[None, :, None]
        return light


@dataclass(frozen=True)
class CastShadow:
    """The shadow of a hand, a head or the phone itself: a soft-edged part of the page is darker."""

    depth: float
    """Light lost in the shadow, 0 to 1."""
    penumbra_mm: float
    """Softness of its border."""
    cold: float
    """How much less blue than red is lost: the shadow is lit by the sky or by white walls."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> CastShadow:
        """Draw a shadow."""
        depth = between(rng, 0.1, 0.3 + 0.45 * level)
        return cls(depth, log_between(rng, 1, 15), between(rng, -0.05, 0.15))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Darken a big smooth shape, drawn small and enlarged."""
        rng, shape = scene.rng, light.shape[1:]
        small = (shape[0] // 4 + 2, shape[1] // 4 + 2)
        mask = blurred(_blob(rng, small), max(0.6, scene.px(self.penumbra_mm) / 4))
        mask = resized(mask, shape)
        losses = self.depth * (1 - self.cold * np.arange(3))
        for plane, loss in zip(light, losses[: len(light)], strict=True):
            plane *= 1 - np.float32(loss) * mask
        return light


@dataclass(frozen=True)
class Lens:
    """Blur of lens and pixels, and a share of defocus that varies over the page."""

    sigma_px: float
    """Standard deviation of the blur."""
    defocus: float
    """Largest share of a blur twice as wide, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Lens:
        """Draw a blur of 0.3 to 1.7 pixels."""
        sigma = log_between(rng, 0.3, 0.5 + 1.2 * level)
        return cls(sigma, between(rng, 0, 0.8) * level if rng.random() < 0.3 else 0.0)

    def apply(self, light: Light, scene: Scene) -> Light:
        """Blur."""
        out = blurred(light, self.sigma_px)
        if self.defocus:
            wide = blurred(out, max(0.8, 1.7 * self.sigma_px))
            share = smooth(scene.rng, light.shape[1:], max(light.shape) / 3)
            out += np.clip(self.defocus * (0.5 + share), 0, 1).astype(np.float32) * (wide - out)
        return out


@dataclass(frozen=True)
class Defocus:
    """A page out of focus, as a phone held too near makes it: a disc in place of every point."""

    radius_mm: float
    """Radius of the disc on paper, millimetres."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Defocus:
        """Draw a disc; the widest is half as high as small letters are."""
        return cls(log_between(rng, 0.1, 0.2 + 0.3 * level))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Average over the disc, whose rim is smoothed to a fraction of a pixel."""
        radius = scene.px(self.radius_mm)
        reach = int(np.ceil(radius))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1).astype(np.float32)
        disc /= disc.sum()
        height, width = light.shape[1:]
        padded = np.pad(light, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
        out = np.zeros_like(light)
        for row, column in zip(*np.nonzero(disc), strict=True):
            out += disc[row, column] * padded[:, row : row + height, column : column + width]
        return out


@dataclass(frozen=True)
class Fringe:
    """Red and blue displaced to opposite sides of green: lens colour, three-line sensors."""

    shift_px: tuple[float, float]
    """Rows and columns by which red moves; blue moves by the opposite."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Fringe:
        """Draw a shift of up to 0.8 pixels."""
        size, turn = between(rng, 0.1, 0.25 + 0.55 * level), rng.random() * 6.283
        return cls((float(size * np.sin(turn)), float(size * np.cos(turn))))

    def apply(self, light: Light, scene: Scene) -> Light:
        """Interpolate red and blue between neighbours. A gray page has none."""
        if len(light) == 3:
            for plane, sign in ((light[0], 1), (light[2], -1)):
                for axis, shift in enumerate(self.shift_px):
                    moved = np.roll(plane, int(np.sign(sign * shift)), axis)
                    if axis == 0:
                        moved[[0, -1]] = plane[[0, -1]]
                    else:
                        moved[:, [0, -1]] = plane[:, [0, -1]]
                    plane += np.float32(abs(shift)) * (moved - plane)
        return light


def _blob(rng: np.random.Generator, shape: tuple[int, int]) -> Light:
    """A shape that enters from a border: 0 outside, 1 inside; float32 `(h, w)`."""
    height, width = shape
    image = Image.new("L", (width, height))
    pen = ImageDraw.Draw(image)
    if rng.random() < 0.6:  # a phone or a head: half of the picture behind a slanted border
        turn, far = rng.random() * 6.283, between(rng, -0.25, 0.35) * max(shape)
        normal, along = (
            np.array([np.cos(turn), np.sin(turn)]),
            np.array([-np.sin(turn), np.cos(turn)]),
        )
        middle = np.array([width / 2, height / 2]) + normal * far
        long = 3 * max(shape)
        corners = [middle - along * long, middle + along * long]
        corners += [corners[1] + normal * long, corners[0] + normal * long]
        pen.polygon([tuple(corner) for corner in corners], fill=255)
    else:  # a hand: a few fingers
        for _ in range(int(rng.integers(1, 5))):
            points = rng.random((2, 2)) * (width, height) * 1.4 - (width * 0.2, height * 0.2)
            thick = int(between(rng, 0.08, 0.3) * max(shape))
            pen.line([tuple(p) for p in points], fill=255, width=thick)
    return np.asarray(image, np.float32) / np.float32(255)
