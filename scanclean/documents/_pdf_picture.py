"""A picture object of a PDF: what its header says, and its pixels as a viewer shows them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from scanclean.documents import _metadata, _picture
from scanclean.documents._pdf_library import (
    Object,
    damage,
    forget_warnings,
    get,
    is_null,
    items,
    mupdf,
    number,
    pymupdf,
    reading,
    source_of,
)
from scanclean.errors import InputError
from scanclean.page import Pixels

LOSSY = frozenset({"DCTDecode", "DCT", "JPXDecode"})
"""Filters that lose something."""
KNOWN = LOSSY | {
    "ASCIIHexDecode", "AHx", "ASCII85Decode", "A85", "LZWDecode", "LZW", "FlateDecode", "Fl",
    "RunLengthDecode", "RL", "CCITTFaxDecode", "CCF", "JBIG2Decode",
}  # fmt: skip
"""Filters that viewers know. MuPDF leaves out others and shows noise, or what nobody else shows."""
OPAQUE = 0.9
"""Mean opacity from which a masked picture is a scan with a clean-cut edge, not a layer."""
HEADER = 1 << 18
"""Bytes within which a JPEG says how it is packed; before that come profiles and previews."""
JPX_SIZE = b"\xff\x4f\xff\x51"
"""How a JPEG 2000 code stream begins: SOC, then the SIZ marker."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture object."""

    pixels: Pixels
    """`(H, W)` or `(H, W, 3)`; in the file's own gray or RGB space, or else converted to sRGB."""
    space: str
    """PDF syntax of the colour space that the pixels are in; empty for a stencil, which has none
    and is black where it paints."""
    bitonal: bool
    """One bit a pixel; the pixels are 0 and 255."""
    pair: tuple[bytes, bytes] | None
    """Gray or RGB bytes of what 0 and 255 of a bitonal picture show, if not black and white."""
    converted: bool = False
    """The pixels were neither gray nor RGB, and are sRGB now."""


def size(image: Object) -> tuple[int, int]:
    """Width and height in pixels; of JPEG 2000 what its data says, for that is decoded."""
    width, height = (max(0, number(image, key)) for key in ("Width", "Height"))
    if last_filter(image) == "JPXDecode":
        head = bytes(mupdf().pdf_load_raw_stream(image).fz_buffer_extract()[:4096])
        at = head.find(JPX_SIZE)
        if at >= 0 and len(head) >= at + 24:
            # After SIZ: length and capabilities (2 + 2 bytes), then the size of the grid.
            own = [int.from_bytes(head[at + k : at + k + 4], "big") for k in (8, 12)]
            width, height = max(width, own[0]), max(height, own[1])
    return width, height


def filters(image: Object) -> list[str]:
    """The names of a stream's filters, in the order in which they are undone."""
    chain = get(image, "Filter")
    names = items(chain) if mupdf().pdf_is_array(chain) else [chain]
    return [str(mupdf().pdf_to_name(name)) for name in names if mupdf().pdf_is_name(name)]


def last_filter(image: Object) -> str:
    """The filter that makes pixels: the last of the chain; empty if there is none."""
    return (filters(image) or [""])[-1]


def stored_bytes(image: Object) -> int:
    """Size of the object's stream in the file."""
    return number(image, "Length")


def jpeg_quality(image: Object) -> int:
    """Quality of a picture that is stored as JPEG, as libjpeg counts it; 0 if it is not."""
    if filters(image) not in (["DCTDecode"], ["DCT"]):
        return 0
    from PIL import Image

    head = mupdf().pdf_load_raw_stream(image).fz_buffer_extract()[:HEADER]
    try:
        with Image.open(io.BytesIO(head), formats=("JPEG",)) as opened:
            return int(_metadata.jpeg_storage(opened)["quality"])
    except _picture.FAILURES:
        return 0


def shared_symbols(image: Object) -> int:
    """Number of the stream with the symbols of a JBIG2 picture, or 0; several may share it."""
    parms = get(image, "DecodeParms")
    if mupdf().pdf_is_array(parms):
        found = [get(item, "JBIG2Globals") for item in items(parms)]
        return max((int(mupdf().pdf_to_num(item)) for item in found), default=0)
    return int(mupdf().pdf_to_num(get(parms, "JBIG2Globals")))


def obstacle(handle: Object, image: Object, limit: float) -> str | None:
    """Why a picture must not be cleaned although it is a scan; None if nothing is in the way.

    Args:
        handle: the opened document.
        image: the picture's object.
        limit: pixels up to which a mask is decoded.
    """
    lib = mupdf()
    if not is_null(get(image, "F")):
        return "its picture lies in another file"
    strange = [name for name in filters(image) if name not in KNOWN]
    if strange:
        return f"its picture is stored in a way that is not known ({strange[0]})"
    if number(image, "SMaskInData") > 0:
        return "its picture carries its own transparency"
    mask, soft = get(image, "Mask"), get(image, "SMask")
    if lib.pdf_is_array(mask):
        return "its picture is transparent where it has a certain colour"
    if not is_null(get(soft, "Matte")):
        return "its picture is blended with a matte"
    for veil in (soft, mask):
        if not lib.pdf_is_stream(veil):
            continue
        width, height = size(veil)
        if width * height > limit:
            return "its mask is too large"
        if _opacity(handle, veil) < OPAQUE:
            return "layered page: the picture shows through a mask"
    return None


