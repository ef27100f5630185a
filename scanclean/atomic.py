"""Outputs that are whole or not there: a temporary file beside the target, then one rename."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from scanclean.errors import OutputError

PREFIX, SUFFIX = ".scanclean-", ".tmp"
"""How the names of temporary files begin and end."""
SPOOL = 16 << 20
"""Bytes of an output for a stream that stay in memory."""


@contextmanager
def replacing(target: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a temporary path in the target's folder; on clean exit it becomes the target.

    The file is flushed to the disk before the rename, so after a power cut the target is the old
    file or the new one. On any error, ^C included, the temporary file is removed and the target is
    as it was. Missing folders above the target are made. A symbolic link stays one: what it points
    to is replaced.

    Args:
        target: the file to make.
        force: replace a file that exists. Without it the rename itself refuses, so a file that
            somebody else made in the meantime is never overwritten.

    Raises:
        OutputError: the target exists, or cannot be written.
    """
    refuse_existing(target, force=force)
    temporary: Path | None = None
    try:
        folder = _pointed_to(target).parent
        folder.mkdir(parents=True, exist_ok=True)
        # A short prefix of our own: the target's name may already have the longest legal length.
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=folder)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        publish(temporary, target, force=force)
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


@contextmanager
def growing(target: Path | BinaryIO, *, force: bool = False) -> Iterator[BinaryIO]:
    """Give an empty file to write to and read from; on clean exit it becomes the target.

    Args:
        target: the file to make, or a stream, which gets everything at the end.
        force: replace a file that exists.

    Raises:
        OutputError: the target exists, or cannot be written.
    """
    if isinstance(target, Path):
        with replacing(target, force=force) as path, path.open("w+b") as out:
            yield out
        return
    with tempfile.SpooledTemporaryFile(max_size=SPOOL) as spool:
        yield cast(BinaryIO, spool)
        spool.seek(0)
        try:
            shutil.copyfileobj(spool, target)
            target.flush()
        except OSError as error:
            raise output_error("standard output", error) from error


def left_behind(folder: Path) -> list[Path]:
    """Temporary files in a folder: of runs that were killed, or that are at work there now."""
    try:
        return sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))
    except OSError:
        return []


def output_error(target: Path | str, error: OSError) -> OutputError:
    """Put an operating system's complaint about writing into the words of a user."""
    hints = {
        errno.ENOSPC: "free some space, or choose another disk with -o",
        errno.EDQUOT: "free some space, or choose another disk with -o",
        errno.EFBIG: "the file would be larger than this disk or account allows",
        errno.EACCES: "choose a folder that you may write to with -o",
        errno.EPERM: "choose a folder that you may write to with -o",
        errno.EROFS: "choose a folder that you may write to with -o",
    }
    what = (error.strerror or str(error)).lower()
    return OutputError(f"{target}: cannot be written: {what}", hint=hints.get(error.errno or 0))


def refuse_existing(target: Path, *, force: bool) -> None:
    """Look before any work whether an output may be made.

    Raises:
        OutputError: it exists, and is not to be replaced; or it is no file.
    """
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "no file but a device or a pipe"
        raise OutputError(f"{target}: is {what}", hint="name a file, or type - for stdout")
    if not force and target.exists():
        raise _exists(target)


def publish(temporary: Path, target: Path, *, force: bool) -> None:
    """Give a finished file its name; it must lie on the target's disk. With `force`, it is moved.

    Where the target is a symbolic link, what it points to gets the file, on whatever disk.

    Raises:
        OutputError: the target exists, and is not to be replaced.
        OSError: the operating system refuses.
    """
    real = _pointed_to(target)
    if real != target and temporary.stat().st_dev != real.parent.stat().st_dev:
        with replacing(real, force=force) as beside:
            shutil.copyfile(temporary, beside)
        return
    target = real
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    if target.exists():
        temporary.chmod(target.stat().st_mode & 0o7777)
    else:
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes private files
    if force:
        temporary.replace(target)
        return
    try:
        os.link(temporary, target)  # unlike a rename, fails if the target has appeared
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without hard links
        temporary.replace(target)


def _pointed_to(target: Path) -> Path:
    """The file that is meant: behind a symbolic link, where that leads."""
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _exists(target: Path) -> OutputError:
    return OutputError(f"{target}: exists already", hint="add --force to overwrite it")
