"""Single pictures: PNG, JPEG, WebP, BMP, JPEG 2000."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import (
    Document,
    Source,
    Target,
    Writer,
    _encode,
    _picture,
    in_pictures,
)
from scanclean.documents._numbered import NumberedWriter, numbered_files
from scanclean.documents._picture import PictureTraits
from scanclean.documents._picture_writer import PictureWriter
from scanclean.errors import InputError, UsageError
from scanclean.page import Action, Kept, Page

__all__ = [
    "SUFFIXES",
    "PictureTraits",
    "create",
    "create_numbered",
    "numbered_files",
    "open",
    "recognises",
]

_ELSEWHERE = ("pnm", "tiff")  # kinds that hold several pictures
SUFFIXES = tuple(suffix for suffix, kind in _encode.KINDS.items() if kind not in _ELSEWHERE)


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a picture."""
    return _picture.kind_of(head) not in (None, *_ELSEWHERE)


def open(source: Source, name: str, options: ReadOptions) -> Document:  # noqa: A001
    """Open a picture: its header is read and its size checked.

    Raises:
        InputError: it cannot be read, or is too large.
    """
    return PictureDocument(source, name, options)


def create(target: Target, document: Document, suffix: str, options: StoreOptions) -> Writer:
    """Begin a picture for the only page of `document`.

    Raises:
        UsageError: the document has several pages.
        OutputError: the target exists.
    """
    if len(document) != 1:
        raise UsageError(
            f"{document.name}: has {len(document)} pages, and a {suffix} file holds one",
            hint=f"write one file a page, -o out/%03d{suffix}, or a .pdf, .tif or .pnm",
        )
    return PictureWriter(target, document, suffix, options)


def create_numbered(place: Path, document: Document, suffix: str, options: StoreOptions) -> Writer:
    """Begin one picture file for each page of `document`; all of them appear at the end.

    Args:
        place: a folder, where the files get the document's name and a number; or a file name with
            one place for the number, such as "out/%03d.png".
        document: the opened input.
        suffix: the kind of picture, ".tif" included.
        options: how pages are stored.

    Raises:
        UsageError: the file name has no place for a number, or several.
        OutputError: a file exists.
    """
    return in_pictures(document, NumberedWriter(place, document, suffix, options))


class PictureDocument:
    """A picture as a document of one page."""

    def __init__(self, source: Source, name: str, options: ReadOptions) -> None:
        self.name = name
        self.suffix = SUFFIXES[0]
        self.warnings: list[str] = []
        self._source, self._options = source, options
        self._damaged = False
        self._upright = True
        with _picture.reading(name), self._file() as file:
            head = file.read(2048)
            self._plugin = _picture.kind_of(head) or ""
            self.kind = "j2k" if head.startswith(b"\xff\x4f\xff\x51") else self._plugin
            self.suffix = _encode.usual_suffix(self.kind)
            file.seek(0)
            self._check_webp(head)
            image = _picture.identify(file, self._plugin)
            _picture.check_size(name, image.size, options)
            self._frames = int(getattr(image, "n_frames", 1))
            if self._plugin == "jpeg" and "mpoffset" in image.info:
                self.warnings.append(
                    "holds further pictures (previews, depth or gain maps): only the first is "
                    "cleaned, and goes out alone"
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing stays open between reads."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Page | Kept]:
        if not self._options.wants(0):
            yield Kept(0, "skipped", "not among the chosen pages")
            return
        if self._frames > 1:
            yield Kept(0, "skipped", f"an animation of {self._frames} frames, not a scan")
            return
        decoded = self._decoded()
        self.warnings.extend(decoded.warnings)
        if not decoded.damage:
            yield decoded.page
            return
        what = f"damaged ({decoded.damage})"
        if self._options.strict:
            raise InputError(f"{self.name}: is {what}", hint="get the file again, or drop --strict")
        yield Kept(0, "copied", f"{what}: goes out as far as it can be read")

    def original(self, index: int, action: Action) -> bytes | None:
        """The file's bytes; None if they must not go out for a page of that action.

        That is when only a part of it can be read, so that others could not open it, and when it
        was looked at and lies on its side.
        """
        if action == "copied" and not self._damaged:
            self._decoded()  # copied because of something else, or not read yet
        if self._damaged or (action == "unchanged" and not self._upright):
            return None
        with _picture.reading(self.name), self._file() as file:
            return file.read()

    def render(self, index: int, most: float | None = None) -> Page:
        """The page, as far as it can be read, cleaned or not."""
        return self._decoded().page

    def _decoded(self) -> _picture.Decoded:
        with _picture.reading(self.name), self._file() as file:
            decoded = _picture.decode(file, self._plugin, 0, self._options)
        self._damaged = bool(decoded.damage)
        traits = decoded.page.origin
        self._upright = isinstance(traits, PictureTraits) and traits.upright
        return decoded

    def _check_webp(self, head: bytes) -> None:
        """WebP's decoder takes memory for the canvas when it is made: the size comes first."""
        if head[12:16] == b"VP8X":
            width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
            _picture.check_size(self.name, (width, height), self._options)

    def _file(self) -> BinaryIO:
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        return self._source.open("rb")
