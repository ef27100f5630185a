"""What a page paints: a reader of content streams that looks only for pictures and visible text.

MuPDF could tell where pictures lie, but not under which name and in which order with text and
stencils, and it decodes every picture on the way. So the operators are read here; a dozen of them
matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from scanclean.documents._pdf_layers import Layers
from scanclean.documents._pdf_library import (
    Object,
    entries,
    get,
    is_null,
    items,
    mupdf,
    name_of,
    number,
)

Matrix: TypeAlias = tuple[float, float, float, float, float, float]
"""The six numbers of a PDF matrix: (x, y) goes to (a x + c y + e, b x + d y + f)."""

Box: TypeAlias = tuple[float, float, float, float]
"""Left, bottom, right, top."""

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
MAX_DEPTH = 12
"""Forms within forms that are followed."""
MAX_PAINTED = 20_000
"""Forms and pictures painted on one page that are looked at; hostile files paint for ever."""
MAX_CONTENT = 24_000_000
"""Bytes of drawing operators that are read for a page; only maps and plots have more."""
INVISIBLE = 0.001
"""Opacity below which nothing is seen."""
HIDDEN = frozenset({3, 7})
"""Text render modes that paint nothing."""


@dataclass(frozen=True)
class Placement:
    """A picture where a page paints it."""

    xref: int
    """Number of its object."""
    path: tuple[str, ...]
    """Names under which it is reached: forms from the outside in, then the picture itself."""
    matrix: Matrix
    """From the unit square to the page, in points before UserUnit."""
    stencil: bool
    """A mask that paint goes through, not a picture."""
    black: bool
    """Painted in black, if it is a stencil."""
    see_through: bool
    """Masked, blended or translucent: what lies below may show."""
    characters_before: int
    """Visible characters that were painted earlier."""
    clip: Box | None = None
    """The window through which it is seen, or a box around that; None: it is seen whole."""


@dataclass
class Drawing:
    """What a page paints, in order."""

    placements: list[Placement] = field(default_factory=list)
    """Pictures and stencils."""
    characters: int = 0
    """Visible characters, about."""
    strokes: int = 0
    """Lines and areas painted."""
    inline: int = 0
    """Pictures written into the content stream itself."""
    whole: bool = True
    """All of it was read; only hostile and very large pages are not."""


@dataclass(frozen=True)
class _State:
    """The part of the graphics state that matters here."""

    matrix: Matrix = IDENTITY
    hidden: bool = False
    blended: bool = False
    clear: bool = False
    black: bool = True
    clip: Box | None = None


def multiply(first: Matrix, then: Matrix) -> Matrix:
    """The matrix that applies `first`, then `then`.

    >>> multiply((2, 0, 0, 2, 0, 0), (1, 0, 0, 1, 5, 6))
    (2, 0, 0, 2, 5, 6)
    """
    a, b, c, d, e, f = first
    g, h, i, j, k, m = then
    return (
        a * g + b * i,
        a * h + b * j,
        c * g + d * i,
        c * h + d * j,
        e * g + f * i + k,
        e * h + f * j + m,
    )


def overlap(box: Box, other: Box | None) -> Box:
    """What two boxes share; without area if that is nothing."""
    if other is None:
        return box
    left, bottom = max(box[0], other[0]), max(box[1], other[1])
    return left, bottom, max(left, min(box[2], other[2])), max(bottom, min(box[3], other[3]))


def inherited(page: Object, name: str) -> Object:
    """A page's attribute, looked for upwards in the page tree."""
    return mupdf().pdf_dict_get_inheritable(page, mupdf().pdf_new_name(name))


def drawing(page: Object) -> Drawing:
    """Read what a page paints.

    Args:
        page: the page's dictionary.
    """
    walker = _Walker(Layers(mupdf().pdf_get_bound_document(page)))
    walker.run(_contents(page), inherited(page, "Resources"), _State(), ())
    return walker.found


