"""What a PDF must pass before any work: readable, unlocked, not signed, not too large."""

from __future__ import annotations

import re

from scanclean.config import ReadOptions
from scanclean.documents import Source
from scanclean.documents._pdf_library import (
    Object,
    entries,
    get,
    is_null,
    items,
    mupdf,
    name_of,
    number,
    open_pdf,
    pymupdf,
    reading,
)
from scanclean.errors import InputError, LockedError, RefusedError

_DYNAMIC = re.compile(rb"<([\w.-]+:)?dynamicRender(\s[^>]*)?>\s*required\b")
MAX_DEPTH = 100
"""Levels of a page tree that are followed."""
MAX_SPARSE = 250_000
"""Highest number of an object that no file is too small for; the table then takes 5 MB."""
MAX_FIELDS = 100_000
"""Form fields that are looked at."""


def open_handle(source: Source, name: str, options: ReadOptions, warnings: list[str]) -> Object:
    """Open a PDF with MuPDF and unlock it. What a user should know is added to `warnings`.

    Raises:
        InputError: it is no PDF, or too damaged to have pages.
        LockedError: the password is missing or wrong.
    """
    with reading(f"{name}: cannot be read as PDF"):
        try:
            handle = open_pdf(source)
        except Exception as error:
            if "encrypt" in str(error).lower():
                raise LockedError(
                    f"{name}: is locked in a way that is not supported",
                    hint="remove the lock with the program that made it",
                ) from error
            raise
    with reading(f"{name}: cannot be read as PDF"):
        _unlock(handle, name, options.password)
        if _mend_count(handle):
            warnings.append("the number of pages it gives is wrong and was mended")
        pages = handle.page_count
    if pages < 1:
        raise InputError(f"{name}: has no pages", hint="the file is damaged or cut off")
    return handle


def _mend_count(handle: Object) -> bool:
    """Put right how many pages the page tree says it has; whether that was wrong.

    Otherwise pages beyond the number would silently be left out. A damaged tree is left to the
    number that it gives: pages that cannot be read count there, too.
    """
    lib = mupdf()
    pdf = pymupdf()._as_pdf_document(handle)
    counts: dict[int, int] = {}
    if not _count_pages(get(get(lib.pdf_trailer(pdf), "Root"), "Pages"), counts):
        return False
    wrong = False
    for xref, count in counts.items():
        node = lib.pdf_new_indirect(pdf, xref, 0)
        if count and lib.pdf_to_int(get(node, "Count")) != count:
            lib.pdf_dict_puts(node, "Count", lib.pdf_new_int(count))
            wrong = True
    return wrong


def _count_pages(node: Object, counts: dict[int, int], depth: int = 0) -> bool:
    """Count the pages below each node of a page tree, by number; false if it is no whole tree."""
    xref = int(mupdf().pdf_to_num(node))
    if not xref or xref in counts or depth > MAX_DEPTH:
        return False
    counts[xref] = 0
    for kid in items(get(node, "Kids")):
        if not mupdf().pdf_is_dict(kid):
            return False
        if is_null(get(kid, "Kids")):
            counts[xref] += 1
        elif _count_pages(kid, counts, depth + 1):
            counts[xref] += counts[int(mupdf().pdf_to_num(kid))]
        else:
            return False
    return True


def _unlock(handle: Object, name: str, password: str | None) -> None:
    if not handle.needs_pass:
        return  # a password that is not needed is not tried: a wrong one would spoil the key
    if not password:
        raise LockedError(
            f"{name}: is locked and needs a password", hint="give it with --password-file FILE"
        )
    if not handle.authenticate(password):
        raise LockedError(
            f"{name}: the password is wrong",
            hint="check the password; upper and lower case matter",
        )


