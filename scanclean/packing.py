"""Values as bytes that can be read back without running code, unlike a pickle.

A record is the length of a JSON text (8 bytes, big endian), the text, and the raw bytes it points
to. Dataclasses stand in it by name; only those that the reader lists are made, and every field must
hold what its annotation says.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_LENGTH = struct.Struct(">Q")
_CLASS, _FIELDS, _BYTES = "class", "fields", "bytes"


def pack(value: object) -> bytes:
    """Bytes of a value made of None, bool, int, float, str, bytes, tuples and dataclasses.

    Raises:
        TypeError: it holds something else.
    """
    blobs: list[bytes] = []
    text = json.dumps(_plain(value, blobs), separators=(",", ":")).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *blobs))


def unpack(data: bytes, kind: type[T], known: tuple[type, ...]) -> T:
    """The value that `pack` was given.

    Args:
        data: bytes from anywhere.
        kind: the dataclass that it must be.
        known: other dataclasses that may be inside.

    Raises:
        ValueError: it is not such a value.
    """
    classes = {cls.__name__: cls for cls in (kind, *known)}
    try:
        (length,) = _LENGTH.unpack_from(data)
        start = _LENGTH.size + length
        value = _built(json.loads(data[_LENGTH.size : start]), memoryview(data)[start:], classes)
    except (LookupError, RecursionError, TypeError, ValueError, struct.error) as error:
        raise ValueError(f"not a packed {kind.__name__}") from error
    if type(value) is not kind:
        raise ValueError(f"not a packed {kind.__name__}, but {type(value).__name__}")
    return value


def _plain(value: object, blobs: list[bytes]) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        at = sum(map(len, blobs))
        blobs.append(value)
        return {_BYTES: [at, len(value)]}
    if isinstance(value, tuple):
        return [_plain(item, blobs) for item in value]
    if is_dataclass(value):
        held = [_plain(getattr(value, field.name), blobs) for field in fields(value)]
        return {_CLASS: type(value).__name__, _FIELDS: held}
    raise TypeError(f"{type(value).__name__} cannot be packed")


def _built(raw: Any, blobs: memoryview, classes: Mapping[str, type]) -> object:
    if isinstance(raw, list):
        return tuple(_built(item, blobs, classes) for item in raw)
    if not isinstance(raw, dict):
        return raw
    if _BYTES in raw:
        at, length = raw[_BYTES]
        if not 0 <= at <= at + length <= len(blobs):
            raise ValueError("points outside")
        return bytes(blobs[at : at + length])
    cls = classes[raw[_CLASS]]
    held = [_built(item, blobs, classes) for item in raw[_FIELDS]]
    hints = get_type_hints(cls)
    for field, value in zip(fields(cls), held, strict=True):
        if not fits(value, hints[field.name]):
            raise ValueError(f"{cls.__name__}.{field.name} cannot be {value!r:.40}")
    return cls(*held)


def fits(value: object, hint: Any) -> bool:
    """Whether a value is what an annotation says.

    >>> fits((1, "a"), tuple[int, str]), fits((1, 2), tuple[int, ...]), fits(True, int)
    (True, True, False)
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, kind) for kind in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        return len(kinds) == len(value) and all(map(fits, value, kinds))
    if hint in (None, NoneType):
        return value is None
    if isinstance(value, bool):
        return hint in (bool, object)
    return isinstance(value, int | float if hint is float else hint)
