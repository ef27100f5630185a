"""Made pages as they come from a press: articles, magazines, titles, slides."""

from __future__ import annotations

import numpy as np

from scanclean.training import _pen as pen
from scanclean.training._layout import (
    add_picture,
    body,
    dark_colour,
    hex_of,
    new_sheet,
    pale_colour,
    running_text,
)
from scanclean.training._light import between, log_between
from scanclean.training._page_maker import Box, Sheet
from scanclean.training._words import Words


def article(rng: np.random.Generator, words: Words) -> Sheet:
    """One column, headings, a page number, sometimes footnotes and notes by hand."""
    sheet = new_sheet(rng, words)
    margin = between(rng, 30, 80)
    foot = sheet.height - margin * 1.3
    sheet.write(
        body(words, running_text(rng, words, 12)),
        (margin, margin, sheet.width - margin, foot - 40),
    )
    if rng.random() < 0.5:
        sheet.rule((margin, foot - 34), (margin + 100, foot - 34), 0.4)
        note = f"<p><sup>1</sup> {words.paragraph(rng, 200)}</p>"
        css = f"p {{font-size: {between(rng, 5, 7.5):.1f}pt}}"
        sheet.write(
            body(words, note), (margin, foot - 32, sheet.width - margin, foot + 10), css=css
        )
    sheet.write(
        f"<p>{int(rng.integers(1, 900))}</p>", (sheet.width / 2, foot + 12, sheet.width, foot + 40)
    )
    if rng.random() < 0.25:
        pen.doodles(rng, sheet, pencil=rng.random() < 0.6)
    if rng.random() < 0.15:
        pen.rubber_stamp(rng, sheet, words.phrase(rng, 14))
    return sheet


def magazine(rng: np.random.Generator, words: Words) -> Sheet:
    """Two or three columns with photographs, coloured boxes, captions and a headline."""
    sheet = new_sheet(rng, words, (6.5, 10))
    count, margin, gap = int(rng.integers(2, 4)), between(rng, 24, 50), between(rng, 10, 20)
    column = (sheet.width - 2 * margin - (count - 1) * gap) / count
    top = margin
    if rng.random() < 0.7:
        high = between(rng, 50, 130)
        size = f"h1 {{font-size: {high * between(rng, 0.3, 0.6):.0f}pt; margin: 0}}"
        if rng.random() < 0.4:
            ground = dark_colour(rng)
            sheet.box((0, 0, sheet.width, top + high), fill=ground)
            size += " h1 {color: #fff}"
        sheet.write(
            body(words, f"<h1>{words.phrase(rng, 24)}</h1>"),
            (margin, top, sheet.width - margin, top + high),
            css=size,
        )
        top += high + 10
    boxes: list[Box] = []
    for index in range(count):
        left, y = margin + index * (column + gap), top
        while y < sheet.height - margin - 60:
            if rng.random() < 0.55:
                y = _inset(rng, words, sheet, (left, y, left + column, sheet.height - margin))
            end = min(sheet.height - margin, y + between(rng, 80, 500))
            boxes.append((left, y, left + column, end))
            y = end + 8
        if index and rng.random() < 0.3:
            sheet.rule(
                (left - gap / 2, top), (left - gap / 2, sheet.height - margin), between(rng, 0.2, 1)
            )
    sheet.write(body(words, running_text(rng, words, 40)), *boxes)
    return sheet


def _inset(rng: np.random.Generator, words: Words, sheet: Sheet, space: Box) -> float:
    """Put a picture, a coloured box or a gray bar at the top of `space`; returns where it ends."""
    left, top, right, bottom = space
    high = min(between(rng, 30, 220), bottom - top - 20)
    if high < 25:
        return top
    kind = rng.random()
    if kind < 0.5:
        add_picture(rng, sheet, (left, top, right, top + high))
        small = f"p {{font-size: {between(rng, 5, 7):.1f}pt}}"
        sheet.write(
            body(words, f"<p>{words.phrase(rng, 60)}</p>"),
            (left, top + high + 1, right, top + high + 18),
            css=small,
        )
        return top + high + 20
    if kind < 0.85:
        dark = rng.random() < 0.35
        fill = dark_colour(rng) if dark else pale_colour(rng)
        edge = dark_colour(rng) if rng.random() < 0.4 else None
        sheet.box((left, top, right, top + high), fill=fill, edge=edge, width=between(rng, 0.3, 2))
        css = f"body {{color: {'#fff' if dark else '#000'}}}"
        sheet.write(
            body(words, running_text(rng, words, 3)),
            (left + 5, top + 4, right - 5, top + high - 2),
            css=css,
        )
        return top + high + 8
    gray = between(rng, 0.1, 0.8)
    sheet.box((left, top, right, top + high / 3), fill=(gray, gray, gray))
    return top + high / 3 + 6


def picture_page(rng: np.random.Generator, words: Words) -> Sheet:
    """A photograph over most of the page, with text on it or under it."""
    sheet = new_sheet(rng, words, (8, 16))
    full = rng.random() < 0.5
    box = (
        (0.0, 0.0, sheet.width, sheet.height)
        if full
        else (30.0, 30.0, sheet.width - 30, sheet.height * 0.7)
    )
    add_picture(rng, sheet, box)
    top = sheet.height * between(rng, 0.1, 0.7) if full else box[3] + 6
    css = "body {color: #fff}" if full and rng.random() < 0.6 else ""
    sheet.write(
        body(words, running_text(rng, words, 4)),
        (40, top, sheet.width - 40, sheet.height - 30),
        css=css,
    )
    return sheet