def refuse_partial_lock(pdf: Object, name: str) -> None:
    """Stop at locks that leave parts of a file readable: saving would make those parts unreadable.

    MuPDF keeps a lock only where strings and streams, metadata among them, are all under it.

    Raises:
        LockedError: something in the document is not under its lock.
    """
    lock = get(mupdf().pdf_trailer(pdf), "Encrypt")
    if is_null(lock) or number(lock, "V") < 4:
        return
    kinds = [name_of(lock, key) or "Identity" for key in ("StmF", "StrF")]
    method = name_of(get(get(lock, "CF"), kinds[0]), "CFM")
    flag = get(lock, "EncryptMetadata")
    readable = not is_null(flag) and not mupdf().pdf_to_bool(flag)
    if kinds[0] != kinds[1] or (readable and method.startswith("AES")) or _has_crypt_filter(pdf):
        raise LockedError(
            f"{name}: only parts of it are locked, which would be lost",
            hint="take the lock off a copy first, for example: qpdf --decrypt in.pdf copy.pdf",
        )


def _has_crypt_filter(pdf: Object) -> bool:
    """Whether a stream names a lock of its own."""
    lib = mupdf()
    for xref in range(1, lib.pdf_xref_len(pdf)):
        stream = lib.pdf_new_indirect(pdf, xref, 0)
        if not lib.pdf_is_stream(stream):
            continue
        filters = get(stream, "Filter")
        names = items(filters) if lib.pdf_is_array(filters) else [filters]
        if any(lib.pdf_to_name(one) == "Crypt" for one in names):
            return True
    return False


def refuse_sparse(pdf: Object, file_size: int, name: str) -> None:
    """Stop at object numbers that make a table of mostly nothing, larger than the file itself.

    Raises:
        InputError: there are such numbers.
    """
    highest = int(mupdf().pdf_xref_len(pdf)) - 1
    if highest > max(MAX_SPARSE, file_size):
        raise InputError(
            f"{name}: its objects are numbered up to {highest}, far more than there can be",
            hint="number them anew first, for example: qpdf in.pdf out.pdf",
        )


def refuse_signed_or_dynamic(pdf: Object, name: str, options: ReadOptions) -> None:
    """Stop at documents that a change would break.

    Raises:
        RefusedError: a dynamic form, or signed without `options.allow_signed`.
    """
    root = get(mupdf().pdf_trailer(pdf), "Root")
    form = get(root, "AcroForm")
    if mupdf().pdf_to_bool(get(root, "NeedsRendering")) or _is_dynamic(get(form, "XFA")):
        raise RefusedError(
            f"{name}: is a dynamic form, whose pages are made by the viewer",
            hint="print it to a PDF file first",
        )
    if not options.allow_signed and (_has_signature(form) or _is_certified(root)):
        raise RefusedError(
            f"{name}: is signed, and a change would break the signature",
            hint="add --allow-signed to work on it all the same",
        )


def _is_dynamic(xfa: Object) -> bool:
    streams = items(xfa) if mupdf().pdf_is_array(xfa) else [xfa]
    for stream in streams:
        if mupdf().pdf_is_stream(stream):
            data = bytes(mupdf().pdf_load_stream(stream).fz_buffer_extract())
            if _DYNAMIC.search(data):
                return True
    return False


def _is_certified(root: Object) -> bool:
    return any(True for _ in entries(get(root, "Perms")))


def _has_signature(form: Object) -> bool:
    """Whether a signature field is filled in; empty ones wait for a signature and break nothing."""
    pending, seen = items(get(form, "Fields")), 0
    while pending and seen < MAX_FIELDS:
        field = pending.pop()
        seen += 1
        kind = mupdf().pdf_dict_get_inheritable(field, mupdf().pdf_new_name("FT"))
        value = get(field, "V")
        signed = not is_null(get(value, "ByteRange")) or not is_null(get(value, "Contents"))
        if signed and str(mupdf().pdf_to_name(kind)) == "Sig":
            return True
        pending.extend(items(get(field, "Kids")))
    return False
