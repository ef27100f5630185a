"""The writer of files that are nothing but pictures, stored one behind the other."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from scanclean.atomic import growing
from scanclean.config import StoreOptions
from scanclean.documents import Document, Encoded, Target, _encode
from scanclean.errors import OutputError
from scanclean.page import Kept, Page


class PictureWriter:
    """Makes a picture file; only the picture at hand is in memory.

    Args:
        target: the file or stream to make.
        document: the opened input.
        suffix: the kind of picture.
        options: how pages are stored.
        several: whether such a file holds any number of pictures.
    """

    def __init__(
        self,
        target: Target,
        document: Document,
        suffix: str,
        options: StoreOptions,
        *,
        several: bool = False,
    ) -> None:
        self._target, self._document = target, document
        self._suffix, self._options = suffix, options
        self._several = several
        self._stack = ExitStack()
        self._pictures = 0

    def __enter__(self) -> Self:
        context = growing(self._target, force=self._options.force)
        self._out = self._stack.enter_context(context)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            if not self._pictures:
                raise OutputError(f"{self._document.name}: there is no page to write")

    def encode(self, page: Page) -> Encoded:
        """Compress the page; safe in any thread."""
        return _encode.encoded(page, self._document, self._suffix, self._options)

    def add(self, encoded: Encoded) -> None:
        """Append a cleaned page."""
        if encoded.payload is None:
            self.keep(Kept(encoded.page, "unchanged", "nothing to clean"))
        elif isinstance(encoded.payload, bytes):
            self._append(encoded.payload)

    def keep(self, kept: Kept) -> None:
        """Append a page as it came."""
        self._append(_encode.kept(self._document, kept, self._suffix, self._options))

    def _append(self, data: bytes) -> None:
        if self._pictures and not self._several:
            raise OutputError(
                f"{self._document.name}: has several scans, and a {self._suffix} file holds one",
                hint="write a PDF, or one file a page: -o out/",
            )
        self._out.write(data)
        self._pictures += 1
