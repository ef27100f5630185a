"""Where a PDF goes: a file that appears when it is whole, or a stream that gets it at the end."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from scanclean.atomic import output_error, replacing
from scanclean.documents import Target

Held: TypeAlias = bytes | memoryview
"""Bytes that were set aside: small ones as they are, large ones as a view into a file."""

SMALL = 32_768
"""Bytes up to which a piece stays in memory."""
MAPPED = 1 << 26
"""Bytes of the file that are mapped at once."""


@contextmanager
def publishing(target: Target, *, force: bool) -> Iterator[Path]:
    """Give a path to write to; on clean exit its content becomes the target, else it is gone.

    Raises:
        OutputError: the target exists, or cannot be written.
    """
    if isinstance(target, Path):
        with replacing(target, force=force) as path:
            yield path
        return
    try:
        handle, name = tempfile.mkstemp(prefix=".scanclean-", suffix=".tmp")
    except OSError as error:
        raise output_error(tempfile.gettempdir(), error) from error
    os.close(handle)
    try:
        yield Path(name)
        _pour(Path(name), target)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _pour(path: Path, stream: BinaryIO) -> None:
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, stream)
        stream.flush()
    except OSError as error:
        raise output_error("the output stream", error) from error


class Spool:
    """Sets pieces of data aside on disk, so that memory does not grow with the number of pages.

    The pieces are views into a nameless temporary file: the system reads them when they are needed,
    and drops them when memory is short. Each map of the file costs one of the few files that a
    process may have open, so a map holds many pieces.
    """

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._maps: list[mmap.mmap] = []
        self._start = self._used = self._size = 0

    def close(self) -> None:
        """Give up the file; the views into it stay."""
        if self._file is not None:
            self._file.close()

    def relieve(self) -> None:
        """Let go of the memory of what was read; the file has it when it is needed again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for view in self._maps:
                view.madvise(mmap.MADV_DONTNEED)

    def keep(self, data: bytes) -> Held:
        """Set data aside.

        Raises:
            OutputError: there is no room for temporary files.
        """
        if len(data) <= SMALL:
            return data
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix=".scanclean-")  # noqa: SIM115  # stays
            if self._used + len(data) > self._size:
                self._map(self._file, max(MAPPED, len(data)))
            self._file.seek(self._start + self._used)
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise output_error(tempfile.gettempdir(), error) from error
        piece = memoryview(self._maps[-1])[self._used : self._used + len(data)]
        self._used += len(data)
        return piece

    def _map(self, file: BinaryIO, least: int) -> None:
        grain = mmap.ALLOCATIONGRANULARITY
        self._start += self._size
        self._used, self._size = 0, -(-least // grain) * grain
        file.truncate(self._start + self._size)  # takes no room before it is written to
        self._maps.append(
            mmap.mmap(file.fileno(), self._size, access=mmap.ACCESS_READ, offset=self._start)
        )
