"""Visible text that is lighter than the scan on which it lies: white paper would swallow it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from scanclean.documents._pdf_library import Object, pymupdf
from scanclean.page import LUMINANCE

LIGHT = 0.6
"""Luma of text from which it would hardly be seen on white."""
CONTRAST = 0.1
"""How much lighter than its ground text must be to count as seen."""
GROUNDS = (0.25, 0.9)
"""Luma of what may be taken for paper. Black stays black, and on white such text is not seen."""
PAINTS_NOTHING = 3
"""Kind of text that is there for searching only."""
DPI = 72
"""Enough to see what lies around letters."""


def lies_on(page: Object) -> bool:
    """Whether a page shows light text on a ground that cleaning might make white.

    Text on a dark box that is drawn over the scan, as redactions have it, does not count.

    Args:
        page: the page, as PyMuPDF has it.
    """
    return any(map(partial(_would_vanish, page), page.get_texttrace()))


def _would_vanish(page: Object, span: dict[str, Any]) -> bool:
    tone = float(np.dot(span["color"], LUMINANCE))
    if span["type"] == PAINTS_NOTHING or tone < LIGHT:
        return False
    darkest, lightest = GROUNDS
    return darkest < _ground(page, span["bbox"]) < min(lightest, tone - CONTRAST)


def _ground(page: Object, box: tuple[float, float, float, float]) -> float:
    """Luma around the letters in a box of the page's plane, 0 to 1; 1 outside of the page."""
    shown = pymupdf().Rect(box) * page.rotation_matrix
    if (shown & page.rect).is_empty:
        return 1.0
    pixmap = page.get_pixmap(clip=shown, dpi=DPI, colorspace="gray", alpha=False, annots=False)
    # Letters cover less than half of their box.
    return float(np.median(np.frombuffer(pixmap.samples_mv, np.uint8))) / 255