def seems_lost(page: Object, *, damaged: bool) -> bool:
    """Whether a page that paints nothing was meant to paint something.

    Args:
        page: the page's dictionary, or what stands in its place.
        damaged: whether the file had to be mended, so that its contents may be missing.
    """
    lib = mupdf()
    if not lib.pdf_is_dict(page):  # the page tree counts it, and there is nothing else of it
        return True
    if not damaged:
        return False
    there = all(lib.pdf_is_stream(stream) for stream in _streams(page))
    return not there or bool(_contents(page).strip())


def _streams(page: Object) -> list[Object]:
    """The parts of a page's contents, in order; what is named need not be there."""
    if all(name != "Contents" for name, _ in entries(page)):
        return []
    contents = get(page, "Contents")
    return items(contents) if mupdf().pdf_is_array(contents) else [contents]


def _contents(page: Object) -> bytes:
    lib = mupdf()
    parts: list[bytes] = [
        lib.pdf_load_stream(stream).fz_buffer_extract()
        for stream in _streams(page)
        if lib.pdf_is_stream(stream)
    ]
    return b"\n".join(parts)


# A token: white space and comments, names, numbers and operators, hexadecimal strings, brackets.
# Round strings may be nested and are read by hand.
_TOKEN = re.compile(
    rb"[\x00\t\n\f\r ]+|%[^\r\n]*"
    rb"|(?P<name>/[^\x00\t\n\f\r ()<>\[\]{}/%]*)"
    rb"|(?P<word>[^\x00\t\n\f\r ()<>\[\]{}/%]+)"
    rb"|(?P<hex><[0-9A-Fa-f\x00\t\n\f\r ]*>)"
    rb"|(?P<string>\()"
    rb"|<<|>>|[\[\]{}<>)]"
)
_PLAIN_STRING = re.compile(rb"(?:[^()\\]|\\.)*\)", re.DOTALL)
_BRACKET = re.compile(rb"\\.|[()]", re.DOTALL)
_INLINE_END = re.compile(rb"[\x00\t\n\f\r ]EI(?=[\x00\t\n\f\r ]|$)")
_NUMBER_START = frozenset(b"+-.0123456789")


