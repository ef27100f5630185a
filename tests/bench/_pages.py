"""Pages that benchmarks restore: drawn here, the same every time."""

from __future__ import annotations

import numpy as np

from scanclean.page import Pixels

TEXT = (
    "The paper mill stood below the weir, and on still days one could hear its wheel as far as "
    "the market. Rags came in by the cart; what went out was white, a hand's breadth thick, and "
    "tied with the same blue string for two hundred years. In 1871 the string was red for a "
    "week, and people still speak of it. "
)


def text_page(seed: int = 0) -> Pixels:
    """An A4 page of text at 300 dpi as a flatbed gives it: `(3508, 2480, 3)`."""
    import pymupdf

    from scanclean.training.degradation import degrade

    document = pymupdf.open()
    page = document.new_page(width=595.2, height=841.92)
    page.insert_htmlbox(pymupdf.Rect(70, 70, 525, 770), f"<h2>The string</h2><p>{TEXT * 11}</p>")
    pixmap = page.get_pixmap(dpi=300)
    clean = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3)
    return degrade(clean[:3508, :2480], np.random.default_rng(seed), dpi=300, profile="flatbed")


def seam_page() -> Pixels:
    """A gray page of odd size: sparse text on the left, a dark ramp like a photograph right."""
    rng = np.random.default_rng(1)
    height, width = 1987, 1403
    page = np.full((height, width), 246, np.float32)
    for y in range(120, height - 120, 90):  # words: rows of short strokes
        for x in range(80, width // 2 - 120, 26):
            if rng.random() < 0.7:
                page[y : y + int(rng.integers(8, 22)), x : x + int(rng.integers(3, 16))] = 40
    rows, columns = np.mgrid[0:height, 0 : width - width // 2]
    page[:, width // 2 :] = 40 + 90 * rows / height + 12 * np.sin(columns / 37) * np.cos(rows / 53)
    return np.clip(page + rng.normal(0, 3, page.shape), 0, 255).astype(np.uint8)
