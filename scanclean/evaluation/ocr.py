"""Programs that read text off pages, if they are installed.

Two that have nothing in common, so that a gain is not that of one reader's whims: Tesseract, and
RapidOCR (the PaddleOCR networks on ONNX Runtime; English and Chinese).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from scanclean.evaluation import _rapidocr, _tesseract
from scanclean.page import Pixels

SIZES = (1.0, 0.97, 1.03, 0.94, 1.06)
"""Sizes in which a page is read, as shares of its own, as many as are asked for. A page that is
nearly the same to the eye may be read quite otherwise, as a gray level decides what is taken for a
column; the mean over several sizes tells a better page from a lucky one."""


@dataclass(frozen=True)
class Reader:
    """One program."""

    name: str
    """What to call it."""
    install: str
    """What to do to have it."""
    ready: Callable[[], bool]
    """Whether it is installed."""
    language_for: Callable[[str], str | None]
    """Its name of a language ("en-GB", "eng+fra"; "" is English), or None if it lacks it."""
    read: Callable[[Pixels, str], str]
    """Text on uint8 `(H, W)` or `(H, W, 3)` in a language named its way; empty if it fails."""


READERS: Mapping[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            "tesseract",
            "install tesseract",
            lambda: bool(_tesseract.languages()),
            _tesseract.language_for,
            _tesseract.read,
        ),
        Reader(
            "rapidocr",
            "pip install rapidocr-onnxruntime",
            _rapidocr.ready,
            _rapidocr.language_for,
            _rapidocr.read,
        ),
    )
}
"""All that can be chosen, the usual one first."""


def in_sizes(pixels: Pixels, count: int) -> Iterator[Pixels]:
    """A page in the first `count` of `SIZES`, uint8 `(H, W)` or `(H, W, 3)`."""
    yield from (_resized(pixels, size) for size in SIZES[:count])


def _resized(pixels: Pixels, size: float) -> Pixels:
    from PIL import Image

    if size == 1:
        return pixels
    height, width = (max(1, round(side * size)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
