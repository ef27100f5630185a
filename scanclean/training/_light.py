"""What all degradations are made of: light, smooth fields, textures, blurs and blots.

Inside the degradations a picture is *light*: float32 `(C, H, W)`, reflectance on a linear scale, 0
black to 1 the whitest paper, C 1 or 3. Ink, paper and lamps multiply there, as they do on the
glass; sRGB values would not. Fields are float32 `(H, W)` and broadcast over the channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanclean.page import Pixels

Light: TypeAlias = npt.NDArray[np.float32]
"""float32, `(C, H, W)`, linear reflectance 0 to 1."""
Field: TypeAlias = npt.NDArray[np.float32]
"""float32, `(H, W)`; what the numbers mean depends on who made it."""
Shape: TypeAlias = tuple[int, int]
"""Height and width, pixels."""

BANK_SIDE = 1024
"""Side of the stored textures, pixels. They are periodic, so they tile without a seam."""
_STEPS = 16384  # entries of the table back to sRGB: finer than half a level even in the blacks


@dataclass(frozen=True)
class Scene:
    """What a degradation may know besides its own parameters."""

    rng: np.random.Generator
    """Where all chance comes from."""
    dpi: float
    """Pixels an inch: turns millimetres of paper into pixels."""
    reverse: Light | None = None
    """The other side of the sheet, as it would be read from that side; same size as the page."""

    def px(self, millimetres: float) -> float:
        """Convert a length on paper to pixels."""
        return millimetres * self.dpi / 25.4

    def area_cm2(self, shape: Shape) -> float:
        """Area of `shape` pixels, in square centimetres of paper."""
        return shape[0] * shape[1] * (2.54 / self.dpi) ** 2


class Effect(Protocol):
    """One degradation of light: a frozen dataclass of physical parameters."""

    @classmethod
    def draw(cls, rng: np.random.Generator, level: float) -> Effect:
        """Draw parameters; `level` 0 is barely visible, 1 the worst that is still a page."""

    def apply(self, light: Light, scene: Scene) -> Light:
        """Give the degraded light, in the same shape. May change `light` in place."""


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw uniformly from [low, high)."""
    return float(low + (high - low) * rng.random())


