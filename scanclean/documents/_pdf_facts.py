"""What a PDF consists of apart from the pixels of its pictures, in a form that can be compared.

Two files may give the same objects other numbers, keep the keys of a dictionary in another order,
or write out what the other refers to. So objects are read as MuPDF prints them, sorted, and
references are followed: from the catalogue by order of discovery, since its trees are full of
circles; from a page by content, since pages that get a picture of their own stop sharing.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from scanclean.documents._pdf_content import inherited
from scanclean.documents._pdf_library import (
    Object,
    entries,
    get,
    is_null,
    items,
    mupdf,
    name_of,
    pymupdf,
    source_of,
)
from scanclean.documents._pdf_picture import last_filter

BOXES = ("MediaBox", "CropBox", "BleedBox", "TrimBox", "ArtBox")
MAX_OBJECTS = 300_000
"""Objects of one tree that are looked at."""
MAX_DEPTH = 60
"""References within references that are followed from a page."""
DIGEST = 12
"""Bytes of a digest."""

# Of a page: what is compared under a name of its own, or leads out of the page.
_OWN = {*BOXES, "Rotate", "UserUnit", "Contents", "Resources", "Annots", "Parent", "B", "Type"}
_OUTWARD = frozenset({"/Parent", "/P"})
# Of a stream: how it is packed, not what it is. Of a picture also what cleaning changes.
_PACKING = frozenset({"/Length", "/Filter", "/DecodeParms", "/DL"})
_PIXELS = _PACKING | {"/BitsPerComponent", "/ColorSpace", "/Decode", "/SMaskInData", "/Alternates",
                      "/OPI"}  # fmt: skip
_CODECS = frozenset({"DCTDecode", "DCT", "JPXDecode", "JBIG2Decode", "CCITTFaxDecode", "CCF"})

_TOKEN = re.compile(
    r"<<|>>|[\[\]]|\d+ \d+ R\b|/[^\s()<>\[\]{}/%]*|\((?:[^()\\]|\\.)*\)|<[0-9A-Fa-f\s]*>"
    r"|[^\s()<>\[\]/]+",
    re.DOTALL,
)
_MARKED = re.compile("\0(\\d+)\0")  # a reference, which no printed object can contain


class Facts:
    """The facts of an opened PDF.

    Args:
        handle: the document.
    """

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self._pdf: Object = pymupdf()._as_pdf_document(handle)
        self._trailer = mupdf().pdf_trailer(self._pdf)
        self._pages = {handle.page_xref(index): index for index in range(handle.page_count)}
        self._data: dict[int, str] = {}
        self._known: dict[tuple[int, bool], str] = {}

    def __len__(self) -> int:
        return int(self.handle.page_count)

    def lock(self) -> dict[str, str]:
        """Encryption and permissions; empty values if there is none."""
        encrypt = get(self._trailer, "Encrypt")
        return {
            "encryption": str(self.handle.metadata.get("encryption") or "none"),
            "permissions": "all" if is_null(encrypt) else source_of(get(encrypt, "P")),
        }

    def information(self) -> dict[str, str]:
        """The document's Info dictionary; binary values as digests."""
        resolved = mupdf().pdf_resolve_indirect
        information = entries(get(self._trailer, "Info"))
        return {key: source_of(resolved(value)) for key, value in information}

    def catalogue(self) -> dict[str, str]:
        """A digest of everything below each key of the catalogue, but the pages."""
        root = get(self._trailer, "Root")
        left_out = ("Pages", "Type")
        return {key: self._tree(value) for key, value in entries(root) if key not in left_out}

    def page(self, index: int, *, pictures: bool) -> dict[str, str]:
        """Facts of a page: values that can be read, or digests.

        Args:
            index: number of the page, from 0.
            pictures: whether the data of its pictures counts.
        """
        page = mupdf().pdf_lookup_page_obj(self._pdf, index)
        found = {box: _numbers(inherited(page, box)) for box in BOXES}
        found["rotation"] = str(mupdf().pdf_to_int(inherited(page, "Rotate")))
        unit = mupdf().pdf_to_real(get(page, "UserUnit"))
        found["UserUnit"] = f"{unit or 1:g}"
        found["drawing"] = _digest(*self._contents(page))
        resources = inherited(page, "Resources")
        for kind, value in entries(resources):
            found[f"resources {kind}"] = self._content(value, pictures)
        found["annotations"] = self._content(get(page, "Annots"), pictures)
        for key, value in entries(page):
            if key not in _OWN:
                found[key] = self._content(value, pictures)
        return found

    def _contents(self, page: Object) -> Iterator[bytes]:
        contents = get(page, "Contents")
        streams = items(contents) if mupdf().pdf_is_array(contents) else [contents]
        for stream in streams:
            if mupdf().pdf_is_stream(stream):
                yield _loaded(stream)
                yield b"\n"

    def _tree(self, value: Object) -> str:
        """Digest of a value and all it leads to, each object once, in order of discovery."""
        order: dict[int, int] = {}
        waiting: deque[int] = deque()
        digest = hashlib.blake2b(digest_size=DIGEST)

        def named(match: re.Match[str]) -> str:
            number = int(match[1])
            if number in self._pages:
                return f"page {self._pages[number]}"
            if number not in order and len(order) < MAX_OBJECTS:
                order[number] = len(order)
                waiting.append(number)
            return f"#{order.get(number)}"

        digest.update(_MARKED.sub(named, canonical(source_of(value))).encode())
        while waiting:
            text = self._object(waiting.popleft(), frozenset(), pictures=False)
            digest.update(_MARKED.sub(named, text).encode())
        return digest.hexdigest()

    def _content(self, value: Object, pictures: bool, path: tuple[int, ...] = ()) -> str:
        """Digest of a value in which every reference counts as what it leads to."""
        number = int(mupdf().pdf_to_num(value))
        if number:
            return self._followed(number, pictures, path)
        return self._resolved(canonical(source_of(value), _OUTWARD), pictures, path)

    def _followed(self, number: int, pictures: bool, path: tuple[int, ...]) -> str:
        if number in self._pages:
            return f"page {self._pages[number]}"
        if number in path or len(path) > MAX_DEPTH:
            return "circle"
        known = self._known.get((number, pictures))
        if known is None:
            text = self._object(number, _OUTWARD, pictures=pictures)
            known = self._resolved(text, pictures, (*path, number))
            self._known[number, pictures] = known
        return known

    def _resolved(self, text: str, pictures: bool, path: tuple[int, ...]) -> str:
        whole = _MARKED.sub(lambda m: self._followed(int(m[1]), pictures, path), text)
        return _digest(whole.encode())

    def _object(self, number: int, without: frozenset[str], *, pictures: bool) -> str:
        """An object as text, with a digest of its data; of a picture only what stays."""
        value = mupdf().pdf_new_indirect(self._pdf, number, 0)
        resolved = mupdf().pdf_resolve_indirect(value)
        text = source_of(resolved)
        if not mupdf().pdf_is_stream(value):
            return canonical(text, without)
        image = name_of(value, "Subtype") == "Image"
        if not image or pictures:
            return canonical(text, without | _PACKING) + self._stream(number)
        masks = [int(mupdf().pdf_to_num(get(value, key))) for key in ("SMask", "Mask")]
        kept = [self._stream(mask) for mask in masks if mask]
        return canonical(text, without | _PIXELS) + "".join(kept)

    def _stream(self, number: int) -> str:
        if number not in self._data:
            self._data[number] = _digest(_loaded(mupdf().pdf_new_indirect(self._pdf, number, 0)))
        return self._data[number]


