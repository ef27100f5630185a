"""Marks made by hand: writing, signatures, pencil, highlighter, stamps."""

from __future__ import annotations

import numpy as np

from scanclean.training._light import between, log_between
from scanclean.training._page_maker import Colour, Line, Sheet, Text

INKS: tuple[Colour, ...] = (
    (0.05, 0.05, 0.08),
    (0.05, 0.1, 0.5),
    (0.1, 0.2, 0.7),
    (0.6, 0.05, 0.1),
    (0.0, 0.35, 0.2),
)
"""Colours of pens."""
MARKERS: tuple[Colour, ...] = (
    (1, 1, 0.2),
    (0.6, 1, 0.4),
    (1, 0.6, 0.8),
    (0.5, 0.85, 1),
    (1, 0.75, 0.3),
)
"""Colours of highlighters."""


def pencil_gray(rng: np.random.Generator) -> Colour:
    """A pencil's gray, 4 to 25 % below white paper."""
    gray = 1 - log_between(rng, 0.04, 0.25)
    return (gray, gray, gray)


def writing(
    rng: np.random.Generator,
    x: float,
    y: float,
    width: float,
    size: float,
    colour: Colour,
    pen: float,
) -> list[Line]:
    """One line of something that looks written by hand: loops and strokes grouped to words.

    Args:
        rng: chance.
        x: left end of the base line, points.
        y: base line, points.
        width: length of the line, points.
        size: height of a small letter, points.
        colour: of the ink.
        pen: width of the stroke, points.
    """
    slant, spread = between(rng, -0.1, 0.4), between(rng, 0.7, 1.5)
    lines, end = [], x + width
    while x < end - 2 * size:
        points = []
        for _ in range(int(rng.integers(2, 9))):
            letter = _LETTERS[int(rng.integers(len(_LETTERS)))]
            wide = spread * size * between(rng, 0.6, 1)
            for u, v in letter:
                px = x + wide * u + rng.normal(0, 0.04) * size
                py = -size * v * between(rng, 0.9, 1.1)
                points.append((float(px - slant * py), float(y + py)))
            x += wide
            if x > end:
                break
        lines.append(Line(tuple(points), colour, pen, round=True))
        if rng.random() < 0.4:  # a dot or an accent
            u, v = points[int(rng.integers(len(points)))]
            lines.append(
                Line(
                    ((u, v - size), (u + 0.3 * pen, v - size), (u + 0.6 * pen, v - size - 0.3)),
                    colour,
                    pen,
                    round=True,
                )
            )
        x += size * between(rng, 0.5, 1.2)
        y += float(rng.normal(0, 0.05) * size)
    return lines


# Letter-like pieces in a unit box: x to the right, v upwards, one continuous stroke each.
_LETTERS = (
    ((0, 0.1), (0.3, 0.5), (0.5, 1), (0.3, 1), (0.3, 0.1), (0.6, 0), (1, 0.2)),
    (
        (0, 0.1),
        (0.7, 0.9),
        (0.3, 1),
        (0.1, 0.4),
        (0.4, 0),
        (0.8, 0.5),
        (0.8, 1),
        (0.8, 0.1),
        (1, 0.1),
    ),
    ((0, 0.1), (0.4, 1.2), (0.5, 2.1), (0.3, 2.1), (0.3, 0.2), (0.5, 0), (1, 0.2)),
    ((0, 0.1), (0.2, 1), (0.25, 0), (0.5, 0.95), (0.6, 0.9), (0.6, 0), (0.8, 0), (1, 0.2)),
    (
        (0, 0.2),
        (0.6, 0.9),
        (0.3, 1),
        (0.2, 0.5),
        (0.6, 0.6),
        (0.7, 1),
        (0.6, -0.9),
        (0.3, -0.9),
        (1, 0.2),
    ),
    ((0, 0.1), (0.2, 1), (0.3, 0.1), (0.6, 0.05), (0.75, 1), (0.75, 0.1), (1, 0.1)),
    ((0, 0.3), (0.4, 0.5), (0.8, 0.8), (0.5, 1), (0.2, 0.5), (0.5, 0), (1, 0.2)),
)


def signature(rng: np.random.Generator, x: float, y: float, size: float) -> list[Line]:
    """A quick signature with a flourish, starting at (x, y), points."""
    colour = INKS[int(rng.integers(3))]
    pen = between(rng, 0.6, 1.6)
    out = writing(rng, x, y, size * 7, size, colour, pen)
    swing = [(x + size * between(rng, -0.5, 7), y + size * between(rng, -0.8, 1)) for _ in range(6)]
    return [*out, Line(tuple(swing), colour, pen * 0.8, round=True)]


def highlight(
    rng: np.random.Generator, sheet: Sheet, x: float, y: float, width: float, size: float
) -> None:
    """A marker's stroke under the text, the middle of its left end at (x, y)."""
    colour = MARKERS[int(rng.integers(len(MARKERS)))]
    drift = between(rng, -1.5, 1.5)
    sheet.below.append(
        Line(
            ((x, y), (x + width / 2, y + drift / 2), (x + width, y + drift)),
            colour,
            size,
            between(rng, 0.4, 1),
        )
    )


def doodles(rng: np.random.Generator, sheet: Sheet, *, pencil: bool) -> None:
    """Underlines, rings, ticks, arrows and margin notes anywhere on a sheet."""
    for _ in range(int(rng.integers(3, 14))):
        colour = pencil_gray(rng) if pencil else INKS[int(rng.integers(len(INKS)))]
        pen = between(rng, 0.3, 1.3)
        x, y = between(rng, 0.05, 0.8) * sheet.width, between(rng, 0.05, 0.93) * sheet.height
        kind, size = rng.random(), log_between(rng, 4, 40)
        if kind < 0.3:
            points = tuple((x + i * size, y + rng.normal(0, 0.6)) for i in range(6))
            sheet.above.append(Line(points, colour, pen, round=True))
        elif kind < 0.5:
            angle = np.linspace(0, between(rng, 5.8, 7.2), 14)
            points = tuple(
                (float(x + 2 * size * np.cos(a)), float(y + size * np.sin(a) * (1 + a / 40)))
                for a in angle
            )
            sheet.above.append(Line(points, colour, pen, round=True))
        elif kind < 0.65:
            sheet.above.append(
                Line(((x, y), (x + size / 3, y + size / 2), (x + size, y - size)), colour, pen)
            )
        else:
            sheet.above += writing(rng, x, y, size * 12, between(rng, 4, 12), colour, pen)


def rubber_stamp(rng: np.random.Generator, sheet: Sheet, phrase: str) -> None:
    """A coloured frame with a few words in it."""
    colour = ((0.55, 0.1, 0.15), (0.2, 0.15, 0.55), (0.15, 0.25, 0.6), (0.4, 0.15, 0.5))[
        int(rng.integers(4))
    ]
    size = between(rng, 10, 22)
    width, height = size * (len(phrase) * 0.62 + 2), size * 2.2
    x, y = between(rng, 0.05, 0.6) * sheet.width, between(rng, 0.05, 0.85) * sheet.height
    frame = ((x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y - 0.5))
    sheet.above.append(Line(frame, colour, between(rng, 0.8, 2.5), between(rng, 0.5, 0.95)))
    ink = "#" + "".join(f"{round(c * 255):02x}" for c in colour)
    css = f"p {{color: {ink}; font-size: {size:.1f}pt; margin: 0}}"
    css += " p {font-weight: bold; text-align: center}"
    sheet.texts.append(
        Text(f"<p>{phrase}</p>", ((x, y + size * 0.3, x + width, y + height + size),), css)
    )
