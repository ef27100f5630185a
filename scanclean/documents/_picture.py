"""Pictures in files: told by their content, opened safely, decoded to a `Page` and its traits."""

from __future__ import annotations

import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from scanclean.config import ReadOptions
from scanclean.documents import _colour, _libtiff, _metadata
from scanclean.errors import DeviceError, InputError, ScancleanError
from scanclean.page import Page, Pixels, fingerprint

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

FAILURES: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow is known to raise on damaged data."""

_QUIET = threading.RLock()


@dataclass(frozen=True)
class PictureTraits:
    """What a picture was in its file beside its pixels, so that a writer can restore it."""

    kind: str
    """Kind of file: "png", "jpeg", "webp", "bmp", "jp2", "pnm" or "tiff"."""
    mode: str
    """Pillow's name of the mode that was stored: "1", "L", "P", "RGBA", "CMYK", ..."""
    digest: bytes
    """Of the page's pixels, to see whether they were changed."""
    icc: bytes | None = None
    """Profile that says what the page's pixels mean; None is sRGB, or plain gray."""
    alpha: Pixels | None = None
    """Opacity `(H, W)`, uint8, 255 opaque; None if all is. The page's pixels lie on white."""
    upright: bool = True
    """Whether it was stored as it is seen, so that the stored bytes need no repair."""
    exif: bytes = b""
    """Exif block without thumbnail, orientation 1."""
    xmp: bytes = b""
    """XMP packet without orientation and thumbnails."""
    iptc: bytes = b""
    """Captions and authors of a JPEG, as IPTC writes them."""
    comment: bytes = b""
    """Comment of a JPEG."""
    text: tuple[tuple[str, str], ...] = ()
    """Text chunks of a PNG: key and value."""
    lossless: bool = True
    """Whether the file held exact pixels."""
    quality: int = 0
    """Estimated quality of a JPEG, 1 to 100; 0 if there is none."""
    subsampling: int = 0
    """Pillow's number of a JPEG's chroma subsampling: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0."""
    progressive: bool = False
    """Whether a JPEG was progressive."""
    compression: int = 0
    """TIFF's number of the compression; 0 if it was no TIFF."""
    per_cm: bool = False
    """Whether a TIFF states its resolution per centimetre."""
    stored: int = 0
    """Bytes that the picture took in the input."""


@dataclass(frozen=True)
class Decoded:
    """A picture that was read."""

    page: Page
    """Its pixels, with `PictureTraits` as origin."""
    warnings: tuple[str, ...]
    """What a user should know."""
    damage: str
    """Why only a part could be read; empty if all was."""


def kind_of(head: bytes) -> str | None:
    """The kind of picture that the first bytes of a file announce; None if it is none of ours."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return "jp2"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "tiff"
    if head.startswith(b"BM") and head[14:18] in _BMP_HEADERS:
        return "bmp"
    return "pnm" if re.match(rb"P[1-6](?:\s|#[^\r\n]*[\r\n])+\d", head) else None


# "BM" alone begins many a text; the length of the header that follows is one of these.
_BMP_HEADERS = {struct.pack("<I", size) for size in (12, 16, 40, 52, 56, 64, 108, 124)}


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises into an `InputError`, and swallow its warnings.

    Python's warning filters belong to the whole process, so that one thread at a time may be here.

    Raises:
        InputError: the picture is damaged, or of a kind that is not supported.
        DeviceError: there is not enough memory for it.
    """
    from PIL import Image, ImageCms

    failures: tuple[type[Exception], ...] = (
        *FAILURES,
        Image.DecompressionBombError,
        ImageCms.PyCMSError,
    )
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ScancleanError:
        raise
    except MemoryError as error:
        raise DeviceError(
            f"{name}: needs more memory than there is",
            hint="close other programs, or type --jobs 1",
        ) from error
    except failures as error:
        raise InputError(
            f"{name}: is damaged or not supported: {_complaint(error)}",
            hint="open it in another program and save it again",
        ) from error