def _opacity(handle: Object, mask: Object) -> float:
    pixmap = pymupdf().Pixmap(handle, mupdf().pdf_to_num(mask))
    return float(np.frombuffer(pixmap.samples_mv, np.uint8).mean()) / 255


def decode(handle: Object, image: Object, what: str, *, device: bool = True) -> Picture:
    """Decode a picture object.

    Args:
        handle: the opened document.
        image: the picture's object.
        what: what it is, for messages.
        device: whether gray and RGB of the device look alike where values are equal; a page may say
            otherwise.

    Raises:
        InputError: it cannot be decoded, or only in part.
    """
    forget_warnings()
    stencil = bool(mupdf().pdf_to_bool(get(image, "ImageMask")))
    with reading(f"{what} cannot be decoded"):
        pixmap = pymupdf().Pixmap(handle, mupdf().pdf_to_num(image))
        converted = not stencil and not _is_gray_or_rgb(pixmap)
        components = pixmap.n - pixmap.alpha
        if converted:
            pixmap = pymupdf().Pixmap(pymupdf().csRGB, pixmap)
        pixels = 255 - _rows(pixmap) if stencil else _pixels(pixmap)
    del pixmap
    pymupdf().TOOLS.store_shrink(
        100
    )  # else decoded pictures stay in MuPDF's cache, page after page
    complaint = damage()
    if complaint:
        raise InputError(f"{what} is damaged ({complaint})")
    if stencil:
        return Picture(pixels, "", bitonal=True, pair=None)
    space = "/DeviceRGB" if converted else _own_space(image)
    if pixels.ndim == 3 and device and space in ("", "/DeviceRGB") and _neutral(pixels):
        pixels, space = np.ascontiguousarray(pixels[..., 0]), "/DeviceGray"
    if _one_bit(image, components):
        return _two_tone(pixels, space, indexed=_is_indexed(image))
    return Picture(pixels, space or _device(pixels), bitonal=False, pair=None, converted=converted)


def _is_gray_or_rgb(pixmap: Object) -> bool:
    if pixmap.colorspace is None:
        raise InputError("it is a mask, not a picture")
    space = pixmap.colorspace.this
    lib = mupdf()
    return bool(lib.fz_colorspace_is_gray(space) or lib.fz_colorspace_is_rgb(space))


def _rows(pixmap: Object) -> Pixels:
    rows = np.frombuffer(pixmap.samples_mv, np.uint8).reshape(pixmap.height, pixmap.stride)
    return rows[:, : pixmap.width * pixmap.n]


def _pixels(pixmap: Object) -> Pixels:
    channels = pixmap.n - pixmap.alpha
    pixels = _rows(pixmap).reshape(pixmap.height, pixmap.width, pixmap.n)
    return pixels[..., 0].copy() if channels == 1 else pixels[..., :3].copy()


def _neutral(pixels: Pixels) -> bool:
    """Whether all colours are gray; a glance at a few rows first."""
    for rows in (pixels[:: max(1, len(pixels) // 16)], pixels):
        red, green, blue = rows[..., 0], rows[..., 1], rows[..., 2]
        if not (np.array_equal(red, green) and np.array_equal(green, blue)):
            return False
    return True


def _device(pixels: Pixels) -> str:
    return "/DeviceGray" if pixels.ndim == 2 else "/DeviceRGB"


def _is_indexed(image: Object) -> bool:
    space = get(image, "ColorSpace")
    if not mupdf().pdf_is_array(space):
        return False
    return str(mupdf().pdf_to_name(mupdf().pdf_array_get(space, 0))) in ("Indexed", "I")


def _own_space(image: Object) -> str:
    """The picture's colour space, or a palette's base; empty if the picture names none."""
    space = get(image, "ColorSpace")
    if _is_indexed(image):
        space = mupdf().pdf_array_get(space, 1)
    return "" if is_null(space) else source_of(space)


def _one_bit(image: Object, components: int) -> bool:
    """Whether a pixel is one of two tones; a bit for each of several components makes more."""
    if last_filter(image) in ("CCITTFaxDecode", "CCF", "JBIG2Decode"):
        return True
    if number(image, "BitsPerComponent") != 1 or is_null(get(image, "ColorSpace")):
        return False
    return components == 1 or _is_indexed(image)


def _two_tone(pixels: Pixels, space: str, *, indexed: bool) -> Picture:
    """A picture of at most two colours as black and white, remembering the colours."""
    flat = pixels.reshape(-1) if pixels.ndim == 2 else pixels.reshape(-1, 3)
    luma = pixels if pixels.ndim == 2 else pixels[..., 1]
    darkest, lightest = int(luma.argmin()), int(luma.argmax())
    dark, light = flat[darkest].tobytes(), flat[lightest].tobytes()
    if dark == light:
        black, white = bytes(len(dark)), b"\xff" * len(dark)
        dark, light = (dark, white) if luma.flat[0] < 128 else (black, light)
    middle = (int(luma.flat[darkest]) + int(luma.flat[lightest]) + 1) // 2
    if luma.flat[darkest] == luma.flat[lightest]:
        middle = 128
    tones = np.where(luma >= middle, 255, 0).astype(np.uint8)
    if {dark, light} == {b"\0" * len(dark), b"\xff" * len(dark)}:
        plain = space if pixels.ndim == 2 and space and not indexed else "/DeviceGray"
        return Picture(tones, plain, bitonal=True, pair=None)
    return Picture(tones, space or _device(pixels), bitonal=True, pair=(dark, light))
