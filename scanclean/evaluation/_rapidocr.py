"""RapidOCR, if it is installed, as a library."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from scanclean.page import Pixels

PACKAGE = "rapidocr_onnxruntime"
LANGUAGES = ("en", "zh")
"""What the networks inside its package were trained to read."""


def ready() -> bool:
    """Whether it is installed."""
    return find_spec(PACKAGE) is not None


def language_for(code: str) -> str | None:
    """Its name of a language, or None if it cannot read it or is not installed."""
    names = {"": "en", "eng": "en", "chi_sim": "zh"}
    name = names.get(code, code.split("-")[0].lower())
    return name if name in LANGUAGES and ready() else None


@lru_cache(maxsize=1)
def _engine() -> Any:
    return import_module(PACKAGE).RapidOCR(intra_op_num_threads=1)


def read(pixels: Pixels, language: str) -> str:
    """The text found on a page, a line for each box; one network reads all its languages."""
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    found, _ = _engine()(np.ascontiguousarray(colour[..., ::-1]))  # it wants blue first
    return "\n".join(line[1] for line in found or ())