def _tokens(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Tokens as (kind, text), kind being "name", "word" or "string" (text then only counts)."""
    at = 0
    while match := _TOKEN.match(content, at):
        at = match.end()
        kind, text = match.lastgroup, match.group()
        if kind == "string":
            start, at = at, _string_end(content, at)
            yield "string", content[start : at - 1]
        elif kind == "hex":
            yield "string", text[1:-1:2]
        elif kind == "word" and text == b"ID":
            at = _inline_end(content, at)
            yield "word", b"EI"
        elif kind is not None:
            yield kind, text


def _string_end(content: bytes, at: int) -> int:
    plain = _PLAIN_STRING.match(content, at)
    if plain:
        return plain.end()
    depth = 1
    for bracket in _BRACKET.finditer(content, at):
        depth += {b"(": 1, b")": -1}.get(bracket.group(), 0)
        if depth == 0:
            return bracket.end()
    return len(content)


def _inline_end(content: bytes, at: int) -> int:
    """Where the data of an inline picture ends: at an EI that text follows, not more data."""
    for end in _INLINE_END.finditer(content, at):
        after = content[end.end() : end.end() + 12]
        if all(byte in b"\t\n\f\r\0" or 32 <= byte < 127 for byte in after):
            return end.end()
    return len(content)


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # "--5", "1.2.3": what broken producers write


class _Walker:
    """Runs content streams, keeping count; forms are run where they are painted."""

    def __init__(self, layers: Layers) -> None:
        self.found = Drawing()
        self._layers = layers
        self._marks: list[bool] = []  # whether each piece that is marked and open is switched off
        self._painted = 0
        self._read = 0
        self._path: Box | None = None  # around the path that is being made, in its own units
        self._clips = False

    def run(self, content: bytes, resources: Object, state: _State, path: tuple[str, ...]) -> None:
        self._read += len(content)
        if self._read > MAX_CONTENT or len(path) > MAX_DEPTH:
            self.found.whole = False
            return
        stack: list[_State] = []
        numbers: list[float] = []
        name, characters = b"", 0
        for kind, text in _tokens(content):
            if kind == "name":
                name = text[1:]
            elif kind == "string":
                characters += len(text)
            elif text[0] in _NUMBER_START:
                numbers.append(_number(text))
            else:
                state = self._operator(
                    text, numbers, name, characters, resources, state, stack, path
                )
                numbers, name, characters = [], b"", 0

    def _operator(
        self,
        operator: bytes,
        numbers: list[float],
        name: bytes,
        characters: int,
        resources: Object,
        state: _State,
        stack: list[_State],
        path: tuple[str, ...],
    ) -> _State:
        if operator == b"q":
            stack.append(state)
        elif operator == b"Q":
            return stack.pop() if stack else state
        elif operator in _SETTINGS:
            return _set(state, operator, numbers)
        elif operator == b"gs":
            return _with_graphics_state(state, resources, _name(name))
        elif operator in _MARKS:
            self._mark(operator, _name(name), resources)
        elif operator == b"Do" and not any(self._marks):
            self._paint(_name(name), resources, state, path)
        elif operator in _PATH:
            self._extend(operator, numbers)
        elif operator in (b"W", b"W*"):
            self._clips = True
        else:
            self._count(operator, characters, state)
            if operator in _PAINT or operator == b"n":
                return self._path_ended(state)
        return state

    def _extend(self, operator: bytes, numbers: list[float]) -> None:
        count = _PATH[operator]
        if len(numbers) < count:
            return
        values = numbers[-count:]
        if operator == b"re":
            x, y, width, height = values
            values = [x, y, x + width, y + height]
        new = (min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))
        old = self._path or new
        self._path = (
            min(old[0], new[0]), min(old[1], new[1]), max(old[2], new[2]), max(old[3], new[3])
        )  # fmt: skip

    def _path_ended(self, state: _State) -> _State:
        if self._clips and self._path:
            state = _clipped(state, self._path)
        self._path, self._clips = None, False
        return state

    def _mark(self, operator: bytes, name: str, resources: Object) -> None:
        if operator != b"EMC":
            layer = get(get(resources, "Properties"), name) if operator == b"BDC" else None
            self._marks.append(layer is not None and self._layers.hide(layer))
        elif self._marks:
            self._marks.pop()

    def _count(self, operator: bytes, characters: int, state: _State) -> None:
        if any(self._marks):
            return
        if operator in _SHOW:
            self.found.characters += 0 if state.hidden or state.clear else characters
        elif operator in _PAINT:
            self.found.strokes += 1
        elif operator == b"EI":
            self.found.inline += 1

    def _paint(self, name: str, resources: Object, state: _State, path: tuple[str, ...]) -> None:
        self._painted += 1
        thing = get(get(resources, "XObject"), name)
        if self._painted > MAX_PAINTED:
            self.found.whole = False
            return
        if not mupdf().pdf_is_stream(thing) or self._layers.hide(get(thing, "OC")):
            return
        kind, path = name_of(thing, "Subtype"), (*path, name)
        if kind == "Image":
            self.found.placements.append(self._placement(thing, state, path))
        elif kind == "Form":
            matrix = _matrix(get(thing, "Matrix"))
            own = get(thing, "Resources")
            inside = replace(state, matrix=multiply(matrix, state.matrix))
            box = box_of(get(thing, "BBox"))
            self.run(
                mupdf().pdf_load_stream(thing).fz_buffer_extract(),
                resources if is_null(own) else own,
                _clipped(inside, box) if box else inside,
                path,
            )

    def _placement(self, image: Object, state: _State, path: tuple[str, ...]) -> Placement:
        masks = ("SMask", "Mask")
        return Placement(
            xref=int(mupdf().pdf_to_num(image)),
            path=path,
            matrix=state.matrix,
            stencil=bool(mupdf().pdf_to_bool(get(image, "ImageMask"))),
            black=state.black,
            see_through=state.blended
            or number(image, "SMaskInData") > 0
            or any(not is_null(get(image, key)) for key in masks),
            characters_before=self.found.characters,
            clip=state.clip,
        )


_SETTINGS = frozenset({b"cm", b"Tr", b"g", b"rg", b"k", b"cs", b"sc", b"scn"})
"""Operators that change the state by numbers: the matrix, the kind of text, the colour of areas."""
_MARKS = frozenset({b"BMC", b"BDC", b"EMC"})
_SHOW = frozenset({b"Tj", b"TJ", b"'", b'"'})
_PATH = {b"m": 2, b"l": 2, b"v": 4, b"y": 4, b"c": 6, b"re": 4}
"""Operators that go on with a path, and how many numbers they take."""
_PAINT = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"S", b"s", b"sh"})


def _set(state: _State, operator: bytes, numbers: list[float]) -> _State:
    if operator == b"cm":
        if len(numbers) < 6:
            return state
        a, b, c, d, e, f = numbers[-6:]
        return replace(state, matrix=multiply((a, b, c, d, e, f), state.matrix))
    if operator == b"Tr":
        return replace(state, hidden=int(numbers[-1]) in HIDDEN) if numbers else state
    return replace(state, black=_is_black(operator, numbers))


def _is_black(operator: bytes, numbers: list[float]) -> bool:
    """Whether a colour is black for sure: named colour spaces may mean anything."""
    if operator == b"k":
        return numbers[-1:] == [1.0]
    return operator in (b"g", b"rg") and bool(numbers) and not any(numbers)


def _name(raw: bytes) -> str:
    """A name as the dictionaries have it: #20 stands for a space."""
    plain = re.sub(rb"#([0-9A-Fa-f]{2})", lambda code: bytes([int(code.group(1), 16)]), raw)
    return plain.decode("utf-8", "surrogateescape")


def _matrix(array: Object) -> Matrix:
    values = [float(mupdf().pdf_to_real(value)) for value in items(array)]
    if len(values) != 6:
        return IDENTITY
    a, b, c, d, e, f = values
    return (a, b, c, d, e, f)


def box_of(array: Object) -> Box | None:
    """A rectangle, its corners in order; None if the array is none, or has no area."""
    values = [float(mupdf().pdf_to_real(value)) for value in items(array)]
    if len(values) != 4:
        return None
    left, right = sorted(values[0::2])
    bottom, top = sorted(values[1::2])
    return (left, bottom, right, top) if left < right and bottom < top else None


def _clipped(state: _State, box: Box) -> _State:
    """The state that paints only inside what a box becomes on the page, or a box around that."""
    left, bottom, right, top = box
    a, b, c, d, e, f = state.matrix
    corners = [(x, y) for x in (left, right) for y in (bottom, top)]
    across, up = [a * x + c * y + e for x, y in corners], [b * x + d * y + f for x, y in corners]
    return replace(state, clip=overlap((min(across), min(up), max(across), max(up)), state.clip))


def _with_graphics_state(state: _State, resources: Object, name: str) -> _State:
    """The state after `gs`: blended if it now paints with a mode, an opacity or a mask."""
    settings = get(get(resources, "ExtGState"), name)
    tests: dict[str, Callable[[Object], bool]] = {
        "ca": lambda value: mupdf().pdf_to_real(value) < 0.999,
        "BM": lambda value: mupdf().pdf_to_name(value) not in ("Normal", "Compatible"),
        "SMask": lambda value: mupdf().pdf_is_dict(value),
    }
    given = {key: get(settings, key) for key in tests}
    given = {key: value for key, value in given.items() if not is_null(value)}
    if "ca" in given:
        state = replace(state, clear=mupdf().pdf_to_real(given["ca"]) < INVISIBLE)
    if not given:
        return state
    return replace(state, blended=any(tests[key](value) for key, value in given.items()))
