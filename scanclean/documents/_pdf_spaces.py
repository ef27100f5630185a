"""What the colours of a PDF mean beyond the spaces that its pictures name."""

from __future__ import annotations

from scanclean.documents._colour import srgb
from scanclean.documents._pdf_content import inherited
from scanclean.documents._pdf_library import Object, entries, get, is_null, mupdf


def redefined(page: Object, path: tuple[str, ...]) -> bool:
    """Whether a page, or a form on the way to a picture, says what the device's colours mean.

    Gray and RGB of the device may look different then where their values are equal.

    Args:
        page: the page's dictionary.
        path: names that lead to the picture.
    """
    resources = inherited(page, "Resources")
    for name in path:
        if any(key.startswith("Default") for key, _ in entries(get(resources, "ColorSpace"))):
            return True
        own = get(get(get(resources, "XObject"), name), "Resources")
        resources = resources if is_null(own) else own
    return False


def has_intent(pdf: Object) -> bool:
    """Whether a document says for which inks or screens it was made, as PDF/A and PDF/X do."""
    root = get(mupdf().pdf_trailer(pdf), "Root")
    return not is_null(get(root, "OutputIntents"))


def declared_srgb(pdf: Object) -> str:
    """Put a profile of sRGB into a document; gives the PDF syntax of its colour space."""
    lib = mupdf()
    keys = lib.pdf_new_dict(pdf, 2)
    lib.pdf_dict_puts(keys, "N", lib.pdf_new_int(3))
    data = lib.fz_new_buffer_from_copied_data(srgb())
    number = int(lib.pdf_to_num(lib.pdf_add_stream(pdf, data, keys, 0)))
    return f"[/ICCBased {number} 0 R]"
