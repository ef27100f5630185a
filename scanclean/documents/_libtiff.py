"""What libtiff complains about while Pillow decodes with it.

By default it writes to stderr, past Python, and Pillow hears nothing of errors after which libtiff
goes on: a fax line of which the codes make no sense becomes rubbish without a word. So its two
handlers are ours while a picture is decoded.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_LONGEST = 500  # bytes of a complaint
_MOST = 20  # complaints that are kept


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect the errors of libtiff; its warnings are dropped. One thread at a time.

    Where the library cannot be reached (it is built into Pillow on Windows), nothing is collected.
    """
    errors: list[str] = []
    lib = _library()
    if lib is None:
        yield errors
        return
    handler, write = _functions()

    def hear(module: bytes | None, text: bytes, values: int) -> None:
        if len(errors) < _MOST:
            buffer = ctypes.create_string_buffer(_LONGEST)
            write(buffer, _LONGEST, text, values)
            errors.append(buffer.value.decode("utf-8", "replace").strip())

    loud, quiet = handler(hear), handler(lambda *_: None)
    before = lib.TIFFSetErrorHandler(loud), lib.TIFFSetWarningHandler(quiet)
    try:
        yield errors
    finally:
        lib.TIFFSetErrorHandler(before[0])
        lib.TIFFSetWarningHandler(before[1])


@cache
def _library() -> Any:
    """Pillow's core, through which the names of the libtiff it is linked with are found."""
    from PIL import _imaging

    try:
        lib = ctypes.CDLL(_imaging.__file__)
        functions = lib.TIFFSetErrorHandler, lib.TIFFSetWarningHandler, _functions()
    except (AttributeError, OSError, TypeError):
        return None
    for function in functions[:2]:
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
    return lib


@cache
def _functions() -> tuple[Any, Any]:
    """The type of a handler, `void (const char *, const char *, va_list)`, and `vsnprintf`."""
    # A va_list is passed as a pointer by the calling conventions of all systems that get here.
    pointer = ctypes.c_void_p
    write = ctypes.CDLL(None).vsnprintf
    write.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, pointer]
    return ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, pointer), write
