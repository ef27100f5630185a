"""Degradations: from a clean page to the scan that somebody would have made of it.

The real process in its order: print, paper, wear, optics, sensor, processing. Each step is a frozen
dataclass of physical parameters in one of the private modules beside this one. They change light
and colour only, never geometry, so a scan stays aligned to its clean page to the pixel.

    degradation = sample(rng, dpi=300)                # which steps, with which parameters
    scan = apply(degradation, clean, rng, reverse)    # do it
    scan = degrade(clean, rng, reverse, dpi=300)      # both

What is content and what is dirt: everything on the clean page is content (photographs, coloured
boxes and paper, highlighter, stamps, pencil); what these modules add is dirt, the cream of old
paper included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypedDict, cast

import numpy as np

from scanclean.page import Pixels
from scanclean.training import _optics as optics
from scanclean.training import _paper as paper
from scanclean.training import _print as ink
from scanclean.training import _processing as processing
from scanclean.training import _sensor as sensor
from scanclean.training import _wear as wear
from scanclean.training._light import Effect, Light, Scene, log_between, to_light, to_pixels
from scanclean.training._processing import Step

DPI_RANGE = (110.0, 350.0)
"""Resolution drawn for pages that state none, pixels an inch."""


@dataclass(frozen=True)
class Degradation:
    """Everything that happens to one page."""

    profile: str
    """Which row of `PROFILES` it was drawn from."""
    dpi: float
    """Pixels an inch."""
    effects: tuple[Effect, ...] = ()
    """On light, in order."""
    steps: tuple[Step, ...] = ()
    """On encoded pixels, in order, after the effects."""


@dataclass(frozen=True)
class Choice:
    """One line of a profile."""

    what: type[Effect] | type[Step]
    """The class to draw."""
    chance: float
    """Probability that it happens at all."""
    low: float = 0.0
    """Least level, 0 barely visible to 1 worst."""
    high: float = 1.0
    """Highest level."""


Profile: TypeAlias = tuple[Choice, ...]
"""Steps in the order of the real process."""

_PRINT: Profile = (
    Choice(ink.InkSpread, 0.6),
    Choice(ink.Mottle, 0.25, 0, 0.7),
    Choice(ink.Halftone, 0.3),
    Choice(ink.Dropouts, 0.1, 0, 0.5),
    Choice(ink.Fading, 0.12, 0, 0.6),
    Choice(ink.LowInk, 0.03),
)
_OUTPUT: Profile = (
    Choice(processing.Gray, 0.5),
    Choice(processing.Levels, 0.6, 0, 1),
    Choice(processing.Resample, 0.12),
    Choice(processing.Sharpen, 0.3),
    Choice(processing.Jpeg, 0.75, 0, 0.75),
    Choice(processing.Jpeg2000, 0.02),
)

PROFILES: Mapping[str, tuple[float, Profile]] = {
    # name: (weight, steps)
    "identity": (0.10, ()),
    "recoded": (0.08, (Choice(processing.Jpeg, 1, 0, 0.5),)),
    "mild": (
        0.10,
        (
            Choice(ink.InkSpread, 0.3, 0, 0.3),
            Choice(paper.Tint, 0.3, 0, 0.1),
            Choice(optics.Lens, 0.6, 0, 0.4),
            Choice(sensor.Noise, 0.8, 0, 0.45),
            Choice(processing.Levels, 0.3, 0, 0.3),
            Choice(processing.Sharpen, 0.2, 0, 0.4),
            Choice(processing.Jpeg, 0.7, 0, 0.6),
        ),
    ),
    "flatbed": (
        0.17,
        (
            *_PRINT,
            Choice(ink.TonerSpecks, 0.2, 0, 0.6),
            Choice(paper.Tint, 0.85, 0, 0.65),
            Choice(paper.Fibre, 0.6, 0, 0.6),
            Choice(paper.Foxing, 0.08, 0, 0.5),
            Choice(paper.RuledLines, 0.03),
            Choice(paper.ShowThrough, 0.45, 0, 0.8),
            Choice(wear.Stain, 0.1),
            Choice(wear.Fold, 0.15),
            Choice(wear.Crumple, 0.06, 0, 0.6),
            Choice(wear.PunchHole, 0.03),
            Choice(optics.Uneven, 0.3, 0, 0.35),
            Choice(optics.Gutter, 0.12),
            Choice(optics.Lens, 0.9, 0, 0.8),
            Choice(optics.Fringe, 0.35),
            Choice(sensor.Dust, 0.3, 0, 0.7),
            Choice(sensor.Hairs, 0.08),
            Choice(sensor.Noise, 0.9, 0, 0.85),
            Choice(sensor.LineNoise, 0.15),
            *_OUTPUT,
        ),
    ),
    "feeder": (
        0.10,
        (
            *_PRINT,
            Choice(ink.TonerSpecks, 0.4),
            Choice(paper.Tint, 0.6, 0, 0.3),
            Choice(paper.ShowThrough, 0.3, 0, 0.6),
            Choice(wear.Fold, 0.2),
            Choice(wear.PunchHole, 0.06),
            Choice(optics.Lens, 0.9),
            Choice(sensor.Dust, 0.3),
            Choice(sensor.Noise, 0.8, 0, 0.85),
            Choice(sensor.LineNoise, 0.6),
            Choice(sensor.Streaks, 0.6),
            *_OUTPUT,
            Choice(processing.Bilevel, 0.2),
        ),
    ),
    "book": (
        0.29,
        (
            Choice(ink.InkSpread, 0.8),
            Choice(ink.Mottle, 0.5),
            Choice(ink.Dropouts, 0.3, 0, 0.7),
            Choice(ink.Fading, 0.3, 0, 0.8),
            Choice(paper.Tint, 1, 0.45, 1.1),
            Choice(paper.Fibre, 0.9, 0.2, 1),
            Choice(paper.Flecks, 0.4),
            Choice(paper.Foxing, 0.6),
            Choice(paper.ShowThrough, 0.75, 0.2, 1),
            Choice(wear.Stain, 0.25),
            Choice(wear.Fold, 0.1),
            Choice(wear.Crumple, 0.1, 0, 0.6),
            Choice(optics.Uneven, 0.6, 0, 0.5),
            Choice(optics.Gutter, 0.3),
            Choice(optics.Lens, 1),
            Choice(optics.Fringe, 0.3),
            Choice(sensor.Dust, 0.3, 0, 0.6),
            Choice(sensor.Noise, 0.9, 0, 0.95),
            Choice(sensor.LineNoise, 0.1),
            *_OUTPUT,
        ),
    ),
    "phone": (
        0.11,
        (
            *_PRINT,
            Choice(paper.Tint, 0.6, 0, 0.3),
            Choice(paper.Fibre, 0.3, 0, 0.5),
            Choice(paper.RuledLines, 0.05),
            Choice(paper.ShowThrough, 0.2, 0, 0.5),
            Choice(wear.Stain, 0.1),
            Choice(wear.Fold, 0.25),
            Choice(wear.Crumple, 0.25),
            Choice(optics.Uneven, 1, 0.2, 1),
            Choice(optics.Gutter, 0.1),
            Choice(optics.CastShadow, 0.45),
            Choice(optics.Lens, 1, 0.2, 1),
            Choice(optics.Fringe, 0.3),
            Choice(sensor.Noise, 1, 0.3, 1),
            Choice(processing.Gray, 0.15),
            Choice(processing.Levels, 0.5, 0, 1),
            Choice(processing.Sharpen, 0.5),
            Choice(processing.Jpeg, 1, 0, 0.8),
        ),
    ),
    "blurred": (
        0.08,
        (
            Choice(ink.InkSpread, 0.4),
            Choice(ink.Fading, 0.1, 0, 0.4),
            Choice(paper.Tint, 0.7, 0, 0.5),
            Choice(paper.Fibre, 0.3, 0, 0.5),
            Choice(paper.ShowThrough, 0.2, 0, 0.6),
            Choice(optics.Uneven, 0.8, 0, 0.7),
            Choice(optics.CastShadow, 0.2, 0, 0.7),
            Choice(optics.Defocus, 1),
            Choice(sensor.Noise, 0.9, 0, 0.8),
            Choice(processing.Gray, 0.2),
            Choice(processing.Levels, 0.4, 0, 0.8),
            Choice(processing.Sharpen, 0.4),
            Choice(processing.Jpeg, 0.9, 0, 0.75),
        ),
    ),
    "thin": (
        0.10,
        (
            Choice(ink.InkSpread, 0.4),
            Choice(ink.Fading, 0.1, 0, 0.4),
            Choice(paper.Tint, 0.7, 0, 0.5),
            Choice(paper.Fibre, 0.3, 0, 0.5),
            Choice(paper.SheetBeneath, 0.6),
            Choice(paper.ShowThrough, 1, 0.1, 1),
            Choice(paper.BleedThrough, 0.5),
            Choice(wear.Fold, 0.1),
            Choice(optics.Uneven, 0.3, 0, 0.5),
            Choice(optics.Lens, 0.9, 0, 0.6),
            Choice(sensor.Dust, 0.2),
            Choice(sensor.Noise, 0.9, 0, 0.7),
            *_OUTPUT,
        ),
    ),
    "photocopied": (
        0.06,
        (
            Choice(ink.InkSpread, 0.8),
            Choice(ink.Mottle, 0.6),
            Choice(ink.Dropouts, 0.3),
            Choice(ink.TonerSpecks, 0.6),
            Choice(ink.TonerShadow, 1),
            Choice(paper.Tint, 0.6, 0, 0.4),
            Choice(paper.ShowThrough, 0.1, 0, 0.5),
            Choice(optics.Lens, 1, 0, 0.8),
            Choice(sensor.Noise, 0.9, 0, 0.6),
            Choice(processing.Gray, 1),
            Choice(processing.Levels, 0.6),
            Choice(processing.Jpeg, 0.6, 0, 0.6),
        ),
    ),
    "speckled": (
        0.05,
        (
            Choice(ink.InkSpread, 0.5),
            Choice(ink.Mottle, 0.3),
            Choice(optics.Lens, 0.8, 0, 0.6),
            Choice(sensor.Noise, 0.5, 0, 0.5),
            Choice(processing.Gray, 0.5),
            Choice(processing.Bilevel, 0.8, 0, 0.6),
            Choice(processing.Specks, 1),
        ),
    ),
    "spoiled": (
        0.11,
        (
            Choice(ink.InkSpread, 0.4),
            Choice(ink.Fading, 0.2, 0, 0.5),
            Choice(paper.Tint, 0.7, 0, 0.6),
            Choice(paper.Fibre, 0.7),
            Choice(paper.Foxing, 0.2),
            Choice(wear.Stain, 0.65, 0.2, 1),
            Choice(wear.Stain, 0.4, 0, 1),
            Choice(wear.Fold, 0.45, 0.2, 1),
            Choice(wear.Fold, 0.2, 0, 1),
            Choice(wear.Crumple, 0.5, 0.1, 1),
            Choice(optics.Uneven, 0.3, 0, 0.6),
            Choice(optics.Lens, 0.8, 0, 0.7),
            Choice(sensor.Dust, 0.4),
            Choice(sensor.Hairs, 0.2),
            Choice(sensor.Noise, 0.7, 0, 0.6),
            *_OUTPUT,
        ),
    ),
    "copier": (
        0.11,
        (
            Choice(ink.InkSpread, 0.8),
            Choice(ink.Mottle, 0.6, 0.2, 1),
            Choice(ink.Dropouts, 0.4),
            Choice(ink.LowInk, 0.1, 0, 0.5),
            Choice(ink.TonerSpecks, 0.8, 0.2, 1),
            Choice(paper.Tint, 0.6, 0, 0.4),
            Choice(paper.ShowThrough, 0.2, 0, 0.5),
            Choice(optics.Lens, 1, 0.1, 0.8),
            Choice(sensor.Streaks, 0.3),
            Choice(sensor.Noise, 0.9, 0.2, 0.8),
            Choice(processing.Gray, 1),
            Choice(processing.Levels, 0.7, 0.3, 1),
            Choice(processing.Bilevel, 0.6),
            Choice(processing.Fax, 0.12),
            Choice(processing.Jpeg, 0.4, 0, 0.6),
        ),
    ),
}
"""How often each kind of scan occurs, and what happens to it."""


def sample(
    rng: np.random.Generator,
    dpi: float | None = None,
    profile: str | None = None,
    *,
    colour: bool = True,
    tones: float = 0.0,
    dark: bool = False,
) -> Degradation:
    """Draw a degradation.

    Args:
        rng: chance.
        dpi: resolution of the page, pixels an inch; None: draw one.
        profile: a key of `PROFILES`, or None to draw one by weight.
        colour: whether the page has colours; a page that has some is never scanned in gray, as the
            colours could not be told from the scan.
        tones: share of the page in middle tones, see `tone_share`; they are lost in two tones, so
            a page that has some is never made bilevel.
        dark: whether the ground is dark: such pages are mostly slides, seldom printed and worn.
    """
    name = profile or _pick(rng, colour, dark)
    dpi = dpi or log_between(rng, *DPI_RANGE)
    effects: list[Effect] = []
    steps: list[Step] = []
    barred = (_LOSES_COLOUR if colour else ()) + (_LOSES_TONES if tones > 0.004 else ())
    for choice in PROFILES[name][1]:
        if rng.random() >= choice.chance or choice.what in barred:
            continue
        # Squaring makes mild cases more frequent than bad ones, as they are.
        level = choice.low + (choice.high - choice.low) * rng.random() ** 1.5
        drawn = choice.what.draw(rng, level)
        if choice.what.__module__ == processing.__name__:
            steps.append(cast(Step, drawn))
        else:
            effects.append(cast(Effect, drawn))
    return Degradation(name, dpi, tuple(effects), tuple(steps))


_LOSES_TONES = (processing.Bilevel, processing.Fax)
_LOSES_COLOUR = (processing.Gray, processing.Bilevel, processing.Fax)


_ON_SCREEN = ("identity", "recoded", "mild")


def _pick(rng: np.random.Generator, colour: bool, dark: bool) -> str:
    names = [name for name in PROFILES if not (colour and name == "copier")]
    favour = 4.0 if dark else 1.0
    weights = np.array([PROFILES[n][0] * (favour if n in _ON_SCREEN else 1) for n in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def apply(
    degradation: Degradation,
    clean: Pixels,
    rng: np.random.Generator,
    reverse: Pixels | None = None,
) -> Pixels:
    """Degrade a clean page.

    Args:
        degradation: what happens.
        clean: uint8 `(H, W)` or `(H, W, 3)`. Give crops of at least 384 pixels and cut patches out
            of the result, so that stains and shadows have their real size.
        rng: chance for fields and positions.
        reverse: the other side of the sheet as read from that side, at least as large as `clean`;
            None: nothing shows through.

    Returns:
        The scan, same shape and dtype.
    """
    pixels = clean
    if degradation.effects:
        scene = Scene(rng, degradation.dpi, _other_side(reverse, clean))
        light = to_light(clean)
        for effect in degradation.effects:
            light = effect.apply(light, scene)
        pixels = to_pixels(light)
    for step in degradation.steps:
        pixels = step.process(pixels, rng, degradation.dpi)
    return np.ascontiguousarray(pixels)


def degrade(
    clean: Pixels,
    rng: np.random.Generator,
    reverse: Pixels | None = None,
    *,
    dpi: float | None = None,
    profile: str | None = None,
) -> Pixels:
    """Draw a degradation for a clean page and apply it; see `sample` and `apply`."""
    return apply(sample(rng, dpi, profile, **traits(clean)), clean, rng, reverse)


class Traits(TypedDict):
    """What `sample` should know about a page."""

    colour: bool
    tones: float
    dark: bool


def traits(clean: Pixels) -> Traits:
    """Look at a clean page; the result is the keyword arguments of `sample`."""
    dark = float(np.median(clean[::4, ::4])) < 120
    return {"colour": has_colour(clean), "tones": tone_share(clean), "dark": dark}


def has_colour(pixels: Pixels) -> bool:
    """Whether any pixel is coloured, give or take what rounding does."""
    if pixels.ndim == 2:
        return False
    thin = pixels[::2, ::2].astype(np.int16)
    spread = np.abs(thin[..., 0] - thin[..., 1]) + np.abs(thin[..., 2] - thin[..., 1])
    return bool((spread > 24).any())


def tone_share(pixels: Pixels) -> float:
    """Share of a page that is neither paper nor ink nor an edge between them, 0 to 1."""
    plane = pixels[::2, ::2] if pixels.ndim == 2 else pixels[::2, ::2, 1]
    if min(plane.shape) < 2:
        return 0.0
    calm = np.abs(plane[1:, 1:].astype(np.int16) - plane[:-1, :-1]) < 10
    middle = (plane[1:, 1:] > 50) & (plane[1:, 1:] < 249)
    return float((calm & middle).mean())


def _other_side(reverse: Pixels | None, clean: Pixels) -> Light | None:
    if reverse is None:
        return None
    height, width = clean.shape[:2]
    if reverse.shape[0] < height or reverse.shape[1] < width:
        return None
    return to_light(reverse[:height, :width])
