"""One picture file for each page of a document."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from scanclean.atomic import replacing
from scanclean.config import StoreOptions
from scanclean.documents import Document, Encoded, _encode
from scanclean.errors import OutputError, UsageError
from scanclean.page import Kept, Page

_NUMBER = re.compile(r"%(?:%|(0?\d{0,2})d)")


class NumberedWriter:
    """Makes files that appear together at the end, or not at all.

    Each file waits under a temporary name beside its target, so that memory does not grow with
    the number of pages.
    """

    def __init__(self, place: Path, document: Document, suffix: str, options: StoreOptions) -> None:
        self._document, self._suffix, self._options = document, suffix, options
        self._pattern = _pattern(place, document.name, len(document), suffix)
        self._scans: Counter[int] = Counter()
        self._waiting: list[tuple[Path, AbstractContextManager[Path]]] = []
        for number in range(1, 0 if options.force else len(document) + 1):
            target = self._named(number)
            if target.exists():
                raise OutputError(f"{target}: exists already", hint="add --force to overwrite it")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._publish()
        else:
            self._discard(error)

    def encode(self, page: Page) -> Encoded:
        """Compress a page; safe in any thread."""
        return _encode.encoded(page, self._document, self._suffix, self._options)

    def add(self, encoded: Encoded) -> None:
        """Store a cleaned page under a temporary name."""
        if encoded.payload is None:
            self.keep(Kept(encoded.page, "unchanged", "nothing to clean"))
        elif isinstance(encoded.payload, bytes):
            self._store(encoded.page, encoded.payload)

    def keep(self, kept: Kept) -> None:
        """Store a page as it came."""
        data = _encode.kept(self._document, kept, self._suffix, self._options)
        self._store(kept.index, data)

    def _store(self, index: int, data: bytes) -> None:
        self._scans[index] += 1
        target = self._named(index + 1)
        if self._scans[index] > 1:  # a page with several scans
            target = target.with_name(f"{target.stem}-{self._scans[index]}{target.suffix}")
        context = replacing(target, force=self._options.force)
        path = context.__enter__()
        self._waiting.append((target, context))
        try:
            path.write_bytes(data)
        except OSError as error:
            self._waiting.pop()
            context.__exit__(type(error), error, error.__traceback__)

    def _publish(self) -> None:
        """Give all files their names; if one fails, those that were new go away again."""
        fresh: list[Path] = []
        try:
            while self._waiting:
                target, context = self._waiting.pop(0)
                new = not target.exists()
                context.__exit__(None, None, None)
                fresh.extend([target] if new else [])
        except BaseException as error:
            for target in fresh:
                target.unlink(missing_ok=True)
            self._discard(error)
            raise

    def _discard(self, error: BaseException) -> None:
        while self._waiting:
            _, context = self._waiting.pop()
            try:
                context.__exit__(type(error), error, error.__traceback__)
            except BaseException as raised:
                if raised is not error and not isinstance(raised, OutputError):
                    raise

    def _named(self, number: int) -> Path:
        return _filled(self._pattern, number)


def numbered_files(place: Path, name: str, pages: int, suffix: str) -> list[Path]:
    """The files that a document of that name and number of pages becomes.

    Raises:
        UsageError: `place` has no place for a number, or several.
    """
    pattern = _pattern(place, name, pages, suffix)
    return [_filled(pattern, number) for number in range(1, pages + 1)]


def _filled(pattern: tuple[Path, str], number: int) -> Path:
    name = _NUMBER.sub(lambda m: "%" if m[0] == "%%" else f"{number:{m[1]}d}", pattern[1])
    return pattern[0] / name


def _pattern(place: Path, name: str, pages: int, suffix: str) -> tuple[Path, str]:
    """The folder of the files, and a file name with one place for the number."""
    if place.is_dir() or place.suffix.lower() not in _encode.KINDS:
        stem = Path(name).stem.replace("%", "%%")
        digits = max(3, len(str(pages)))
        return place, f"{'page' if stem in ('', '-') else stem}-%0{digits}d{suffix}"
    found = [match[0] for match in _NUMBER.finditer(place.name) if match[0] != "%%"]
    if len(found) != 1 or "%" in _NUMBER.sub("", place.name):
        raise UsageError(
            f"{place}: one file a page needs exactly one place for the page number in its name",
            hint=f"for example {place.parent / f'%03d{place.suffix}'}",
        )
    return place.parent, place.name
