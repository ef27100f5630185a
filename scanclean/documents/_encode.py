"""Pages turned into the bytes of a picture file, with what the picture had in its own file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from scanclean.config import Mode, StoreOptions
from scanclean.documents import Document, Encoded, _colour, _jp2, _metadata, _tiff_file
from scanclean.documents._picture import FAILURES, PictureTraits, unchanged
from scanclean.documents._storage import Before, growth, tightened
from scanclean.errors import InputError, OutputError
from scanclean.page import Action, Kept, Page, Pixels
from scanclean.tones import in_mode

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".webp": "webp",
    ".bmp": "bmp",
    ".jp2": "jp2",
    ".j2k": "j2k",
    ".pnm": "pnm",
    ".ppm": "pnm",
    ".pgm": "pnm",
    ".pbm": "pnm",
    ".tif": "tiff",
    ".tiff": "tiff",
}
"""Kind of file for each ending; "j2k" is "jp2" without its boxes."""

_MODES: dict[str, Mode] = {".pgm": "gray", ".pbm": "bitonal"}
_MAGIC = {".pgm": (b"P2", b"P5"), ".pbm": (b"P1", b"P4")}  # how these files begin
_FORMATS = {"pnm": "PPM", "jp2": "JPEG2000", "j2k": "JPEG2000"}
_HAVE_ALPHA = ("png", "webp", "tiff", "bmp", "jp2", "j2k")
_HAVE_GRAY_ALPHA = ("png", "tiff", "jp2", "j2k")
_HAVE_BITS = ("png", "tiff", "bmp", "pnm")
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_COLOURS = 256  # of a palette
_OPTIMISED = 50_000_000  # pixels up to which a JPEG's tables are fitted: that takes memory

# TIFF's numbers of compressions, and Pillow's names for those that a cleaned page may keep.
_TIFF_NAMES = {
    1: "raw",
    5: "tiff_lzw",
    6: "jpeg",
    7: "jpeg",
    8: "tiff_adobe_deflate",
    32773: "packbits",
    32946: "tiff_adobe_deflate",
    34925: "lzma",
    50000: "zstd",
}
_PREDICTED = ("tiff_lzw", "tiff_adobe_deflate", "zstd")
_PHOTOMETRIC, _ROWS_PER_STRIP, _PREDICTOR, _XMP = 262, 278, 317, 700


def usual_suffix(kind: str) -> str:
    """The first ending of a kind of file."""
    return next(suffix for suffix, made in KINDS.items() if made == kind)


def encode(page: Page, suffix: str, options: StoreOptions) -> tuple[bytes, tuple[str, ...]]:
    """Compress a page as a picture file of its own; safe in any thread.

    Args:
        page: what to store; `PictureTraits` in its origin are restored as far as the kind can.
        suffix: a key of `KINDS`.
        options: quality of lossy kinds.

    Returns:
        The bytes, and what a user should know.

    Raises:
        OutputError: this kind of file cannot hold the page.
    """
    kind = KINDS[suffix]
    if suffix in _MODES:
        page = in_mode(page, _MODES[suffix])
    traits = page.origin if isinstance(page.origin, PictureTraits) else _plain(page)
    before = _before(traits, kind)
    notes: list[str] = []
    try:
        image = _image(page, kind, traits, notes)
        settings = _SETTINGS[kind](image, page, traits, options)
        if kind == "jpeg":
            data = tightened(
                lambda quality: _saved(image, kind, settings | {"quality": quality}),
                len,
                settings["quality"],
                before,
                options,
            )
        else:
            data = _saved(image, kind, settings)
    except MemoryError:
        raise
    except FAILURES as error:
        height, width = page.pixels.shape[:2]
        raise OutputError(
            f"page {page.index + 1} with {width} x {height} pixels cannot be stored as "
            f"{suffix}: {error}",
            hint="choose another kind of file, for example .png",
        ) from error
    if kind == "jp2":
        data = _jp2.completed(data, page.dpi, _icc(image, traits))
    if kind == "tiff" and image.mode == "1":
        data = _tiff_file.patched(data, _PHOTOMETRIC, 0)  # see _tiff
    how = "as the lowest quality that keeps text clean" if kind == "jpeg" else f"as {kind.upper()}"
    return data, (*notes, *growth(len(data), how, before, options))


def _before(traits: PictureTraits, kind: str) -> Before:
    """How it was stored, if it was so in the same kind of file: else sizes say nothing."""
    if traits.kind != kind:
        return Before()
    return Before(traits.stored, lossy=not traits.lossless, quality=traits.quality)


def _saved(image: Image, kind: str, settings: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, _FORMATS.get(kind, kind.upper()), **settings)
    return file.getvalue()


def _plain(page: Page) -> PictureTraits:
    """Traits for a page that does not come from a picture file."""
    mode = "1" if page.bitonal else "L" if page.pixels.ndim == 2 else "RGB"
    origin = page.origin
    return PictureTraits(
        kind="",
        mode=mode,
        digest=b"",
        icc=getattr(origin, "icc", None),
        alpha=getattr(origin, "alpha", None),
        lossless=page.bitonal,
    )


def _image(page: Page, kind: str, traits: PictureTraits, notes: list[str]) -> Image:
    """The page in the mode that it had, as far as its pixels and the kind of file allow it."""
    from PIL import Image

    pixels = page.pixels
    alpha = _alpha(page, kind, traits, notes)
    if traits.mode in ("P", "PA") and kind in ("png", "tiff", "bmp"):
        with_palette = _palette(pixels, alpha) if alpha is None or kind == "png" else None
        if with_palette is not None:
            return with_palette
    if page.bitonal and alpha is None:
        black_and_white = _gray(pixels) >= 128
        if kind == "tiff":
            black_and_white = ~black_and_white  # see _tiff
        return Image.fromarray(black_and_white if kind in _HAVE_BITS else _gray(pixels))
    if alpha is None:
        return Image.fromarray(np.ascontiguousarray(pixels))
    if pixels.ndim == 2 and kind not in _HAVE_GRAY_ALPHA:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return Image.fromarray(_layered(pixels, alpha))


def _alpha(page: Page, kind: str, traits: PictureTraits, notes: list[str]) -> Pixels | None:
    if kind not in _HAVE_ALPHA:
        if traits.alpha is not None:
            notes.append("transparency is not kept: it lies on white now")
        return None
    alpha = traits.alpha
    if alpha is not None and alpha.shape != page.pixels.shape[:2]:
        return None
    if alpha is None and traits.mode in _ALPHA_MODES and traits.kind == kind:
        return np.full(page.pixels.shape[:2], 255, np.uint8)
    return alpha


def _gray(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 1])


def _layered(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Colours that, laid on white through `alpha`, give `pixels`; alpha as last channel.

    From p = (a c + (255 - a) 255) / 255 follows c = 255 - (255 - p) 255 / a.
    """
    colour = pixels[..., None] if pixels.ndim == 2 else pixels
    weight = np.maximum(alpha, 1)[..., None].astype(np.int32)
    ink = ((255 - colour.astype(np.int32)) * 255 + weight // 2) // weight
    return np.concatenate([np.clip(255 - ink, 0, 255).astype(np.uint8), alpha[..., None]], axis=2)


def _palette(pixels: Pixels, alpha: Pixels | None) -> Image | None:
    """The exact colours as a palette picture, if there are few enough."""
    from PIL import Image

    colour = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    if alpha is not None:
        colour = _layered(colour, alpha)
    packed = np.zeros(colour.shape[:2], np.uint32)
    for channel in range(colour.shape[2]):
        packed |= colour[..., channel].astype(np.uint32) << np.uint32(8 * channel)
    if len(np.unique(packed.ravel()[:: max(packed.size // 50_000, 1)])) > _COLOURS:
        return None  # a sample has too many already
    values, index = np.unique(packed, return_inverse=True)
    if len(values) > _COLOURS:
        return None
    table = _unpacked(values)
    image = Image.fromarray(index.reshape(packed.shape).astype(np.uint8))
    image.putpalette(table[:, :3].tobytes())
    if alpha is not None:
        image.info["transparency"] = table[:, 3].tobytes()
    return image


def _unpacked(values: npt.NDArray[np.uint32]) -> Pixels:
    return np.stack([(values >> np.uint32(8 * n)) & np.uint32(255) for n in range(4)], 1).astype(
        np.uint8
    )


def _icc(image: Image, traits: PictureTraits) -> bytes | None:
    """The profile, if it is one for the mode in which the picture is stored."""
    space = _colour.space_of(traits.icc)
    gray = image.mode in ("1", "L", "LA")
    return traits.icc if space == ("GRAY" if gray else "RGB ") else None


def _png(image: Image, page: Page, traits: PictureTraits, _: StoreOptions) -> dict[str, Any]:
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    for key, value in traits.text:
        chunks.add_itxt(key, value)
    if traits.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", traits.xmp.decode("utf-8", "replace"))
    return {
        "dpi": page.dpi,
        "icc_profile": _icc(image, traits),
        "exif": traits.exif,
        "pnginfo": chunks,
        "optimize": image.mode in ("1", "P"),
    }


def _jpeg(image: Image, page: Page, traits: PictureTraits, options: StoreOptions) -> dict[str, Any]:
    return {
        "dpi": page.dpi,
        "icc_profile": _icc(image, traits),
        "exif": traits.exif,
        "xmp": traits.xmp,
        "extra": _metadata.iptc_segment(traits.iptc),
        "comment": traits.comment,
        # Not coarser than it was; above 97 the file grows and nobody sees why.
        "quality": max(options.quality, min(traits.quality, 97)),
        "subsampling": traits.subsampling if traits.kind == "jpeg" else 0,
        "progressive": traits.progressive,
        "optimize": image.width * image.height <= _OPTIMISED,
    }


def _webp(image: Image, page: Page, traits: PictureTraits, options: StoreOptions) -> dict[str, Any]:
    return {
        "lossless": traits.lossless,
        "quality": 75 if traits.lossless else options.quality,  # of lossless: the effort
        "icc_profile": _icc(image, traits) or "",
        "exif": _metadata.with_resolution(traits.exif, page.dpi),
        "xmp": traits.xmp or "",
    }


def _jpeg_2000(
    image: Image, _: Page, traits: PictureTraits, options: StoreOptions
) -> dict[str, Any]:
    settings: dict[str, Any] = {"no_jp2": False}
    if not traits.lossless:
        # Signal to noise in dB: 42 at quality 80, 45 at 100.
        settings |= {"irreversible": True, "quality_mode": "dB"}
        settings["quality_layers"] = [30 + 0.15 * options.quality]
    # Each resolution halves the picture, and the codec wants a pixel in the last one.
    shortest = min(image.size)
    return settings | {"num_resolutions": max(1, min(6, shortest.bit_length()))}


def _j2k(image: Image, page: Page, traits: PictureTraits, options: StoreOptions) -> dict[str, Any]:
    return _jpeg_2000(image, page, traits, options) | {"no_jp2": True}


def _bmp(_: Image, page: Page, __: PictureTraits, ___: StoreOptions) -> dict[str, Any]:
    return {"dpi": page.dpi}


def _pnm(_: Image, __: Page, ___: PictureTraits, ____: StoreOptions) -> dict[str, Any]:
    return {}


def _tiff(image: Image, page: Page, traits: PictureTraits, options: StoreOptions) -> dict[str, Any]:
    """Black and white goes to G4 as ink on white paper.

    Pillow can only store white as 1, which makes G4 code long white runs with the tables for black
    ones. So the picture comes inverted, and the tag that tells what 0 means is set right later.
    """
    settings: dict[str, Any] = {"icc_profile": _icc(image, traits)}
    tags: dict[int, object] = {**_metadata.names_in(traits.exif)}
    if traits.xmp:
        tags[_XMP] = traits.xmp
    name = _TIFF_NAMES.get(traits.compression, "tiff_adobe_deflate")
    if name == "jpeg" and image.mode not in ("L", "RGB"):
        name = "tiff_adobe_deflate"
    if image.mode == "1":
        name, tags[_ROWS_PER_STRIP] = "group4", image.height
    elif name in _PREDICTED and image.mode != "P":
        tags[_PREDICTOR] = 2
    if name == "jpeg":
        settings["quality"] = options.quality
    scale, unit = (2.54, 3) if traits.per_cm else (1.0, 2)
    return settings | {
        "compression": name,
        "tiffinfo": tags,
        "resolution_unit": unit,
        "x_resolution": page.dpi[0] / scale,
        "y_resolution": page.dpi[1] / scale,
    }


_SETTINGS: dict[str, Callable[[Image, Page, PictureTraits, StoreOptions], dict[str, Any]]] = {
    "png": _png,
    "jpeg": _jpeg,
    "webp": _webp,
    "bmp": _bmp,
    "jp2": _jpeg_2000,
    "j2k": _j2k,
    "pnm": _pnm,
    "tiff": _tiff,
}


def empty_frame(size: tuple[int, int]) -> bytes:
    """A white page of that width and height, as a TIFF."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("1", size, 1).save(file, "TIFF", compression="group4")
    return file.getvalue()


def encoded(page: Page, document: Document, suffix: str, options: StoreOptions) -> Encoded:
    """Compress a page for the writers of pictures; safe in any thread.

    The payload is the bytes of a picture file, or None for a page that has not changed and goes
    out as it is stored in `document`.
    """
    traits = page.origin
    before = traits.stored if isinstance(traits, PictureTraits) else 0
    if unchanged(page) and getattr(document, "kind", "") == KINDS[suffix]:
        return Encoded(page.index, None, before, before)
    data, notes = encode(page, suffix, options)
    return Encoded(page.index, data, before, len(data), notes)


def kept(document: Document, page: Kept, suffix: str, options: StoreOptions) -> bytes:
    """A page that goes through as it came, as a picture file.

    Its own bytes if the document is a picture of the same kind, else as the document draws it.

    Raises:
        OutputError: the document cannot draw it.
    """
    if getattr(document, "kind", "") == KINDS[suffix]:
        original = cast(_Pictured, document).original(page.index, page.action)
        if original is not None and original.startswith(_MAGIC.get(suffix, b"")):
            return original
    try:
        drawn = document.render(page.index)
    except InputError as error:
        raise OutputError(
            f"{document.name}: page {page.index + 1} ({page.reason}) cannot be stored as {suffix}",
            hint="write a PDF instead",
        ) from error
    return encode(drawn, suffix, options)[0]


class _Pictured(Protocol):
    """What documents of pictures offer beyond `Document`."""

    def original(self, index: int, action: Action) -> bytes | None: ...
