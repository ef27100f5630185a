"""Made pages as they come from desks: listings, tables, forms, receipts, handwriting, diagrams."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanclean.training import _pen as pen
from scanclean.training._kinds_press import article, title
from scanclean.training._layout import (
    PAPERS,
    add_picture,
    body,
    dark_colour,
    new_sheet,
    pale_colour,
)
from scanclean.training._light import between, log_between
from scanclean.training._page_maker import BLACK, Line, Sheet
from scanclean.training._words import Words, number


def code(rng: np.random.Generator, words: Words) -> Sheet:
    """A program listing, as in old computer magazines: narrow, dense, sometimes on a gray box."""
    sheet = new_sheet(rng, words)
    size = log_between(rng, 5, 11)
    lines = []
    for line in range(10, 1110, 10):
        small, large = int(rng.integers(99)), int(rng.integers(65536))
        name = "".join(rng.choice(list("abcdefijknpqrstuvxyz"), int(rng.integers(1, 7))))
        form = (
            f"{line} LET {name.upper()}={small * 7}:GOTO {small * 10}",
            f'{line} PRINT TAB({small});"{name}";CHR$({small + 120})',
            f"    if ({name}[{small}] != 0x{large:04X}) {{ return -1; }}",
            f"{large:04X}  " + " ".join(f"{b:02X}" for b in rng.integers(0, 256, 8)),
            f"def {name}(self, x: int) -> str:  # {name[::-1]}",
            "",
        )
        lines.append(form[int(rng.integers(len(form)))].replace("<", "&lt;"))
    text = "<br>".join(line.replace(" ", "&#160;") for line in lines)
    css = "body {font-family: monospace; line-height: 1.15; text-align: left}"
    css += f" body {{font-size: {size:.1f}pt}}"
    columns = 2 if size < 7.5 and rng.random() < 0.6 else 1
    wide = (sheet.width - 60) / columns
    if rng.random() < 0.3:
        sheet.box(
            (24, 24, sheet.width - 24, sheet.height - 24), fill=pale_colour(rng), edge=(0, 0, 0)
        )
    boxes = [(30 + i * wide, 40, 26 + (i + 1) * wide, sheet.height - 30) for i in range(columns)]
    sheet.write(f"<body>{text}</body>", *boxes, css=css)
    return sheet


def table(rng: np.random.Generator, words: Words) -> Sheet:
    """A ruled table of words and numbers, with shaded rows."""
    sheet = new_sheet(rng, words)
    size = log_between(rng, 5.5, 11)
    columns, step = int(rng.integers(3, 9)), size * between(rng, 1.5, 2.4)
    left, right, top = 36.0, sheet.width - 36, between(rng, 40, 120)
    edges = left + (right - left) * np.sort(np.r_[0, rng.uniform(0.1, 0.95, columns - 1), 1])
    sheet.write(body(words, f"<h2>{words.phrase(rng, 40)}</h2>"), (left, top - 32, right, top - 4))
    rows = int((sheet.height - top - 60) / step)
    shaded, shade, ruled = rng.random() < 0.5, pale_colour(rng), rng.random()
    css = f"body {{font-size: {size:.1f}pt; line-height: 1}} p {{margin: 0}}"
    for row in range(rows):
        y = top + row * step
        if shaded and row % 2:
            sheet.box((left, y, right, y + step), fill=shade)
        if ruled < 0.7 or row in (0, 1):
            sheet.rule((left, y), (right, y), between(rng, 0.2, 0.6))
        for column in range(columns):
            text = words.phrase(rng, 14) if column == 0 or row == 0 else number(rng)
            # Deeper than the row: a box that its line does not fit in stays empty.
            x, end = float(edges[column]) + 2, float(edges[column + 1]) - 1
            sheet.write(
                f"<p>{text}</p>", (x, y + (step - size) / 2 - 1, end, y + step + size), css=css
            )
    if ruled < 0.5:
        for x in edges:
            sheet.rule((float(x), top), (float(x), top + rows * step), between(rng, 0.2, 0.8))
    return sheet


def form(rng: np.random.Generator, words: Words) -> Sheet:
    """A form: labels, boxes, lines and dots to write on, entries by hand, ticks, a signature."""
    sheet = new_sheet(rng, words, (7, 10))
    ink = pen.INKS[int(rng.integers(len(pen.INKS)))]
    nib, y = between(rng, 0.5, 1.3), between(rng, 40, 80)
    heading = (36, y - 20, sheet.width - 36, y + 40)
    sheet.write(body(words, f"<h1>{words.phrase(rng, 30)}</h1>"), heading)
    y += 50
    while y < sheet.height - 90:
        x = 40 + between(rng, 80, 180)
        sheet.write(body(words, f"<p>{words.phrase(rng, 22)}</p>"), (36, y - 11, x - 4, y + 14))
        if rng.random() < 0.8:
            _entry(rng, sheet, x, y)
            if rng.random() < 0.7:
                wide = between(rng, 40, sheet.width - x - 44)
                size = between(rng, 4, 6.5)
                sheet.above += pen.writing(rng, x + 4, y - 2, wide, size, ink, nib)
        else:
            _ticks(rng, sheet, x, y, Line((), ink, nib))
        y += between(rng, 20, 36)
    sheet.above += pen.signature(rng, 60, sheet.height - 50, between(rng, 6, 14))
    if rng.random() < 0.5:
        pen.rubber_stamp(rng, sheet, words.phrase(rng, 12))
    return sheet


def _entry(rng: np.random.Generator, sheet: Sheet, x: float, y: float) -> None:
    """A place to write in, from x to the right margin: a line, a row of dots, or a box."""
    end, style = sheet.width - 36, rng.random()
    if style < 0.45:
        sheet.rule((x, y), (end, y), between(rng, 0.2, 0.6))
    elif style < 0.7:
        sheet.rule((x, y), (end, y), 0.7, dashes="[0.7 2.2] 0")
    else:
        fill = pale_colour(rng) if rng.random() < 0.4 else None
        sheet.box((x, y - 14, end, y + 4), fill=fill, edge=BLACK, width=0.4)


def _ticks(rng: np.random.Generator, sheet: Sheet, x: float, y: float, stroke: Line) -> None:
    """A row of little boxes, some of them crossed like `stroke`."""
    while x < sheet.width - 50:
        sheet.box((x, y - 11, x + 9, y - 2), edge=BLACK, width=0.5)
        if rng.random() < 0.3:
            slip = between(rng, -2, 2)
            places = ((x - 1, y - 12 + slip), (x + 4, y - 2), (x + 11, y - 13 - slip))
            sheet.above.append(replace(stroke, points=places))
        x += 14


def receipt(rng: np.random.Generator, words: Words) -> Sheet:
    """A narrow till receipt in monospace."""
    sheet = new_sheet(rng, words)
    sheet.width, sheet.height = 210, 560
    rows = "".join(
        f"<p>{words.phrase(rng, 14)}&#160;&#160;{number(rng)}</p>"
        for _ in range(int(rng.integers(8, 26)))
    )
    css = "body {font-family: monospace; color: #000} p {margin: 0}"
    css += f" body {{font-size: {between(rng, 7, 11):.1f}pt}}"
    text = f"<h2>{words.phrase(rng, 16)}</h2><p>{'-' * 30}</p>{rows}"
    text += f"<p>{'=' * 30}</p><h2>{number(rng)}</h2>"
    sheet.write(body(words, text), (12, 14, 200, 550), css=css)
    x = 20.0
    for bar in rng.integers(1, 4, 50):  # a bar code
        sheet.box((x, 500, x + bar * 0.8, 540), fill=(0, 0, 0))
        x += float(bar) * 0.8 + float(rng.integers(1, 3)) * 0.8
    return sheet


def contents(rng: np.random.Generator, words: Words) -> Sheet:
    """A table of contents: dot leaders and page numbers, hairlines."""
    sheet = new_sheet(rng, words, (7, 12))
    step, y = between(rng, 13, 24), 70.0
    dot = between(rng, 0.5, 1.1)
    while y < sheet.height - 50:
        sheet.write(body(words, f"<p>{words.phrase(rng, 30)}</p>"), (50, y - 11, 270, y + 12))
        sheet.rule(
            (275, y), (sheet.width - 90, y), dot, dashes=f"[{dot:.2f} {between(rng, 2, 4):.2f}] 0"
        )
        sheet.write(
            f"<p>{int(rng.integers(1, 999))}</p>",
            (sheet.width - 84, y - 11, sheet.width - 40, y + 12),
        )
        if rng.random() < 0.15:
            sheet.rule((50, y + 5), (sheet.width - 50, y + 5), between(rng, 0.1, 0.4))
        y += step
    return sheet


def diagram(rng: np.random.Generator, words: Words) -> Sheet:
    """Boxes, arrows, curves and axes with small labels; gray bars; hairlines."""
    sheet = new_sheet(rng, words, (5.5, 9))
    for _ in range(int(rng.integers(8, 22))):
        x, y = between(rng, 20, sheet.width - 120), between(rng, 20, sheet.height - 80)
        w, h, width = between(rng, 30, 130), between(rng, 15, 80), log_between(rng, 0.15, 3)
        colour = (0.0, 0.0, 0.0) if rng.random() < 0.6 else dark_colour(rng)
        kind = rng.random()
        if kind < 0.45:
            fill = (
                None
                if rng.random() < 0.6
                else pale_colour(rng)
                if rng.random() < 0.6
                else dark_colour(rng)
            )
            sheet.box((x, y, x + w, y + h), fill=fill, edge=colour, width=width)
        elif kind < 0.7:
            points = tuple((x + w * i / 12, y + h * float(v)) for i, v in enumerate(rng.random(13)))
            sheet.below.append(Line(points, colour, width, round=rng.random() < 0.6))
        else:
            corners = (
                (x, y),
                (x + w, y),
                (x + w, y + h),
                (x + w - 3, y + h - 5),
                (x + w, y + h),
                (x + w + 3, y + h - 5),
            )
            dashes = "[3 2] 0" if rng.random() < 0.3 else ""
            sheet.below.append(Line(corners, colour, width, dashes=dashes))
        sheet.write(
            body(words, f"<p>{words.phrase(rng, 16)}</p>"), (x + 3, y + 2, x + w, y + h + 12)
        )
    if rng.random() < 0.5:
        add_picture(rng, sheet, (40, 40, 220, 180))
    return sheet


def notes(rng: np.random.Generator, words: Words) -> Sheet:
    """A page written by hand, in ink or pencil, with doodles."""
    sheet = Sheet()
    pencil = rng.random() < 0.4
    colour = pen.pencil_gray(rng) if pencil else pen.INKS[int(rng.integers(len(pen.INKS)))]
    size, nib = log_between(rng, 4, 14), between(rng, 0.4, 1.3)
    y = 50.0
    while y < sheet.height - 40:
        if rng.random() < 0.2:
            colour = pen.pencil_gray(rng) if pencil else pen.INKS[int(rng.integers(len(pen.INKS)))]
        left = between(rng, 30, 70)
        sheet.above += pen.writing(
            rng, left, y, between(rng, 200, sheet.width - left - 30), size, colour, nib
        )
        y += size * between(rng, 2.6, 3.4)
    pen.doodles(rng, sheet, pencil=pencil)
    return sheet


def marked(rng: np.random.Generator, words: Words) -> Sheet:
    """A printed page with highlighter, underlines and pencil notes."""
    sheet = article(rng, words)
    for _ in range(int(rng.integers(3, 12))):
        x, y = between(rng, 40, 300), between(rng, 40, sheet.height - 60)
        pen.highlight(rng, sheet, x, y, between(rng, 40, 240), between(rng, 8, 16))
    pen.doodles(rng, sheet, pencil=rng.random() < 0.7)
    return sheet


def coloured_paper(rng: np.random.Generator, words: Words) -> Sheet:
    """A page on paper that is coloured on purpose."""
    sheet = (article, form, title)[int(rng.integers(3))](rng, words)
    sheet.ground = PAPERS[int(rng.integers(len(PAPERS)))]
    return sheet
