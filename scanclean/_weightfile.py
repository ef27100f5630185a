"""A weights file as bytes: its checksum, whether it can be what its name says, putting it aside.

Nothing here opens a network or runs code from a file; these checks come before any loader.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from scanclean.errors import WeightsError

KINDS = (".onnx", ".safetensors", ".pth")
"""Suffixes of the weights files that the program knows."""

WEB_PAGE_STARTS = (b"<!doctype", b"<html", b"<head", b"<?xml")
"""First bytes, in lower case, of the pages that servers send in place of a file."""

_MAX_SAFETENSORS_HEADER = 100_000_000  # the format's own limit, in bytes
_MAX_ONNX_FIELDS = 1_000_000  # of the outermost message; a real file has a dozen
_TORCH_LEGACY_START = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def flaw(path: Path, suffix: str) -> str | None:
    """Say why a file cannot be weights of the kind `suffix`, or None if it can.

    The structure is read, not the numbers: an empty file, a web page, another kind of file and a
    file that was cut off are found, a flipped bit is not. That is what checksums are for.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            return "it is empty"
        with path.open("rb") as file:
            if is_web_page(file.read(512)):
                return "it is a web page, not weights"
            file.seek(0)
            return _FLAWS[suffix](file, size)
    except OSError as error:
        raise unreadable(path, error) from error


def is_web_page(start: bytes) -> bool:
    """Tell whether a file that begins with `start` is HTML or XML."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(WEB_PAGE_STARTS)


def quarantine(path: Path, target: Path) -> str:
    """Move a bad file out of the way, to `target`'s name with `.bad`; an older one is replaced.

    Returns:
        What was done, as the end of a sentence.
    """
    aside = target.with_name(target.name + ".bad")
    try:
        path.replace(aside)
    except OSError as error:
        return f"it could not be moved aside: {reason(error)}"
    return f"it is kept as {aside}"


def reason(error: OSError) -> str:
    """Put an operating system's complaint into a few words."""
    return (error.strerror or str(error)).lower()


def unreadable(path: Path, error: OSError) -> WeightsError:
    """Make the error for a file that is there and cannot be read."""
    return WeightsError(f"{path}: cannot be read: {reason(error)}")


def require_usable(path: Path, kinds: Sequence[str]) -> None:
    """Check that a file of the user's can be weights of one of these kinds.

    Raises:
        WeightsError: it is not there, or not such a file.
    """
    _require_file(path)
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        raise WeightsError(
            f"{path}: not a weights file by its name",
            hint=f"the name must end in {' or '.join(KINDS)}",
        )
    if suffix not in kinds:
        raise WeightsError(
            f"{path}: a {suffix} file is of no use here, {' or '.join(kinds)} is needed",
            hint=_beside(path, kinds) or hint_for(kinds),
        )
    wrong = flaw(path, suffix)
    if wrong:
        raise WeightsError(f"{path}: not usable as weights: {wrong}", hint="get the file again")


def hint_for(kinds: Sequence[str]) -> str:
    """Say how to come by weights of one of these kinds."""
    if ".onnx" in kinds:
        return "make one with `scanclean export WEIGHTS -o FILE.onnx`, or use --backend torch"
    return (
        f"give the {kinds[0]} that it was made from, or a name from `scanclean weights list`; "
        "`restore` takes it with --backend onnx"
    )


def _beside(path: Path, kinds: Sequence[str]) -> str | None:
    found = (path.with_suffix(kind) for kind in kinds)
    return next((f"give {other}" for other in found if other.is_file()), None)


def _require_file(path: Path) -> None:
    shown = "`scanclean weights list` shows the names that need no file"
    try:
        if path.is_file():
            return
        folder = path.is_dir()
        there = folder or path.exists()
    except (OSError, ValueError) as error:
        what = reason(error) if isinstance(error, OSError) else str(error)
        raise WeightsError(f"{path}: no such weights file: {what}", hint=shown) from error
    if folder:
        inside = sorted(p.name for kind in KINDS for p in path.glob(f"*{kind}"))
        hint = f"name the file: --weights {path / inside[0]}" if inside else shown
        raise WeightsError(f"{path}: is a folder, not a weights file", hint=hint)
    raise WeightsError(f"{path}: {'not a file' if there else 'no such weights file'}", hint=shown)


def _safetensors_flaw(file: IO[bytes], size: int) -> str | None:
    # Eight bytes say how long the JSON header is; its offsets must end where the file ends.
    length = int.from_bytes(file.read(8), "little")
    data = size - 8 - length
    if size < 8 or length > _MAX_SAFETENSORS_HEADER or data < 0:
        return "it is no safetensors file, or was cut off"
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError):
        return "its safetensors header is not readable"
    if not isinstance(header, dict):
        return "its safetensors header is not readable"
    ends = [_end(entry, data) for name, entry in header.items() if name != "__metadata__"]
    if None in ends or not ends:
        return "its safetensors header does not fit the file"
    if max(end for end in ends if end is not None) != data:
        return "its length does not fit its safetensors header"
    return None


def _end(entry: Any, data: int) -> int | None:
    """Where a tensor ends in the data, or None if that makes no sense."""
    match entry:
        case {"dtype": str(), "shape": list(), "data_offsets": [int(begin), int(end)]}:
            return end if 0 <= begin <= end <= data else None
    return None


def _pth_flaw(file: IO[bytes], size: int) -> str | None:
    import zipfile

    start = file.read(len(_TORCH_LEGACY_START))
    if start == _TORCH_LEGACY_START:
        return None
    if not start.startswith(b"PK\x03\x04"):
        return "it is no PyTorch file"
    try:
        with zipfile.ZipFile(file) as archive:  # needs the directory at the end: not cut off
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "its end is missing: it was cut off"
    return None if any(name.endswith("data.pkl") for name in names) else "it is no PyTorch file"


def _onnx_flaw(file: IO[bytes], size: int) -> str | None:
    """Walk the fields of the outermost protobuf message; they must end where the file ends."""
    fields: set[tuple[int, int]] = set()
    position = 0
    for _ in range(_MAX_ONNX_FIELDS):
        if position == size:
            break
        key = _varint(file)
        number, wire = key >> 3, key & 7
        if key < 0 or number == 0:
            return "it is no ONNX file"
        length = _payload(file, wire)
        if length < 0:
            return "it is no ONNX file, or was cut off"
        position = file.seek(length, os.SEEK_CUR)
        if position > size:
            return "its end is missing: it was cut off"
        fields.add((number, wire))
    version, graph = (1, 0), (7, 2)
    return None if position == size and {version, graph} <= fields else "it is no ONNX file"


def _payload(file: IO[bytes], wire: int) -> int:
    """Bytes still to skip of a field of this wire type; -1 if it makes no sense."""
    if wire == 0:
        return min(_varint(file), 0)
    if wire == 2:
        return _varint(file)
    return {1: 8, 5: 4}.get(wire, -1)


def _varint(file: IO[bytes]) -> int:
    """Read a base-128 number; -1 at the end of the file or past 64 bits."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return -1
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            # A real length fits 63 bits; larger ones would not even be seekable.
            return value if value < 1 << 62 else -1
    return -1


_FLAWS = {".onnx": _onnx_flaw, ".safetensors": _safetensors_flaw, ".pth": _pth_flaw}
