"""Photographs that nobody took: landscapes, objects and patterns of noise, for made pages."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from scanclean.page import Pixels
from scanclean.training._light import Field, Shape, between, smooth


def photo(rng: np.random.Generator, shape: Shape, *, gray: bool = False) -> Pixels:
    """Make a picture with the statistics of a photograph: uint8 `(H, W, 3)`.

    Args:
        rng: chance.
        shape: height and width, pixels.
        gray: without colours.
    """
    scene = (_landscape, _landscape, _objects, _objects, _texture, _texture, _room)[
        int(rng.integers(7))
    ]
    picture = scene(rng, shape)
    picture *= (1 + 0.12 * fractal(rng, shape))[..., None]
    picture = (picture - 0.5) * between(rng, 0.8, 1.2) + 0.5
    if gray:
        picture[:] = picture[..., 1:2]
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


def png(pixels: Pixels) -> bytes:
    """Encode without loss, quickly."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def fractal(rng: np.random.Generator, shape: Shape, roughness: float = 0.55) -> Field:
    """Noise with detail of every size, mean 0, about -1 to 1."""
    total = np.zeros(shape, np.float32)
    scale, weight = max(shape) / 2, 1.0
    while scale > 1.5:
        total += np.float32(weight * 0.5) * smooth(rng, shape, scale)
        scale, weight = scale / 2, weight * roughness
    return total


def colour(rng: np.random.Generator, low: float = 0.0, high: float = 1.0) -> Field:
    """A random colour, three values between `low` and `high`."""
    rgb = rng.uniform(low, high, 3).astype(np.float32)
    # The colours of things are seldom pure.
    return rgb + np.float32(between(rng, 0.1, 0.8)) * (rgb.mean() - rgb)


def _landscape(rng: np.random.Generator, shape: Shape) -> Field:
    height, width = shape
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture = (
        colour(rng, 0.4, 1) * (1 - down)
        + colour(rng, 0.6, 1) * down
        + np.zeros((1, width, 1), np.float32)
    )
    clouds = np.clip(fractal(rng, shape, 0.6) - between(rng, -0.2, 0.5), 0, 1)[..., None]
    picture += clouds * (between(rng, 0.8, 1) - picture)
    y = np.arange(height)[:, None]
    for level in sorted(rng.uniform(0.3, 0.95, int(rng.integers(2, 5)))):
        ridge = (level + 0.12 * fractal(rng, (4, width), 0.5)[0]) * height
        ground = colour(rng, 0.05, 0.6) * (1 + 0.5 * fractal(rng, shape, 0.8)[..., None])
        picture = np.where((y > ridge)[..., None], ground, picture)
    return picture.astype(np.float32)


def _objects(rng: np.random.Generator, shape: Shape) -> Field:
    height, width = shape
    picture = np.zeros((height, width, 3), np.float32) + colour(rng, 0.1, 0.9)
    picture *= (1 + 0.3 * smooth(rng, shape, max(shape)))[..., None]
    y, x = np.ogrid[:height, :width]
    for _ in range(int(rng.integers(2, 9))):
        row, column = rng.random(2) * shape
        a, b = rng.uniform(0.08, 0.35, 2) * max(shape)
        v, u = (y - row) / a, (x - column) / b
        inside = np.clip((1 - np.hypot(u, v)) * min(a, b) / 2, 0, 1)[..., None]
        # A lit ball: brightness follows the surface's tilt towards the lamp.
        lit = np.clip(0.6 - 0.5 * u * between(rng, -1, 1) - 0.5 * v, 0.1, 1.3)[..., None]
        ball = colour(rng) * lit * (1 + 0.15 * fractal(rng, shape, 0.7)[..., None])
        picture += inside * (ball - picture)
    return picture


def _texture(rng: np.random.Generator, shape: Shape) -> Field:
    share = np.clip(0.5 + 0.7 * fractal(rng, shape, between(rng, 0.5, 0.85)), 0, 1)[..., None]
    picture = colour(rng) * share + colour(rng) * (1 - share)
    if rng.random() < 0.5:  # wood, cloth, hair: bands that follow the noise
        bands = np.sin(fractal(rng, shape, 0.4) * between(rng, 8, 40))[..., None]
        picture = picture * (0.85 + 0.15 * bands)
    return picture.astype(np.float32)


def _room(rng: np.random.Generator, shape: Shape) -> Field:
    height, width = shape
    image = Image.new("RGB", (width, height), _rgb(rng))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(5, 30))):
        x, y = rng.random(2) * (width, height)
        w, h = rng.uniform(0.03, 0.5, 2) * (width, height)
        if rng.random() < 0.7:
            pen.rectangle((x, y, x + w, y + h), fill=_rgb(rng))
        else:
            pen.line((x, y, x + w * 2, y + h), fill=_rgb(rng), width=int(rng.integers(1, 8)))
    picture = np.asarray(image, np.float32) / 255
    return picture * (1 + 0.2 * smooth(rng, shape, max(shape) / 2))[..., None]


def _rgb(rng: np.random.Generator) -> tuple[int, int, int]:
    r, g, b = (int(v) for v in colour(rng) * 255)
    return (r, g, b)
