"""A sheet to compose a page on: HTML in boxes, shapes, pictures, strokes; PyMuPDF draws it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom in points, y down."""
Colour: TypeAlias = tuple[float, float, float]
"""Red, green, blue, 0 to 1."""
Points: TypeAlias = Sequence[tuple[float, float]]
"""Places in points, y down."""

BLACK: Colour = (0.0, 0.0, 0.0)


@lru_cache(maxsize=1)
def mupdf() -> Any:
    """The PyMuPDF module, imported once, its messages kept off stdout."""
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    return pymupdf


@dataclass(frozen=True)
class Text:
    """HTML that flows through boxes."""

    html: str
    """The body."""
    boxes: tuple[Box, ...]
    """Filled one after the other; what does not fit is left out."""
    css: str = ""
    """Style sheet of this text."""


@dataclass(frozen=True)
class Line:
    """A stroke through points, or a filled shape."""

    points: tuple[tuple[float, float], ...]
    """Its corners."""
    colour: Colour = BLACK
    """Colour of the line."""
    width: float = 0.5
    """Width in points."""
    opacity: float = 1.0
    """1 covers what is below."""
    fill: Colour | None = None
    """Colour of the inside; None: an open line."""
    dashes: str = ""
    """PDF dash pattern."""
    round: bool = False
    """Draw a smooth curve through the points instead of straight pieces."""


@dataclass(frozen=True)
class Picture:
    """A raster picture."""

    box: Box
    """Where it stands; it is stretched to fit."""
    data: bytes
    """PNG or JPEG."""


@dataclass
class Sheet:
    """A page being composed. `below` and `above` are relative to the text."""

    width: float = 595.0
    """Width in points."""
    height: float = 842.0
    """Height in points."""
    ground: Colour | None = None
    """Colour of the page; None is white."""
    css: str = ""
    """Style sheet of all text."""
    texts: list[Text] = field(default_factory=list)
    """HTML."""
    below: list[Line | Picture] = field(default_factory=list)
    """Drawn before the text."""
    above: list[Line | Picture] = field(default_factory=list)
    """Drawn after the text."""

    def write(self, html: str, *boxes: Box, css: str = "") -> None:
        """Add HTML that flows through boxes."""
        self.texts.append(Text(html, boxes, css))

    def box(
        self, box: Box, fill: Colour | None = None, edge: Colour | None = None, width: float = 0.5
    ) -> None:
        """Add a rectangle below the text."""
        left, top, right, bottom = box
        corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        self.below.append(Line(corners, edge or fill or BLACK, width if edge else 0, fill=fill))

    def rule(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        width: float = 0.5,
        colour: Colour = BLACK,
        dashes: str = "",
    ) -> None:
        """Add a straight line below the text."""
        self.below.append(Line((start, end), colour, width, dashes=dashes))


def render_pdf(sheet: Sheet, fonts: Sequence[Path] = ()) -> Any:
    """Turn a sheet into a PyMuPDF document of one page.

    Args:
        sheet: the page.
        fonts: font files; the style sheet may use them as "made0", "made1", ...
    """
    pymupdf = mupdf()
    buffer = io.BytesIO()
    writer = pymupdf.DocumentWriter(buffer)
    device = writer.begin_page(pymupdf.Rect(0, 0, sheet.width, sheet.height))
    archive = pymupdf.Archive()
    faces = "body {margin: 0}"  # boxes are placed to the point; the default adds 12 all around
    for number, path in enumerate(fonts):
        archive.add(path.read_bytes(), path.name)
        faces += f"@font-face {{font-family: made{number}; src: url({path.name});}}"
    for text in sheet.texts:
        story = pymupdf.Story(
            html=text.html, user_css=faces + sheet.css + text.css, archive=archive
        )
        for box in text.boxes:
            more, _ = story.place(pymupdf.Rect(*box))
            story.draw(device)
            if not more:
                break
    writer.end_page()
    writer.close()
    document = pymupdf.open("pdf", buffer.getvalue())
    page = document[0]
    if sheet.ground:
        left = Line(
            ((0, 0), (sheet.width, 0), (sheet.width, sheet.height), (0, sheet.height)),
            fill=sheet.ground,
            width=0,
        )
        sheet.below.insert(0, left)
    for run in reversed(_runs(sheet.below)):  # each run goes beneath what is there
        _draw(page, run, overlay=False)
    for run in _runs(sheet.above):
        _draw(page, run, overlay=True)
    return document


def _runs(items: Sequence[Line | Picture]) -> list[list[Line | Picture]]:
    # A commit to the page costs milliseconds however little it draws: lines in a row share one.
    return [list(run) for _, run in groupby(items, key=type)]


def _draw(page: Any, items: Sequence[Line | Picture], *, overlay: bool) -> None:
    shape = page.new_shape()
    pictures = [item for item in items if isinstance(item, Picture)]
    for picture in pictures if overlay else reversed(pictures):
        box = mupdf().Rect(*picture.box)
        page.insert_image(box, stream=picture.data, keep_proportion=False, overlay=overlay)
    for line in items:
        if isinstance(line, Line):
            _add(shape, line)
    if not pictures:
        shape.commit(overlay=overlay)


def _add(shape: Any, line: Line) -> None:
    points = [mupdf().Point(x, y) for x, y in line.points]
    if line.round and len(points) > 2:
        _smooth_line(shape, points)
    else:
        shape.draw_polyline(points)
    shape.finish(
        width=line.width,
        color=line.colour if line.width else None,
        fill=line.fill,
        stroke_opacity=line.opacity,
        fill_opacity=line.opacity,
        dashes=line.dashes or None,
        lineCap=1 if line.round else 0,
        lineJoin=1 if line.round else 0,
        closePath=False,
    )


def _smooth_line(shape: Any, points: list[Any]) -> None:
    # Catmull-Rom: at each point the curve runs parallel to the line between its two neighbours.
    ends = [points[0], *points, points[-1]]
    for before, start, end, after in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        shape.draw_bezier(
            start, start + (end - before) * (1 / 6), end - (after - start) * (1 / 6), end
        )


def render(page: Any, dpi: float, clip: Box | None = None) -> np.ndarray:
    """Draw a page, or a part of it, as uint8 `(H, W, 3)`.

    Args:
        page: a PyMuPDF page.
        dpi: pixels an inch.
        clip: part to draw, in points.
    """
    pymupdf = mupdf()
    zoom = pymupdf.Matrix(dpi / 72, dpi / 72)
    area = pymupdf.Rect(*clip) if clip else None
    pixmap = page.get_pixmap(matrix=zoom, clip=area, colorspace=pymupdf.csRGB, alpha=False)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3).copy()
