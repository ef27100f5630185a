"""What a user could do in one line: the filters that weights have to beat."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from scanclean.errors import DeviceError
from scanclean.evaluation import _pnm
from scanclean.evaluation.similarity import luminance
from scanclean.page import Pixels
from scanclean.shapes import box_mean, dilate, erode

Filter: TypeAlias = Callable[[Pixels], Pixels]
"""uint8 `(H, W)` or `(H, W, 3)` to the same shape."""

STROKE_RADIUS = 12
"""Strokes up to twice this width are taken out of the background, pixels."""
SMOOTH_RADIUS = 8
"""Radius of the mean that smooths the background, pixels."""
SAUVOLA_RADIUS = 12
"""Half the window of Sauvola's threshold, pixels."""
SAUVOLA_K, SAUVOLA_R = 0.2, 128.0
"""Sauvola's two constants, as in the paper."""
UNPAPER_TIMEOUT_S = 300
"""Seconds after which unpaper is given up."""
UNPAPER = (
    "--layout", "none", "--no-deskew", "--no-mask-scan", "--no-mask-center",
    "--no-border-scan", "--no-border-align", "--no-wipe", "--overwrite",
)  # fmt: skip
"""Its filters, but nothing that moves or cuts the page: the truth does not move either."""


def nothing(pixels: Pixels) -> Pixels:
    """The scan as it is."""
    return pixels


def median(pixels: Pixels) -> Pixels:
    """Median of 3 x 3 pixels, each channel by itself."""
    if pixels.ndim == 3:
        return np.stack([median(pixels[..., c]) for c in range(3)], axis=-1)
    wide = np.pad(pixels, 1, mode="edge")
    # The median of nine is that of: highest of the column minima, middle of the column middles,
    # lowest of the column maxima.
    low, middle, high = _sorted3(wide[:-2], wide[1:-1], wide[2:])
    low = np.maximum(np.maximum(low[:, :-2], low[:, 1:-1]), low[:, 2:])
    high = np.minimum(np.minimum(high[:, :-2], high[:, 1:-1]), high[:, 2:])
    middle = _sorted3(middle[:, :-2], middle[:, 1:-1], middle[:, 2:])[1]
    return _sorted3(low, middle, high)[1]


def _sorted3(a: Pixels, b: Pixels, c: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    a, b = np.minimum(a, b), np.maximum(a, b)
    b, c = np.minimum(b, c), np.maximum(b, c)
    return np.minimum(a, b), np.maximum(a, b), c


def division(pixels: Pixels) -> Pixels:
    """Divide by the background: a closing that strokes vanish in, smoothed."""
    if pixels.ndim == 3:
        return np.stack([division(pixels[..., c]) for c in range(3)], axis=-1)
    closed = erode(dilate(pixels, STROKE_RADIUS), STROKE_RADIUS)
    ground = np.maximum(box_mean(closed, SMOOTH_RADIUS), 1)
    return np.clip(pixels * (255 / ground) + 0.5, 0, 255).astype(np.uint8)


def sauvola(pixels: Pixels) -> Pixels:
    """Black and white by a local threshold (Sauvola and Pietikainen 2000)."""
    plane = luminance(pixels)
    mean = box_mean(plane, SAUVOLA_RADIUS)
    spread = np.sqrt(np.maximum(box_mean(plane * plane, SAUVOLA_RADIUS) - mean * mean, 0))
    paper = plane > mean * (1 + SAUVOLA_K * (spread / SAUVOLA_R - 1))
    out = np.where(paper, np.uint8(255), np.uint8(0))
    return out if pixels.ndim == 2 else np.repeat(out[..., None], 3, axis=2)


def unpaper(pixels: Pixels) -> Pixels:
    """The program of that name, if it is installed, without its moving of pages.

    Raises:
        DeviceError: it is not installed, or failed.
    """
    with tempfile.TemporaryDirectory(prefix="scanclean-") as folder:
        source, target = Path(folder, "in.pnm"), Path(folder, "out.pnm")
        source.write_bytes(_pnm.encode(pixels))
        words = ["unpaper", *UNPAPER, str(source), str(target)]
        try:
            done = subprocess.run(words, capture_output=True, timeout=UNPAPER_TIMEOUT_S)
            out = _pnm.decode(target.read_bytes())
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise DeviceError(
                f"unpaper failed: {error}", hint="leave it out: --no-baselines"
            ) from error
    if done.returncode or out.shape[:2] != pixels.shape[:2]:
        raise DeviceError(
            f"unpaper ended with {done.returncode}", hint="leave it out: --no-baselines"
        )
    if out.ndim == pixels.ndim:
        return out
    return np.repeat(out[..., None], 3, axis=2) if pixels.ndim == 3 else out[..., 0]


def available() -> Mapping[str, Filter]:
    """The filters by name, unpaper only where it is installed."""
    filters: dict[str, Filter] = {"median": median, "division": division, "sauvola": sauvola}
    if shutil.which("unpaper"):
        filters["unpaper"] = unpaper
    return filters
