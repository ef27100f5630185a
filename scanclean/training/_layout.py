"""What all kinds of made pages share: fonts, colours, running text, pictures in boxes."""

from __future__ import annotations

import numpy as np

from scanclean.training._light import between, log_between
from scanclean.training._page_maker import Box, Colour, Picture, Sheet
from scanclean.training._photo import photo, png
from scanclean.training._words import Words

FAMILIES = ("serif", "serif", "sans-serif", "sans-serif", "monospace", "made0", "made0", "made1")


PAPERS: tuple[Colour, ...] = (
    (0.75, 0.86, 0.95),
    (0.78, 0.93, 0.78),
    (0.97, 0.78, 0.84),
    (1.0, 0.86, 0.5),
    (0.85, 0.8, 0.95),
    (1.0, 0.93, 0.3),
)
"""Paper that is coloured on purpose: pastel blue, green, pink, orange, violet, strong yellow."""


def new_sheet(rng: np.random.Generator, words: Words, size: tuple[float, float] = (7, 13)) -> Sheet:
    """A page of random size, font, ink and spacing; `size`: range of its body text, points."""
    family = FAMILIES[int(rng.integers(len(FAMILIES)))]
    points = log_between(rng, *size)
    ink = "#000" if rng.random() < 0.75 else hex_of(dark_colour(rng))
    align = "justify" if rng.random() < 0.5 else "start"
    css = (
        f"body {{font-family: {family}, sans-serif; font-size: {points:.1f}pt; color: {ink};"
        f" line-height: {between(rng, 1.05, 1.6):.2f}; text-align: {align}}}"
        f" h1 {{font-size: {log_between(rng, 1.3, 4):.2f}em; line-height: 1.1}}"
        f" h2 {{font-size: {log_between(rng, 1.1, 1.8):.2f}em}} p {{margin: 0 0 0.5em 0}}"
        f" .small {{font-size: {max(5.0, points * 0.7):.1f}pt}}"
    )
    width, height = ((595, 842), (612, 792), (420, 595), (516, 729))[int(rng.integers(4))]
    return Sheet(width, height, css=css)


def body(words: Words, inner: str) -> str:
    """Wrap HTML so that language and direction are known."""
    return f'<html><body lang="{words.language}" dir="{words.direction}">{inner}</body></html>'


def running_text(rng: np.random.Generator, words: Words, paragraphs: int) -> str:
    """Headings and paragraphs, with words in bold, colour and so on."""
    parts = []
    for index in range(paragraphs):
        if index == 0 or rng.random() < 0.2:
            level = "h1" if index == 0 and rng.random() < 0.6 else "h2"
            parts.append(f"<{level}>{words.phrase(rng, int(between(rng, 10, 50)))}</{level}>")
        text = words.paragraph(rng, int(log_between(rng, 100, 900)))
        if rng.random() < 0.3:
            tag = str(rng.choice(("b", "i", "u", "span style='color:#a01020'", "sup")))
            head, _, tail = text.partition(" ")
            text = f"<{tag}>{head}</{tag.split()[0]}> {tail}"
        parts.append(f"<p>{text}</p>")
    return "".join(parts)


def add_picture(rng: np.random.Generator, sheet: Sheet, box: Box) -> None:
    """Put a made photograph in a box."""
    zoom = between(rng, 1, 2.2)
    shape = (max(8, int((box[3] - box[1]) * zoom)), max(8, int((box[2] - box[0]) * zoom)))
    sheet.below.append(Picture(box, png(photo(rng, shape, gray=rng.random() < 0.4))))


def dark_colour(rng: np.random.Generator) -> Colour:
    """A colour that white letters can be read on."""
    r, g, b = rng.uniform(0, 0.45, 3)
    return (float(r), float(g), float(b))


def pale_colour(rng: np.random.Generator) -> Colour:
    """A colour that black letters can be read on."""
    if rng.random() < 0.3:
        gray = between(rng, 0.8, 0.95)
        return (gray, gray, gray)
    r, g, b = rng.uniform(0.68, 1, 3)
    return (float(r), float(g), float(b))


def hex_of(colour: Colour) -> str:
    """A colour as CSS writes it."""
    return "#" + "".join(f"{round(c * 255):02x}" for c in colour)