def identify(file: BinaryIO, kind: str) -> ImageFile:
    """Open a picture and read its header.

    The plug-in is called by itself instead of `Image.open`, which would hold the picture against
    a limit that is global to the process and belongs to the host program.
    """
    from PIL import (
        BmpImagePlugin,
        Jpeg2KImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    plugins: dict[str, type[ImageFile]] = {
        "bmp": BmpImagePlugin.BmpImageFile,
        "jp2": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "jpeg": JpegImagePlugin.JpegImageFile,
        "png": PngImagePlugin.PngImageFile,
        "pnm": PpmImagePlugin.PpmImageFile,
        "tiff": TiffImagePlugin.TiffImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
    }
    return plugins[kind](file)


def check_size(name: str, size: tuple[int, int], options: ReadOptions) -> None:
    """Refuse a picture before memory is taken for its pixels.

    Raises:
        InputError: it has no pixels, or more than `options.max_mpixels` million.
    """
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{name}: has no pixels ({width} x {height})")
    mpixels = width * height / 1e6
    if mpixels > options.max_mpixels:
        raise InputError(
            f"{name}: has {width} x {height} pixels, {mpixels:.1f} mpixel; "
            f"at most {options.max_mpixels:g} are allowed",
            hint=f"if it is meant to be so large: --max-mpixels {int(mpixels) + 1}",
        )


def unchanged(page: Page) -> bool:
    """Whether a page still has the pixels that were read, and was stored as it is seen."""
    traits = page.origin
    return (
        isinstance(traits, PictureTraits)
        and traits.upright
        and traits.digest == fingerprint(page.pixels)
    )


def decode(
    file: BinaryIO,
    kind: str,
    index: int,
    options: ReadOptions,
    *,
    orientation: int | None = None,
) -> Decoded:
    """Decode a picture as far as it goes; to be called inside `reading`.

    Args:
        file: the picture, at its beginning.
        kind: what `kind_of` says.
        index: number of the page that it becomes.
        options: for the resolution of pictures that state none.
        orientation: how it is to be turned if the file itself does not say so (TIFF).
    """
    head = file.read(1 << 16)
    stored = file.seek(0, 2)
    file.seek(0)
    image = identify(file, kind)
    damage = _load(image)
    facts = _metadata.read(image, kind, head, options.dpi, orientation)
    flat = _colour.flatten(image, facts.icc, facts.bits)
    pixels = _metadata.turned(flat.pixels, facts.orientation)
    alpha = None if flat.alpha is None else _metadata.turned(flat.alpha, facts.orientation)
    traits = PictureTraits(
        kind=kind,
        mode=image.mode,
        digest=fingerprint(pixels),
        icc=flat.icc,
        alpha=alpha,
        upright=facts.upright,
        exif=facts.exif,
        xmp=facts.xmp,
        text=facts.text,
        stored=stored,
        lossless=facts.lossless,
        compression=facts.compression,
        per_cm=facts.per_cm,
    )
    if kind == "jpeg":
        traits = replace(traits, **_metadata.jpeg_storage(image), **_metadata.jpeg_words(image))
    page = Page(index, pixels, facts.dpi, flat.bitonal, traits)
    return Decoded(page, (*facts.warnings, *flat.warnings), damage)


def _load(image: ImageFile) -> str:
    """Decode the pixels; gives the complaint if only a part of them could be read."""
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if image.format == "TIFF" and limit and image.width * image.height > limit:
        # Pillow would compare with its global limit while it makes room for the pixels.
        image.im = Image.new(image.mode, image.size).im
    try:
        with _libtiff.listening() as complaints:
            image.load()
    except MemoryError:
        raise
    except FAILURES as error:
        complaint = _complaint(error)
        image.tile = []  # what was decoded is all there will be
        if image.getbbox() is None:
            raise
        return complaint
    return _complaint(ValueError(complaints[0])) if complaints else ""


def _complaint(error: BaseException) -> str:
    """The first line of an error's text, in lower case and not too long."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:120].rstrip(".").lower()
