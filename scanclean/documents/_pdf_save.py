"""Writing an edited PDF, and looking whether what was written can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from scanclean.documents._pdf_library import (
    Object,
    get,
    mupdf,
    name_of,
    open_pdf,
    out_of_memory,
    pymupdf,
    reading,
)
from scanclean.errors import InputError

REPAIR = "repair it first, for example: qpdf in.pdf repaired.pdf"

PORTION = 4_000_000
"""Bytes written between two calls for relief."""


def save(pdf: Object, path: Path, name: str, relieve: Callable[[], None] | None = None) -> None:
    """Write the edited document to `path`.

    All objects are written anew, in their old numbers. An incremental save would leave the rest
    byte for byte as it is, but keep every replaced picture in the file, which would double its
    size. Nothing is collected, renumbered or merged (`do_garbage` of 1 overflows the stack on a
    long outline, 2 and more have broken fonts), nothing is recompressed, the identity stays
    (else no two runs would give the same bytes, and the password of an encrypted file would no
    longer fit), encryption stays.

    Args:
        pdf: the document.
        path: the file to write.
        name: the input, for messages.
        relieve: called now and then, to let go of memory that is no longer needed.

    Raises:
        OSError: the operating system refuses.
        InputError: the document is too damaged to be written.
        MemoryError: one of its parts does not fit into memory.
    """
    lib = mupdf()
    options = lib.PdfWriteOptions()
    options.do_encrypt = pymupdf().PDF_ENCRYPT_KEEP
    options.dont_regenerate_id = 1
    options.do_preserve_metadata = 1
    # Many small objects packed into streams would double in size if they were unpacked.
    options.do_use_objstms = int(name_of(lib.pdf_trailer(pdf), "Type") == "XRef")
    with path.open("wb") as file:
        sink = _sink(file, relieve)
        try:
            with reading(f"{name}: is too damaged to be saved"):
                lib.pdf_write_document(pdf, sink, options)
                sink.fz_close_output()
        except InputError as error:
            if out_of_memory(error):
                raise MemoryError from error
            raise InputError(str(error), hint=REPAIR) from error
        finally:
            if sink.failure is not None:
                raise sink.failure


def _sink(file: BinaryIO, relieve: Callable[[], None] | None) -> Any:
    """An output of MuPDF that writes to a Python file.

    An exception cannot pass through MuPDF (it would be printed and lose its kind), so the first one
    is kept in `failure`, and what follows is dropped.
    """

    class Sink(mupdf().FzOutput2):  # type: ignore[misc]  # the library carries no types
        def __init__(self) -> None:
            super().__init__()
            self.failure: BaseException | None = None
            self.position = self.relieved = 0
            self.use_virtual_write()
            self.use_virtual_tell()

        def tell(self, context: object) -> int:
            return self.position

        def write(self, context: object, data: object, length: int) -> None:
            self.position += length
            if self.failure is not None:
                return
            try:
                file.write(mupdf().raw_to_python_bytes(data, length))
                if relieve is not None and self.position - self.relieved > PORTION:
                    relieve()
                    self.relieved = self.position
            except BaseException as error:
                self.failure = error

    return Sink()


def verify(
    path: Path, name: str, *, password: str | None, pages: int, streams: Mapping[int, int]
) -> None:
    """Open what was written and look whether it is whole.

    MuPDF repairs a damaged document and saves it without complaint, yet the result may not open.

    Args:
        path: the file that was written.
        name: the input, for messages.
        password: opens it if it is locked.
        pages: number of pages it must have.
        streams: size that each of these objects' streams must have, in bytes.

    Raises:
        InputError: it is not whole, so the input is damaged beyond what can be mended.
    """
    problem = InputError(
        f"{name}: is too damaged: the result could not be read back",
        hint=REPAIR,
    )
    with reading(str(problem)), open_pdf(path) as handle:
        if handle.needs_pass and not handle.authenticate(password or ""):
            raise problem
        if handle.page_count != pages or handle.is_repaired:
            raise problem
        pdf = pymupdf()._as_pdf_document(handle)
        for number, size in streams.items():
            stream = mupdf().pdf_new_indirect(pdf, number, 0)
            if mupdf().pdf_to_int(get(stream, "Length")) < size:
                raise problem
        for index in range(pages):
            mupdf().pdf_lookup_page_obj(pdf, index)
