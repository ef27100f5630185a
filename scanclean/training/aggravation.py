"""Patches made harder: their ink paler, the focus lost, noise added.

Pale ink that is noisy and out of focus is the first that a network takes for dirt, and scans of it
are few. So patches of other scans are made such, behind the evening of the paper.
"""

from __future__ import annotations

import numpy as np

from scanclean.config import TrainConfig
from scanclean.page import Pixels
from scanclean.training._light import blurred

PALE = (0.07, 0.5)
"""Contrast that is left of all that pale patches show, least and most."""
ALSO_ROUGH = 0.5
"""Share of the pale patches that are out of focus and noisy as well."""
SIGMA = (0.4, 1.7)
"""Gaussian that takes the focus, standard deviation in pixels."""
IN_FOCUS = 0.2
"""Share of the rough patches that are only noisy."""
NOISE, NOISE_IF_PALE = (1.0, 14.0), (1.0, 6.0)
"""Standard deviation of the noise, gray levels."""
GRAIN = 0.9
"""Noise is blurred by up to such a Gaussian, as in scanners that interpolate, pixels."""
COLOURED = 0.3
"""Share of the patches whose noise differs from channel to channel."""


def aggravated(
    scan: Pixels, clean: Pixels, rng: np.random.Generator, config: TrainConfig
) -> tuple[Pixels, Pixels]:
    """Make a pair of patches harder, or leave it, as chance and the settings want it.

    Args:
        scan: uint8 `(H, W, C)`, its paper white.
        clean: of the same shape.
        rng: where all chance comes from; not asked where nothing is to be made harder.
        config: `pale` and `rough`, the shares of either kind.
    """
    if not config.pale + config.rough:
        return scan, clean
    drawn = rng.random()
    if drawn >= config.pale + config.rough:
        return scan, clean
    if drawn >= config.pale:
        return _rough(scan, rng, NOISE), clean
    contrast = rng.uniform(*PALE)
    scan, clean = _faded(scan, contrast), _faded(clean, contrast)
    return (_rough(scan, rng, NOISE_IF_PALE) if rng.random() < ALSO_ROUGH else scan), clean


def _faded(pixels: Pixels, contrast: float) -> Pixels:
    table = np.rint(255 - (255 - np.arange(256)) * contrast).astype(np.uint8)
    return table[pixels]


def _rough(scan: Pixels, rng: np.random.Generator, noise: tuple[float, float]) -> Pixels:
    """Out of focus, mostly, and noisy."""
    planes = np.moveaxis(scan, 2, 0).astype(np.float32)
    sigma = rng.uniform(*SIGMA)
    if rng.random() >= IN_FOCUS:
        planes = blurred(planes, sigma)
    channels = len(planes) if rng.random() < COLOURED else 1
    grain = rng.standard_normal((channels, *planes.shape[1:]), dtype=np.float32)
    grain = blurred(grain, rng.uniform(0, GRAIN))
    planes = planes + grain * np.float32(rng.uniform(*noise) / max(grain.std(), 1e-3))
    made = np.rint(np.clip(planes, 0, 255)).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(made, 0, 2))