def log_between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw so that every octave of [low, high) is equally likely; both positive."""
    return float(low * (high / low) ** rng.random())


@lru_cache(maxsize=1)
def _from_srgb() -> npt.NDArray[np.float32]:
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


@lru_cache(maxsize=1)
def _to_srgb() -> npt.NDArray[np.uint8]:
    linear = np.arange(_STEPS) / (_STEPS - 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(value * 255).astype(np.uint8)


def to_light(pixels: Pixels) -> Light:
    """Decode sRGB pixels `(H, W)` or `(H, W, 3)` to light `(1 or 3, H, W)`."""
    planes = pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return np.take(_from_srgb(), planes)


def to_pixels(light: Light) -> Pixels:
    """Encode light as sRGB: `(H, W)` for one channel, `(H, W, 3)` for three."""
    index = np.clip(light, 0, 1)
    index *= _STEPS - 1
    index += 0.5
    planes = np.take(_to_srgb(), index.astype(np.int32))
    return planes[0] if len(planes) == 1 else np.ascontiguousarray(planes.transpose(1, 2, 0))


def resized(field: Field, shape: Shape, how: Image.Resampling = Image.Resampling.BICUBIC) -> Field:
    """Resample a field to `shape`; the outer borders stay aligned."""
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), how))


def smooth(rng: np.random.Generator, shape: Shape, scale: float) -> Field:
    """Smooth noise of mean 0 and variance about 1; features are about `scale` pixels wide."""
    scale = max(scale, 1.0)
    cells = tuple(max(4, round(side / scale) + 3) for side in shape)
    grid = rng.standard_normal(cells, dtype=np.float32)
    if scale == 1.0:
        return grid[: shape[0], : shape[1]]
    # Interpolating between the grid's values costs variance; 1.3 gives it back.
    return resized(grid, shape) * np.float32(1.3)


def blurred(light: Light, sigma: float) -> Light:
    """Blur with a Gaussian of `sigma` pixels; works on any `(..., H, W)`. Returns a new array."""
    if sigma < 0.15:
        return light.copy()
    if sigma > 3:
        return _coarsely_blurred(light, sigma)
    reach = max(1, int(np.ceil(2.6 * sigma)))
    taps = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    if sigma < 0.6:  # too narrow to be sampled: three taps of the right variance instead
        taps = np.array([1 - sigma**2, sigma**2 / 2])
    taps = (taps / (2 * taps.sum() - taps[0])).astype(np.float32)
    for axis in (-1, -2):
        light = _convolved(light, taps, axis)
    return light


def _convolved(light: Light, taps: npt.NDArray[np.float32], axis: int) -> Light:
    reach, size = len(taps) - 1, light.shape[axis]
    widths = [(0, 0)] * light.ndim
    widths[axis] = (reach, reach)
    padded = np.moveaxis(np.pad(light, widths, mode="edge"), axis, 0)
    out = padded[reach : reach + size] * taps[0]
    for k in range(1, reach + 1):
        pair = padded[reach - k : reach - k + size] + padded[reach + k : reach + k + size]
        pair *= taps[k]
        out += pair
    return np.moveaxis(out, 0, axis)


def _coarsely_blurred(light: Light, sigma: float) -> Light:
    # A wide blur has no fine detail left: blur a smaller picture, by what sigma remains.
    height, width = light.shape[-2:]
    factor = sigma / 1.5
    small = (max(2, round(height / factor)), max(2, round(width / factor)))
    planes = light.reshape(-1, height, width)
    reduced = np.stack([resized(plane, small, Image.Resampling.BOX) for plane in planes])
    reduced = blurred(reduced, 1.4)
    return np.stack([resized(plane, (height, width)) for plane in reduced]).reshape(light.shape)


def darkest(light: Light) -> Light:
    """Give every pixel the smallest value among itself and its four neighbours."""
    return _neighbours(light, np.minimum)


def lightest(light: Light) -> Light:
    """Give every pixel the largest value among itself and its four neighbours."""
    return _neighbours(light, np.maximum)


def _neighbours(light: Light, pick: np.ufunc) -> Light:
    out = light.copy()
    pick(out[..., 1:, :], light[..., :-1, :], out=out[..., 1:, :])
    pick(out[..., :-1, :], light[..., 1:, :], out=out[..., :-1, :])
    pick(out[..., 1:], light[..., :-1], out=out[..., 1:])
    pick(out[..., :-1], light[..., 1:], out=out[..., :-1])
    return out


@lru_cache(maxsize=8)
def bank(name: str) -> Field:
    """One of the stored textures, `(BANK_SIDE, BANK_SIDE)`, periodic, mean 0, variance 1.

    "fine": white noise, lightly smoothed, the grain of coated paper · "rough": all scales alike,
    uncoated paper · "cloud": mostly large scales, uneven absorption · "fibre": short strands in all
    directions · "laid": the wires of a hand-made sheet.
    """
    rng = np.random.default_rng(sum(name.encode()))
    side = BANK_SIDE
    spectrum = np.fft.rfft2(rng.standard_normal((side, side)))
    v, u = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    f = np.hypot(u, v) + 1.0 / side
    shapes = {
        "fine": np.exp(-((f / 0.22) ** 2)),
        "rough": f**-0.7 * np.exp(-((f / 0.3) ** 2)),
        "cloud": f**-1.5,
        "fibre": f**-0.5 * np.exp(-((f / 0.18) ** 2)),
        "laid": np.exp(-(((np.abs(v) - 0.11) / 0.006) ** 2) - (u / 0.01) ** 2) * 6
        + f**-0.6 * np.exp(-((f / 0.25) ** 2)) * 0.35,
    }
    field = np.fft.irfft2(spectrum * shapes[name], s=(side, side))
    if name == "fibre":  # ridges of smooth noise are strands
        field = -np.abs(field / field.std())
    field = (field - field.mean()) / field.std()
    return field.astype(np.float32)


def texture(rng: np.random.Generator, shape: Shape, name: str, scale: float = 1.0) -> Field:
    """A random piece of a stored texture, turned and flipped by chance.

    Args:
        rng: chance.
        shape: of the result.
        name: see `bank`.
        scale: enlargement of the stored texture, at least 1 makes it coarser.
    """
    need = (int(np.ceil(shape[0] / scale)) + 1, int(np.ceil(shape[1] / scale)) + 1)
    stored = bank(name)
    if rng.random() < 0.5:
        stored = stored.T
    stored = stored[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
    top, left = rng.integers(0, BANK_SIDE, 2)
    if top + need[0] <= BANK_SIDE and left + need[1] <= BANK_SIDE:
        piece = stored[top : top + need[0], left : left + need[1]]
    else:
        rows, columns = (np.arange(n) % BANK_SIDE for n in (top + need[0], left + need[1]))
        piece = stored[rows[top:, None], columns[left:]]
    if scale == 1.0:
        return piece[: shape[0], : shape[1]]
    return resized(piece, shape)


def blots(rng: np.random.Generator, shape: Shape, count: int, radius: tuple[float, float]) -> Field:
    """Soft irregular dots at random places: 0 nothing to 1 their middle.

    Args:
        rng: chance.
        shape: of the result.
        count: how many.
        radius: smallest and largest, pixels; small ones are much more frequent, as dust is.
    """
    out = np.zeros(shape, np.float32)
    for _ in range(count):
        low, high = radius
        size = low + (high - low) * rng.random() ** 3
        stamp(out, dot(rng, size), rng.random() * shape[0], rng.random() * shape[1])
    return out


def dot(rng: np.random.Generator, radius: float) -> Field:
    """One irregular dot, anti-aliased: a random ellipse with a wavy border."""
    reach = int(np.ceil(radius * 1.6 + 1))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    angle = np.arctan2(y, x)
    phase = rng.random(3) * 6.283
    wave = 1 + 0.25 * np.cos(2 * angle + phase[0])
    if radius > 1.5:
        wave += 0.12 * np.cos(3 * angle + phase[1]) + 0.08 * np.cos(5 * angle + phase[2])
    return np.clip(radius * wave - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)


def stamp(out: Field, mark: Field, row: float, column: float) -> None:
    """Lay `mark` over `out`, its middle at (row, column), keeping the larger value."""
    top, left = round(row) - mark.shape[0] // 2, round(column) - mark.shape[1] // 2
    above, before = max(0, -top), max(0, -left)
    target = out[max(top, 0) : top + mark.shape[0], max(left, 0) : left + mark.shape[1]]
    if target.size:
        source = mark[above : above + target.shape[0], before : before + target.shape[1]]
        np.maximum(target, source, out=target)


def stained(light: Light, amount: Field, absorbs: tuple[float, float, float]) -> Light:
    """Lay a coloured film over the page: Beer-Lambert, light * exp(-amount * absorbance).

    Args:
        light: the page.
        amount: thickness of the film, 0 none.
        absorbs: absorbance of a film of thickness 1 in red, green, blue; gray pages take the mean
            of red and twice green.
    """
    channels = absorbs if len(light) == 3 else ((absorbs[0] + 2 * absorbs[1]) / 3,)
    for plane, absorbance in zip(light, channels, strict=True):
        plane *= np.exp(amount * np.float32(-absorbance))
    return light