def formulas(rng: np.random.Generator, words: Words) -> Sheet:
    """Text with formulas: italics, indices, Greek letters, fractions with their bars."""
    sheet = new_sheet(rng, words, (8, 13))
    letters, signs = list("abcdefghkmnpqrstuvwxyzαβγδεθλμπσφω"), list("+−=·×≤≥≈∈→∞∂∇∑∫√±")
    parts = []
    for _ in range(16):
        terms = []
        for _ in range(int(rng.integers(3, 9))):
            term = f"<i>{rng.choice(letters)}</i>"
            if rng.random() < 0.5:
                tag = str(rng.choice(("sub", "sup")))
                term += f"<{tag}>{rng.choice(letters)}{int(rng.integers(9))}</{tag}>"
            terms.append(f"{term} {rng.choice(signs)}")
        parts.append(
            f"<p>{words.paragraph(rng, 160)}</p>"
            f"<p style='text-align: center'>{' '.join(terms)} 0.5</p>"
        )
    sheet.write(body(words, "".join(parts)), (50, 40, sheet.width - 50, sheet.height - 40))
    return sheet


def small_print(rng: np.random.Generator, words: Words) -> Sheet:
    """Footnotes and conditions down to 5 points."""
    sheet = new_sheet(rng, words, (5, 6.5))
    half = sheet.width / 2
    boxes = (
        (24, 24, half - 6, sheet.height - 24),
        (half + 6, 24, sheet.width - 24, sheet.height - 24),
    )
    sheet.write(body(words, running_text(rng, words, 40)), *boxes)
    return sheet


def title(rng: np.random.Generator, words: Words) -> Sheet:
    """A title page: few, large letters, ornaments of rules."""
    sheet = new_sheet(rng, words, (11, 18))
    css = "body {text-align: center} h1 {line-height: 1.1}"
    css += f" h1 {{font-size: {log_between(rng, 24, 90):.0f}pt}}"
    text = f"<p>{words.phrase(rng, 20)}</p><h1>{words.phrase(rng, 16)}</h1>"
    text += f"<h2>{words.phrase(rng, 30)}</h2>"
    sheet.write(
        body(words, text),
        (30, sheet.height * between(rng, 0.05, 0.3), sheet.width - 30, sheet.height - 30),
        css=css,
    )
    for _ in range(int(rng.integers(0, 4))):
        y = between(rng, 0.1, 0.9) * sheet.height
        sheet.rule((60, y), (sheet.width - 60, y), log_between(rng, 0.2, 12))
    if rng.random() < 0.4:
        frame = (20.0, 20.0, sheet.width - 20, sheet.height - 20)
        sheet.box(frame, edge=dark_colour(rng), width=between(rng, 0.5, 6))
    if rng.random() < 0.4:
        pen.doodles(rng, sheet, pencil=True)
    return sheet


def poster(rng: np.random.Generator, words: Words) -> Sheet:
    """Headlines only: letters of half a centimetre to several centimetres, in colours."""
    sheet = new_sheet(rng, words)
    for index in range(7):
        y, size = 10 + index * 115, log_between(rng, 20, 100)
        css = f"p {{font-size: {size:.0f}pt; color: {hex_of(dark_colour(rng))}}}"
        css += " p {line-height: 1; margin: 0}"
        if rng.random() < 0.25:
            sheet.box((0, y, sheet.width, y + 110), fill=dark_colour(rng))
            css += " p {color: #fff}"
        sheet.write(
            body(words, f"<p>{words.phrase(rng, 30)}</p>"),
            (16, y, sheet.width - 10, y + 112),
            css=css,
        )
    return sheet


def slide(rng: np.random.Generator, words: Words) -> Sheet:
    """A slide with a dark ground, light letters, sometimes a picture."""
    sheet = new_sheet(rng, words, (13, 22))
    sheet.width, sheet.height, sheet.ground = 720, 405, dark_colour(rng)
    light = hex_of(pale_colour(rng))
    css = f"body {{color: {light}}} h1 {{color: {hex_of(pale_colour(rng))}}}"
    items = "".join(f"<li>{words.phrase(rng, 50)}</li>" for _ in range(int(rng.integers(2, 7))))
    wide = 690.0
    if rng.random() < 0.4:
        wide = 400.0
        add_picture(rng, sheet, (430, 60, 700, 340))
    text = f"<h1>{words.phrase(rng, 26)}</h1><ul>{items}</ul>"
    sheet.write(body(words, text), (30, 24, wide, 395), css=css)
    return sheet


def dark_page(rng: np.random.Generator, words: Words) -> Sheet:
    """A text page on a black or dark ground."""
    sheet = new_sheet(rng, words, (8, 14))
    sheet.ground = (0, 0, 0) if rng.random() < 0.4 else dark_colour(rng)
    css = f"body {{color: {'#fff' if rng.random() < 0.5 else hex_of(pale_colour(rng))}}}"
    sheet.write(
        body(words, running_text(rng, words, 14)),
        (40, 40, sheet.width - 40, sheet.height - 40),
        css=css,
    )
    return sheet
