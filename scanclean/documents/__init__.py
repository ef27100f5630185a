"""Documents: one file is one format.

A `Document` gives pages, a `Writer` takes them. The writer of a PDF that was made from a PDF edits
*that* document; nothing of it is rebuilt. Work on a page is split in three, so that pages can be in
flight together while order and memory stay under control:

    document (main thread) -> clean, writer.encode (any thread) -> writer.add (main, in order)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self, TypeAlias, cast

from scanclean import plugins
from scanclean.config import ReadOptions, StoreOptions
from scanclean.errors import InputError, ScancleanError, UsageError
from scanclean.page import Kept, Page

Source: TypeAlias = Path | bytes
"""Where a document comes from: a file, or bytes that were read from a pipe."""
Target: TypeAlias = Path | BinaryIO
"""Where one goes: a file (written atomically), or a stream such as stdout (written at the end)."""


@dataclass(frozen=True)
class Encoded:
    """A cleaned page, ready to be put in its place."""

    page: int
    """Number of the page, from 0."""
    payload: object
    """What the writer that made it needs: None, bytes, a member of `payloads()`, or a tuple of
    these, so that a journal can hold it; opaque to everyone else."""
    bytes_before: int = 0
    """Size of the page's picture in the input, as stored."""
    bytes_after: int = 0
    """Size of the page's picture in the output, as stored."""
    warnings: tuple[str, ...] = field(default=())
    """What a user should know about this page."""


class Document(Protocol):
    """An opened input. Reads lazily: one page of pixels in memory at a time."""

    name: str
    """What to call it in messages."""
    suffix: str
    """Ending, with dot, of the kind of file it is."""
    warnings: list[str]
    """What a user should know about the whole document; grows while pages are read."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __len__(self) -> int:
        """Number of pages."""

    def __iter__(self) -> Iterator[Page | Kept]:
        """Scans and kept pages, in page order; every page number occurs at least once.

        A page that cannot be decoded comes as `Kept(action="copied")`, or raises `InputError` with
        `ReadOptions.strict`.
        """

    def render(self, index: int, most: float | None = None) -> Page:
        """Draw a page as a viewer shows it: for outputs that are pictures, and to look at it.

        Args:
            index: number of the page, from 0.
            most: pixels that are enough; a picture may come larger, for it is not reduced.

        Raises:
            InputError: it cannot be drawn.
        """


class Writer(Protocol):
    """An output being made: commits on clean exit of its `with`, leaves nothing on error."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def encode(self, page: Page) -> Encoded:
        """Compress a cleaned page. Touches nothing shared: safe in any thread."""

    def add(self, encoded: Encoded) -> None:
        """Put a cleaned page in its place. Called in page order."""

    def keep(self, kept: Kept) -> None:
        """Let a page through as it came. Called in page order."""


class FormatModule(Protocol):
    """What a module in this folder offers."""

    SUFFIXES: tuple[str, ...]
    """File name endings it reads and writes, lower case, with dot; the first is the usual one."""

    def recognises(self, head: bytes) -> bool:
        """Whether the first 2048 bytes of a file look like this format."""

    def open(self, source: Source, name: str, options: ReadOptions) -> Document:
        """Open a document of this format.

        Raises:
            InputError: it cannot be read, or is too large.
            LockedError: the password is missing or wrong.
            RefusedError: it must not be changed.
        """

    def create(
        self, target: Target, document: Document, suffix: str, options: StoreOptions
    ) -> Writer:
        """Begin an output of this format for the pages of `document`, of whatever format that is.

        Args:
            target: the file or stream to make.
            document: the opened input; its writer may edit it.
            suffix: the member of `SUFFIXES` to write.
            options: how pages are stored.
        """


HEAD = 2048
"""Bytes of a file that its kind is told by."""


def formats() -> list[FormatModule]:
    """All format modules, in the order in which they are asked."""
    return [
        cast(FormatModule, plugins.load("documents", name)) for name in plugins.names("documents")
    ]


def suffixes() -> tuple[str, ...]:
    """Every file name ending that can be read and written."""
    return tuple(suffix for module in formats() for suffix in module.SUFFIXES)


def payloads() -> tuple[type, ...]:
    """Classes of which an `Encoded.payload` may be made."""
    return tuple(kind for module in formats() for kind in getattr(module, "PAYLOADS", ()))


def open_document(source: Source, name: str, options: ReadOptions) -> Document:
    """Open a document; its kind is told by its content, not by its name.

    Raises:
        InputError: missing, empty, of no kind we know, damaged or too large.
        LockedError: the password is missing or wrong.
        RefusedError: it must not be changed.
    """
    head = _head(source, name)
    for module in formats():
        if module.recognises(head):
            document = module.open(source, name, options)
            if options.pages and not any(map(options.wants, range(len(document)))):
                document.warnings.append(
                    f"--pages names none of its {len(document)} pages: nothing is cleaned"
                )
            return document
    raise InputError(
        f"{name}: is neither a PDF nor a picture that scanclean knows",
        hint="known are: " + " ".join(suffixes()),
    )


@contextmanager
def steady(source: Source, name: str) -> Iterator[Callable[[], None]]:
    """Watch a file while it is read; gives a call that fails if it was written to meanwhile.

    Documents are read piece by piece: one that is cut off or written to would come out as a
    mixture. One that is removed, or replaced by another file, stays whole for who has it open.

    Raises:
        InputError: it was changed, or has gone before it could be watched.
    """
    if isinstance(source, bytes):
        yield lambda: None
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise InputError(f"{name}: has gone while it was read") from error

    def state() -> tuple[int, int]:
        found = os.fstat(file.fileno())
        return found.st_size, found.st_mtime_ns

    def check() -> None:
        if state() != before:
            raise InputError(
                f"{name}: was changed while it was read",
                hint="wait until whatever writes it is done, and type the same again",
            )

    with file:
        before = state()
        try:
            yield check
        except ScancleanError:
            check()  # the better reason
            raise


def create(target: Target, document: Document, suffix: str, options: StoreOptions) -> Writer:
    """Begin an output; `suffix` (".pdf", ".png", ...) says of which kind.

    Raises:
        UsageError: no format of ours has that ending.
        OutputError: the target exists or cannot be written.
    """
    for module in formats():
        if suffix.lower() in module.SUFFIXES:
            writer = module.create(target, document, suffix.lower(), options)
            return writer if suffix.lower() == document.suffix else in_pictures(document, writer)
    raise UsageError(
        f"{suffix or 'no ending'}: not a kind of file that scanclean writes",
        hint="known are: " + " ".join(suffixes()),
    )


def in_pictures(document: Document, writer: Writer) -> Writer:
    """A writer of pictures that gets the pages as they are shown.

    The very same writer where a document is nothing but its scans.
    """
    wrap = getattr(document, "in_pictures", None)
    return wrap(writer) if wrap else writer


def _head(source: Source, name: str) -> bytes:
    if isinstance(source, bytes):
        head = source[:HEAD]
    elif source.is_fifo():  # a document is read more than once, and opening it might wait for ever
        raise InputError(
            f"{name}: is a pipe, not a file",
            hint=f"type - for it, and send it to stdin: scanclean restore - ... < {name}",
        )
    else:
        try:
            with source.open("rb") as file:
                head = file.read(HEAD)
        except FileNotFoundError:
            raise InputError(
                f"{name}: no such file", hint="check the spelling of the path"
            ) from None
        except OSError as error:
            raise InputError(
                f"{name}: cannot be read: {(error.strerror or str(error)).lower()}"
            ) from error
    if not head:
        raise InputError(f"{name}: is empty")
    return head
