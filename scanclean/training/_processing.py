"""What software does between sensor and file: levels, sharpening, compression, two tones.

These work on encoded pixels, uint8 `(H, W)` or `(H, W, 3)`, not on light.

Models: bilevel noise after T. Kanungo, R. Haralick and I. Phillips, "Global and local document
degradation models" (1993): a pixel flips with a probability that falls off with the square of its
distance to the nearest edge, and a closing then joins what lies together.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageFilter

from scanclean.page import LUMINANCE, Pixels
from scanclean.training._light import (
    Light,
    between,
    blurred,
    darkest,
    lightest,
    log_between,
    smooth,
)

_FILTERS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


class Step(Protocol):
    """One degradation of encoded pixels: a frozen dataclass of parameters."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Step:
        """Draw parameters; `level` 0 is barely visible, 1 the worst that is still a page."""

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Give the degraded pixels, in the same shape."""


@dataclass(frozen=True)
class Levels:
    """Black point, white point and gamma, as a scanner's driver sets them, with clipping."""

    black: float
    """Value, 0 to 1, that becomes black; negative lifts the blacks to gray."""
    white: float
    """Value that becomes white; above 1 leaves the paper gray."""
    gamma: float
    """Exponent on encoded values: above 1 darkens the middle tones."""
    colour: float
    """Saturation: 1 as it was, 0 gray."""
    automatic: bool
    """`white` counts from the paper found on the page, not from the sensor's white."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Levels:
        """Draw a setting."""
        return cls(
            between(rng, -0.15, 0.22) * level,
            1 + between(rng, -0.1, 0.12) * level,
            float(np.exp(between(rng, -0.3, 0.3) * level)),
            1 - between(rng, -0.1, 0.4) * level if rng.random() < 0.3 else 1.0,
            bool(rng.random() < 0.35),
        )

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Look every value up in a table."""
        paper = float(np.percentile(pixels[::8, ::8], 95)) / 255 if self.automatic else 1.0
        white = self.white * paper if paper > 0.5 else self.white  # darker is no paper
        value = np.clip((np.arange(256) / 255 - self.black) / (white - self.black), 0, 1)
        table = np.rint(255 * value**self.gamma).astype(np.uint8)
        pixels = table[pixels]
        if self.colour != 1 and pixels.ndim == 3:
            gray = mixed_down(pixels, LUMINANCE)
            mixed = gray[..., None] + np.float32(self.colour) * (pixels - gray[..., None])
            pixels = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
        return pixels


@dataclass(frozen=True)
class Gray:
    """The scanner was set to gray: all channels alike. Only for pages that are gray already."""

    weights: tuple[float, float, float]
    """Shares of red, green, blue."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Gray:
        """Draw a sensor: most take luminance, some only green."""
        return cls(LUMINANCE if rng.random() < 0.7 else (0.0, 1.0, 0.0))

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Mix the channels."""
        if pixels.ndim == 2:
            return pixels
        gray = np.rint(mixed_down(pixels, self.weights)).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)


@dataclass(frozen=True)
class Sharpen:
    """Unsharp masking with its halos."""

    radius_px: float
    """Standard deviation of the mask's blur."""
    amount: float
    """Overshoot: 1 doubles an edge's contrast."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Sharpen:
        """Draw a setting."""
        return cls(log_between(rng, 0.6, 2.5), between(rng, 0.2, 0.5 + 1.5 * level))

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Sharpen."""
        mask = ImageFilter.UnsharpMask(self.radius_px, round(100 * self.amount), 0)
        return np.asarray(Image.fromarray(pixels).filter(mask))


@dataclass(frozen=True)
class Resample:
    """Made smaller, then larger again, as a copy in low resolution is."""

    scale: float
    """Size in between, 0 to 1."""
    down: int
    """Filter on the way down, number of a Pillow filter."""
    up: int
    """Filter on the way up."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Resample:
        """Draw a scale: at the worst 0.4."""
        down, up = (int(_FILTERS[i]) for i in rng.integers(0, len(_FILTERS), 2))
        return cls(between(rng, 0.9 - 0.5 * level, 0.95), down, up)

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Resize twice; Pillow keeps the outer borders, so nothing moves."""
        image = Image.fromarray(pixels)
        small = tuple(max(1, round(side * self.scale)) for side in image.size)
        image = image.resize((small[0], small[1]), Image.Resampling(self.down))
        height, width = pixels.shape[:2]
        return np.asarray(image.resize((width, height), Image.Resampling(self.up)))


