"""Tesseract, if it is installed, as a program."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache

from scanclean.evaluation import _pnm
from scanclean.page import Pixels

TIMEOUT_S = 300
"""Seconds after which a page counts as unreadable."""
LANGUAGES = {
    "ar": "ara", "cs": "ces", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "fr": "fra",
    "he": "heb", "hi": "hin", "it": "ita", "ja": "jpn", "ko": "kor", "la": "lat", "pl": "pol",
    "pt": "por", "ru": "rus", "sa": "san", "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie",
    "zh": "chi_sim",
}  # fmt: skip
"""Codes of two letters, as HTML has them, and Tesseract's."""


@lru_cache(maxsize=1)
def languages() -> frozenset[str]:
    """Languages that can be read here; none if Tesseract is not installed."""
    if not shutil.which("tesseract"):
        return frozenset()
    done = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True)
    return frozenset(done.stdout.split("\n")[1:]) - {"", "osd"}


def language_for(code: str) -> str | None:
    """Tesseract's name of a language ("en", "en-GB", "eng", "eng+fra"), or None if it is not here.

    No code means English.
    """
    names = [_name(part) for part in (code or "en").split("+")]
    return "+".join(names) if languages().issuperset(names) else None


def _name(code: str) -> str:
    return LANGUAGES.get(code.split("-")[0].lower(), code)


def read(pixels: Pixels, language: str) -> str:
    """The text that Tesseract finds in uint8 `(H, W)` or `(H, W, 3)`; empty if it fails.

    Args:
        pixels: a page.
        language: as `language_for` gives it.
    """
    # One thread: Tesseract's own threads cost more than they give on pages of this size.
    words = ["tesseract", "stdin", "stdout", "-l", language, "--psm", "3"]
    settings = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            words, input=_pnm.encode(pixels), capture_output=True, timeout=TIMEOUT_S, env=settings
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace")
