"""Programs that read text off pages, if they are installed.

Two that have nothing in common, so that a gain is not that of one reader's whims: Tesseract, and
RapidOCR (the PaddleOCR networks on ONNX Runtime; English and Chinese).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scanclean.evaluation import _rapidocr, _tesseract
from scanclean.page import Pixels


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