@dataclass(frozen=True)
class Jpeg:
    """JPEG compression."""

    quality: int
    """1 to 95."""
    subsampling: int
    """0 none, 1 colour halved across, 2 colour halved both ways."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Jpeg:
        """Draw a quality: 95 down to 15 at the worst; often 75, most programs' own choice."""
        usual = rng.random() < 0.3
        quality = 75 if usual else round(between(rng, 90 - 75 * level, 95))
        return cls(quality, int(rng.choice((0, 1, 2, 2))))

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Encode and decode; the grid of blocks starts anywhere, as a crop of a page does."""
        top, left = (int(n) for n in rng.integers(0, 16, 2))
        widths = [(top, 0), (left, 0), (0, 0)][: pixels.ndim]
        buffer = io.BytesIO()
        Image.fromarray(np.pad(pixels, widths, mode="edge")).save(
            buffer, "JPEG", quality=self.quality, subsampling=self.subsampling
        )
        return np.asarray(Image.open(buffer))[top:, left:]


@dataclass(frozen=True)
class Jpeg2000:
    """JPEG 2000 compression."""

    ratio: float
    """Compression, raw size over coded size."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Jpeg2000:
        """Draw a ratio: at the worst 80."""
        return cls(log_between(rng, 8, 15 + 65 * level))

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Encode and decode."""
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(
            buffer, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[self.ratio]
        )
        return np.asarray(Image.open(buffer))


@dataclass(frozen=True)
class Bilevel:
    """Two tones: a threshold and the noise of a bad copier; photographs are dithered."""

    threshold: float
    """Share of the way from ink to paper that becomes white, 0 to 1."""
    drift: float
    """Standard deviation of the threshold over the page."""
    flip: float
    """Probability that a pixel right at an edge flips."""
    decay: float
    """How quickly that probability falls with the squared distance to the edge, in 1 / px^2."""
    background: float
    """Probability that any pixel flips."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Bilevel:
        """Draw a copier."""
        return cls(
            between(rng, 0.5 - 0.15 * level, 0.5 + 0.2 * level),
            between(rng, 0, 0.06) * level,
            between(rng, 0, 0.35) * level,
            between(rng, 0.6, 2.5),
            log_between(rng, 1e-5, 1e-4 * 30**level) if rng.random() < 0.6 else 0.0,
        )

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Threshold or dither, then flip."""
        gray = pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
        black, white = (float(v) for v in np.percentile(gray[::4, ::4], (2, 92)))
        white = max(white, black + 40)
        tone = (gray - np.float32(black)) / np.float32(white - black)
        if _middle_share(tone) > 0.25:
            return _like(_dithered(tone), pixels)
        limit = self.threshold + self.drift * smooth(rng, gray.shape, 40)
        page = np.where(tone > limit, np.float32(1), np.float32(0))
        if self.flip or self.background:
            page = self._kanungo(page, rng)
        return _like(page, pixels)

    def _kanungo(self, page: Light, rng: np.random.Generator) -> Light:
        chance = np.full(page.shape, self.background, np.float32)
        grown, shrunk = darkest(page), lightest(page)
        for distance in (1, 2):
            edge = (grown != page) | (shrunk != page)
            near = np.float32(self.flip * np.exp(-self.decay * (distance**2 - 1)))
            chance = np.where(edge, np.maximum(chance, near), chance)
            grown, shrunk = darkest(grown), lightest(shrunk)
        flips = rng.random(page.shape, dtype=np.float32) < chance
        flipped = np.where(flips, 1 - page, page)
        return darkest(lightest(flipped)) if rng.random() < 0.3 else flipped


@dataclass(frozen=True)
class Specks:
    """Salt and pepper: black points of a pixel to a few on the paper, and white ones in the ink."""

    black: float
    """Share of the pixels that begin a black point."""
    white: float
    """The same for white ones."""
    largest: int
    """Longest side of a point, pixels."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Specks:
        """Draw a density: 0.2 points on 100 x 100 pixels, 150 at worst."""
        black = log_between(rng, 2e-5, 3e-4 * 50**level)
        return cls(black, black * between(rng, 0, 0.5), int(rng.integers(1, 4)))

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Set points of chance sizes."""
        out = pixels.copy()
        height, width = pixels.shape[:2]
        for share, value in ((self.black, 0), (self.white, 255)):
            for _ in range(int(rng.poisson(share * height * width))):
                y, x = int(rng.integers(height)), int(rng.integers(width))
                tall, wide = (int(side) for side in rng.integers(1, self.largest + 1, 2))
                out[y : y + tall, x : x + wide] = value
        return out


@dataclass(frozen=True)
class Fax:
    """A facsimile: 204 by 98 or 196 dots an inch, two tones, broken lines."""

    rows_per_inch: float
    """98 standard, 196 fine."""
    columns_per_inch: float
    """204."""
    threshold: float
    """Share of the way from ink to paper that becomes white, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Fax:
        """Draw a machine."""
        return cls(98.0 if rng.random() < 0.4 * level else 196.0, 204.0, between(rng, 0.45, 0.7))

    def process(self, pixels: Pixels, rng: np.random.Generator, dpi: float) -> Pixels:
        """Reduce, threshold and enlarge again without smoothing."""
        height, width = pixels.shape[:2]
        image = Image.fromarray(pixels).convert("L")
        small = (
            max(8, round(width * min(1, self.columns_per_inch / dpi))),
            max(8, round(height * min(1, self.rows_per_inch / dpi))),
        )
        gray = np.asarray(image.resize(small, Image.Resampling.BOX), np.float32)
        black, white = np.percentile(gray, (1, 92))
        tone = (gray - np.float32(black)) / np.float32(max(40.0, white - black))
        page = (
            _dithered(tone)
            if _middle_share(tone) > 0.25
            else (tone > self.threshold).astype(np.float32)
        )
        back = Image.fromarray((page * 255).astype(np.uint8))
        up = Image.Resampling.NEAREST if rng.random() < 0.6 else Image.Resampling.BILINEAR
        enlarged = np.asarray(back.resize((width, height), up), np.float32)
        return _like(enlarged / np.float32(255), pixels)


def mixed_down(pixels: Pixels, weights: tuple[float, float, float]) -> Light:
    """Gray `(H, W)`, 0 to 255, as a weighted sum of the channels."""
    gray: Light = pixels.astype(np.float32) @ np.array(weights, np.float32)
    return gray


def _middle_share(tone: Light) -> float:
    # Photographs and tints live in the middle tones; text only crosses them at its edges.
    calm = blurred(tone[::2, ::2], 1.0)
    return float(((calm > 0.25) & (calm < 0.75)).mean())


def _dithered(tone: Light) -> Light:
    gray = np.clip(tone * 255, 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(gray).convert("1"), np.float32)


def _like(page: Light, pixels: Pixels) -> Pixels:
    out = np.rint(np.clip(page, 0, 1) * 255).astype(np.uint8)
    return out if pixels.ndim == 2 else np.repeat(out[..., None], 3, axis=2)