def canonical(text: str, without: frozenset[str] = frozenset()) -> str:
    r"""A printed object with its dictionaries sorted and its references marked.

    >>> canonical("<</B 1/A[2 0 R(x)]/Length 9>>", frozenset({"/Length"}))
    '<</A [\x002\x00 (x)] /B 1>>'

    Args:
        text: PDF syntax as MuPDF prints it.
        without: keys of the outermost dictionary to leave out.
    """
    stack: list[list[str]] = [[]]
    for token in _TOKEN.findall(text):
        if token in ("<<", "["):
            stack.append([])
        elif token in (">>", "]") and len(stack) > 1:
            inside = stack.pop()
            outermost = len(stack) == 1
            done = _sorted(inside, without if outermost else frozenset())
            stack[-1].append(done if token == ">>" else f"[{' '.join(inside)}]")
        elif token.endswith(" R"):
            stack[-1].append(f"\0{token.split()[0]}\0")
        else:
            stack[-1].append(token)
    return " ".join(stack[0])


def _sorted(inside: list[str], without: frozenset[str]) -> str:
    pairs = zip(inside[::2], inside[1::2], strict=False)
    return f"<<{' '.join(f'{k} {v}' for k, v in sorted(pairs) if k not in without)}>>"


def _numbers(array: Object) -> str:
    values = [f"{mupdf().pdf_to_real(value):g}" for value in items(array)]
    return f"[{' '.join(values)}]" if values else "none"


def _loaded(stream: Object) -> bytes:
    """Data of a stream, unpacked; as it is stored if that makes pixels or is not possible."""
    lib = mupdf()
    loaders = [lib.pdf_load_stream, lib.pdf_load_raw_stream]
    if last_filter(stream) in _CODECS:
        loaders = loaders[1:]
    for load in loaders:
        try:
            return bytes(load(stream).fz_buffer_extract())
        except Exception:  # MuPDF raises nearly anything; see _pdf_library.reading
            continue
    return b""


def _digest(*pieces: bytes) -> str:
    digest = hashlib.blake2b(digest_size=DIGEST)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
