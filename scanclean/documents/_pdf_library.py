"""MuPDF, silenced, and its failures put into our words."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from scanclean.errors import InputError, ScancleanError

logger = logging.getLogger(__name__)

Object: TypeAlias = Any
"""An object of a PDF as MuPDF hands it out (a `PdfObj`); has no types of its own."""

_DAMAGE = re.compile(
    r"premature end|padding truncated|bad huffman|ignoring .*error|unexpected end|"
    r"truncated|cannot decode|failed to decode|read error|invalid (code|data)|error in .*filter",
    re.IGNORECASE,
)
_NO_MEMORY = re.compile(r"\b[mc]?(re)?alloc \([^)]*\) failed|out of memory", re.IGNORECASE)


@cache
def pymupdf() -> Any:
    """The PyMuPDF module, told to keep quiet: by default it prints to stdout."""
    import pymupdf as module

    module.TOOLS.mupdf_display_errors(False)
    module.TOOLS.mupdf_display_warnings(False)
    module.set_messages(pylogging_logger=logger, pylogging_level=logging.DEBUG)
    return module


def mupdf() -> Any:
    """The thin layer under PyMuPDF: MuPDF's own functions."""
    return pymupdf().mupdf


def open_pdf(source: Path | bytes) -> Any:
    """Open a PDF with MuPDF, whatever its name; failures are MuPDF's own: see `reading`."""
    # The kind is forced: MuPDF would also open a picture or an e-book that merely ends in .pdf.
    if isinstance(source, bytes):
        return pymupdf().open(stream=source, filetype="pdf")
    try:
        str(source).encode()
    except UnicodeEncodeError:  # a name that is no text, which MuPDF cannot take
        return pymupdf().open(stream=source.read_bytes(), filetype="pdf")
    return pymupdf().open(str(source), filetype="pdf")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn any failure of the MuPDF calls inside into an `InputError` about `what`.

    Damaged files make the library raise nearly anything (its own errors, but also TypeError,
    AttributeError, IndexError and UnicodeDecodeError out of its Python layer), so everything is
    caught; keep nothing but such calls inside.

    Raises:
        InputError: the calls failed.
    """
    try:
        yield
    except (ScancleanError, MemoryError, OSError):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{what}: {lines[0].strip()}") from error


def out_of_memory(error: InputError) -> bool:
    """Whether a failure of `reading` says that MuPDF was refused memory."""
    return bool(_NO_MEMORY.search(str(error)))


def forget_warnings() -> None:
    """Drop what MuPDF has complained about so far."""
    pymupdf().TOOLS.reset_mupdf_warnings()


def damage() -> str | None:
    """What MuPDF has complained about since `forget_warnings`, if it means that data is missing.

    A cut-off picture raises nothing: it decodes to what was there, and gray below.
    """
    text: str = pymupdf().TOOLS.mupdf_warnings()
    for line in text.splitlines():
        if _DAMAGE.search(line):
            return line.strip()
    return None


def source_of(value: Object) -> str:
    """PDF syntax of an object, on one line."""
    buffer = mupdf().FzBuffer(64)
    output = mupdf().FzOutput(buffer)
    mupdf().pdf_print_obj(output, value, 1, 1)
    output.fz_close_output()
    data: bytes = buffer.fz_buffer_extract()
    return data.decode("latin-1").strip()


def entries(dictionary: Object) -> Iterator[tuple[str, Object]]:
    """Names and values of a dictionary; entries with names that are no text are left out."""
    lib = mupdf()
    for position in range(lib.pdf_dict_len(dictionary)):
        try:
            name = lib.pdf_to_name(lib.pdf_dict_get_key(dictionary, position))
        except UnicodeDecodeError:
            continue
        yield name, lib.pdf_dict_get_val(dictionary, position)


def items(array: Object) -> list[Object]:
    """Members of an array; none if it is something else."""
    lib = mupdf()
    return [lib.pdf_array_get(array, position) for position in range(lib.pdf_array_len(array))]


def get(dictionary: Object, name: str) -> Object:
    """Value of a dictionary's key, resolved when used; MuPDF's null if there is none."""
    return mupdf().pdf_dict_gets(dictionary, name)


def is_null(value: Object) -> bool:
    """Whether there is nothing."""
    return bool(mupdf().pdf_is_null(value)) or not value.m_internal


def number(dictionary: Object, name: str, default: int = 0) -> int:
    """Whole number under a key."""
    value = get(dictionary, name)
    return int(mupdf().pdf_to_int(value)) if mupdf().pdf_is_number(value) else default


def name_of(dictionary: Object, name: str) -> str:
    """Name under a key, without slash; empty if there is none."""
    value = get(dictionary, name)
    return str(mupdf().pdf_to_name(value)) if mupdf().pdf_is_name(value) else ""
