"""A journal: a file of entries that survives being cut off at any moment, and trusts nothing.

It begins with what it belongs to; entries are appended, flushed to the disk, and checksummed. What
follows a torn or altered entry is dropped when the journal is opened, as is all of a journal that
belongs to something else. One process at a time has it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import struct
import sys
import threading
from pathlib import Path
from typing import BinaryIO, cast

MAGIC = b"scanclean journal 1\n"
"""First bytes of the file; the number changes with the format."""

_HEAD = struct.Struct(">IQ32s")
"""Of an entry: length of its key, length of its value, SHA-256 of both lengths and both."""


class JournalInUse(OSError):
    """Another process has the journal."""


class Journal:
    """Entries by key, in a file. Calls may come from several threads.

    Args:
        path: the file; made if it is not there, not followed if it is a link.
        identity: what the entries belong to; those of another identity are dropped.

    Raises:
        JournalInUse: another process has it.
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, identity: bytes) -> None:
        self.path = path
        self.failure: OSError | None = None
        """Why entries are no longer kept; None while they are."""
        self._lock = threading.Lock()
        self._places: dict[bytes, int] = {}
        self._file = _opened(path)
        try:
            self._take_over(MAGIC + hashlib.sha256(identity).digest())
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: str) -> bytes | None:
        """The value that was added last under a key; None if there is none."""
        with self._lock:
            at = self._places.get(key.encode())
            found = None if at is None else self._entry(at)
        return found[1] if found else None

    def add(self, key: str, value: bytes) -> None:
        """Append an entry; it is on the disk when this returns.

        If there is no room, all entries are given up to make some, and `failure` says why: a
        journal must not be the reason for which a job fails.
        """
        name = key.encode()
        with self._lock:
            if self.failure is not None:
                return
            try:
                at = self._file.seek(0, os.SEEK_END)
                _write(self._file, _head(name, value) + name + value)
                self._places[name] = at
            except OSError as error:
                self.failure = error
                self._places.clear()
                with contextlib.suppress(OSError):
                    self._file.truncate(0)

    def close(self) -> None:
        """Let go of the file; another process may have it now."""
        self._file.close()

    def _take_over(self, head: bytes) -> None:
        """Find the entries of an earlier run, or begin anew."""
        self._file.seek(0)
        end = len(head)
        if self._file.read(end) == head:
            while (found := self._entry(end)) is not None:
                self._places[found[0]] = end
                end = found[2]
        else:
            self._file.seek(0)
            self._file.truncate()
            _write(self._file, head)
        self._file.truncate(end)

    def _entry(self, at: int) -> tuple[bytes, bytes, int] | None:
        """Key, value and end of the entry at a place; None if there is no sound one."""
        self._file.seek(at)
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        of_key, of_value, _ = _HEAD.unpack(head)
        end = at + _HEAD.size + of_key + of_value
        if end > os.fstat(self._file.fileno()).st_size:  # before memory is taken for it
            return None
        key, value = self._file.read(of_key), self._file.read(of_value)
        return (key, value, end) if head == _head(key, value) else None


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of it, to the disk; an unbuffered file may take a part only."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())


def _head(key: bytes, value: bytes) -> bytes:
    digest = hashlib.sha256(struct.pack(">IQ", len(key), len(value)) + key)
    digest.update(value)
    return _HEAD.pack(len(key), len(value), digest.digest())


def _opened(path: Path) -> BinaryIO:
    """The file, ours alone: for its owner only, as pages are in it, and through no link."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    while True:
        handle = os.open(path, flags, 0o600)
        # Unbuffered: nothing may be left in the process that a retry would write a second time.
        file = cast(BinaryIO, os.fdopen(handle, "r+b", buffering=0))
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "is no file", str(path))
            _locked(handle, path)
            if _is_still(handle, path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # the process that had it has finished, and removed it: make a new one


def _locked(handle: int, path: Path) -> None:
    if sys.platform == "win32":  # no advisory locks; the worst is that pages are done twice
        return
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalInUse(errno.EWOULDBLOCK, "is in use", str(path)) from None
    except OSError:  # a file system without locks
        return


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
