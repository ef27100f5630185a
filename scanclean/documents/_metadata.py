"""What a picture's file says about it: orientation, resolution, profile, how it was stored."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scanclean.documents import _jp2
from scanclean.page import Pixels

if TYPE_CHECKING:
    from PIL.Image import Exif
    from PIL.ImageFile import ImageFile

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
BITS_PER_SAMPLE, COMPRESSION = 258, 259
_EXIF_IFD, _WIDTH, _HEIGHT = 0x8769, 0xA002, 0xA003
_INCHES_PER_UNIT = {2: 1.0, 3: 2.54}
_DPI_RANGE = (10.0, 10_000.0)
_MAX_EXIF = 60_000  # a segment of a JPEG holds 65 533 bytes
_NAMES = (270, 271, 272, 305, 306, 315, 33432)
"""Tags of TIFF, and of Exif, that are plain text: description, maker, author, rights, ..."""
_THUMBNAILS = re.compile(rb"<(\w+:Thumbnails)\b[^>]*(?:(?<=/)>|(?<!/)>.*?</\1>)", re.DOTALL)
_MOST_THUMBNAILS = 16  # times that the word may stand in a packet: the search is quadratic in them
_LUMINANCE_SUM = 3688  # of the quantisation table in the JPEG standard, annex K


@dataclass(frozen=True)
class Facts:
    """What is known of a picture beside its pixels; the fields are those of `PictureTraits`."""

    orientation: int
    """How it has to be turned, 1 to 8."""
    upright: bool
    """Whether the stored orientation is 1 or missing."""
    dpi: tuple[float, float]
    """Horizontal and vertical resolution of the upright picture."""
    bits: int
    """Bits per sample in the file, as far as known; else 8."""
    icc: bytes | None
    exif: bytes
    xmp: bytes
    text: tuple[tuple[str, str], ...]
    lossless: bool
    compression: int
    per_cm: bool
    warnings: tuple[str, ...]


def read(
    image: ImageFile, kind: str, head: bytes, default_dpi: float, orientation: int | None
) -> Facts:
    """Collect the facts of a loaded picture.

    Args:
        image: the picture.
        kind: its kind of file.
        head: the first 64 KiB of the file.
        default_dpi: resolution if it states none, or nonsense.
        orientation: as stored elsewhere; None asks the picture's own Exif block.
    """
    notes: list[str] = []
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    exif = None if kind == "tiff" else _exif(image, notes)
    if orientation is None and exif is not None:
        orientation = exif.get(ORIENTATION)
    turn = _checked(orientation, notes)
    stated = _stated_dpi(image, kind, exif)
    dpi = _dpi(stated, default_dpi, notes)
    if turn >= 5:  # these swap rows and columns
        dpi = (dpi[1], dpi[0])
    exif_block = b"" if exif is None else _clean(exif, image.size, turn, dpi, notes)
    return Facts(
        orientation=turn,
        upright=orientation in (None, 1),
        dpi=dpi,
        bits=_bits(kind, head, tags),
        icc=_jp2.profile(head) if kind == "jp2" else image.info.get("icc_profile") or None,
        exif=_exif_of_names(tags, notes) if kind == "tiff" else exif_block,
        xmp=_xmp(image, notes),
        text=_text(image) if kind == "png" else (),
        lossless=_lossless(kind, head, tags),
        compression=int(tags.get(COMPRESSION, 1)) if kind == "tiff" else 0,
        per_cm=tags.get(RESOLUTION_UNIT) == 3,
        warnings=tuple(notes),
    )


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """Turn stored pixels upright, as Exif's orientation 1 to 8 asks for."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def jpeg_storage(image: ImageFile) -> dict[str, Any]:
    """Fields of `PictureTraits` that say how a JPEG was compressed."""
    from PIL import JpegImagePlugin

    tables = getattr(image, "quantization", {})
    sampling = JpegImagePlugin.get_sampling(image)
    return {
        "quality": _quality(tables[min(tables)]) if tables else 0,
        "subsampling": max(sampling, 0),
        "progressive": bool(image.info.get("progressive")),
    }


IPTC = 0x0404
"""Number of the resource in a JPEG's APP13 segment that holds captions and authors. The others are
Photoshop's own, among them a thumbnail of the page before."""
SEGMENT_MAX = 65_533
"""Bytes that a segment of a JPEG can hold."""


def jpeg_words(image: ImageFile) -> dict[str, Any]:
    """Fields of `PictureTraits` for what people wrote into a JPEG beside Exif and XMP."""
    resources = image.info.get("photoshop")
    iptc = resources.get(IPTC) if isinstance(resources, dict) else None
    comment = image.info.get("comment")
    return {
        "iptc": iptc if isinstance(iptc, bytes) else b"",
        "comment": comment if isinstance(comment, bytes) else b"",
    }


def iptc_segment(iptc: bytes) -> bytes:
    """The APP13 segment of a JPEG that holds IPTC; empty if there is none, or too much.

    Adobe Photoshop File Formats Specification, "Image Resource Blocks".
    """
    padding = b"\0" * (len(iptc) % 2)
    block = b"8BIM" + struct.pack(">HHI", IPTC, 0, len(iptc)) + iptc + padding
    data = b"Photoshop 3.0\0" + block
    if not iptc or len(data) > SEGMENT_MAX:
        return b""
    return b"\xff\xed" + struct.pack(">H", len(data) + 2) + data


def with_resolution(exif: bytes, dpi: tuple[float, float]) -> bytes:
    """An Exif block that also states the resolution, for kinds of file that have no other place."""
    from PIL import Image

    block = Image.Exif()
    if exif:
        block.load(exif)
        block.update(_names(block))
    block[X_RESOLUTION], block[Y_RESOLUTION] = dpi
    block[RESOLUTION_UNIT] = 2
    return block.tobytes()


def names_in(exif: bytes) -> dict[int, bytes]:
    """What an Exif block says of its picture in words, by tag."""
    from PIL import Image

    block = Image.Exif()
    if exif:
        block.load(exif)
    return _names(block)


def _names(tags: Mapping[int, Any]) -> dict[int, bytes]:
    """Words as they are stored: Pillow reads every byte as a character, and writes only ASCII."""
    found = {tag: tags[tag] for tag in _NAMES if tag in tags}
    return {t: v.encode("latin-1", "replace") for t, v in found.items() if isinstance(v, str)}


def _exif_of_names(tags: Mapping[int, Any], notes: list[str]) -> bytes:
    """An Exif block of what a TIFF says in words; empty if it says nothing."""
    from PIL import Image

    block = Image.Exif()
    block.update(_names(tags))
    return _as_bytes(block, notes)


def _as_bytes(block: Exif, notes: list[str]) -> bytes:
    made = block.tobytes() if len(block) else b""
    if len(made) > _MAX_EXIF:
        notes.append("the Exif data is too large to keep: left out")
        return b""
    return made


def _quality(table: list[int]) -> int:
    """Libjpeg's quality, from how much coarser the table is than the standard's."""
    percent = max(100 * sum(table) / _LUMINANCE_SUM, 1.0)
    return round(min(max(100 - percent / 2 if percent <= 100 else 5000 / percent, 1), 100))


def _exif(image: ImageFile, notes: list[str]) -> Exif | None:
    try:
        return image.getexif()
    except Exception:  # its parser meets arbitrary bytes; the picture itself may be sound
        notes.append("the Exif data is damaged: left out")
        return None


def _checked(orientation: object, notes: list[str]) -> int:
    if orientation is None:
        return 1
    if isinstance(orientation, int) and 1 <= orientation <= 8:
        return orientation
    notes.append(f"the orientation {orientation!r} does not exist: taken as 1, upright")
    return 1


def _stated_dpi(image: ImageFile, kind: str, exif: Exif | None) -> tuple[float, float] | None:
    """The resolution that the file states, whatever it is."""
    stated = image.info.get("dpi")
    # Pillow invents 72 for a JPEG whose Exif block has no resolution.
    if stated and (kind != "jpeg" or image.info.get("jfif_unit") in (1, 2)):
        return _pair(stated)
    if not exif or X_RESOLUTION not in exif:
        return None
    scale = _INCHES_PER_UNIT.get(exif.get(RESOLUTION_UNIT, 2))
    found = _pair((exif[X_RESOLUTION], exif.get(Y_RESOLUTION, exif[X_RESOLUTION])))
    return (found[0] * scale, found[1] * scale) if scale and found else None


def _pair(stated: Any) -> tuple[float, float] | None:
    try:
        return float(stated[0]), float(stated[1])
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _dpi(
    stated: tuple[float, float] | None, default: float, notes: list[str]
) -> tuple[float, float]:
    taken = f"taken as {default:g} dpi (--dpi changes that)"
    if stated is None or not any(stated):
        notes.append(f"states no resolution: {taken}")
    elif all(math.isfinite(x) and _DPI_RANGE[0] <= x <= _DPI_RANGE[1] for x in stated):
        return stated
    else:
        notes.append(f"states {stated[0]:g} x {stated[1]:g} dpi, which cannot be: {taken}")
    return default, default


def _clean(
    exif: Exif, size: tuple[int, int], turn: int, dpi: tuple[float, float], notes: list[str]
) -> bytes:
    """The Exif block as it fits the upright, cleaned picture. Its thumbnail is not written."""
    if not len(exif):
        return b""
    try:
        if ORIENTATION in exif:
            exif[ORIENTATION] = 1
        if X_RESOLUTION in exif:
            exif[X_RESOLUTION], exif[Y_RESOLUTION], exif[RESOLUTION_UNIT] = *dpi, 2
        camera = exif.get_ifd(_EXIF_IFD)
        if _WIDTH in camera:
            camera[_WIDTH], camera[_HEIGHT] = size[::-1] if turn >= 5 else size
        exif.update(_names(exif))
        return _as_bytes(exif, notes)
    except Exception:  # as in _exif
        notes.append("the Exif data is damaged: left out")
        return b""


def _xmp(image: ImageFile, notes: list[str]) -> bytes:
    """The XMP packet without its own orientation, and without pictures of the old page."""
    found = image.info.get("xmp") or b""
    if not isinstance(found, bytes):
        return b""
    if len(found) <= _MAX_EXIF and found.count(b"Thumbnails") <= _MOST_THUMBNAILS:
        found = _THUMBNAILS.sub(b"", found)
    if b"Thumbnails" in found or len(found) > _MAX_EXIF:
        notes.append("the XMP data is too large, or shows the old page: left out")
        return b""
    found = re.sub(rb"<tiff:Orientation>[^<]*</tiff:Orientation>", b"", found)
    return re.sub(rb"""\s?tiff:Orientation\s*=\s*(["'])[^"'<>]*\1""", b"", found)


def _text(image: ImageFile) -> tuple[tuple[str, str], ...]:
    # Not `image.text`, which cannot be asked of a damaged file.
    return tuple(
        (key, str(value))
        for key, value in image.info.items()
        if isinstance(key, str)
        and isinstance(value, str)
        and 0 < len(key) < 80
        and not key.startswith(("XML:com.adobe.xmp", "Raw profile"))
    )


def _bits(kind: str, head: bytes, tags: Mapping[int, Any]) -> int:
    if kind == "png":
        return head[24]
    if kind == "tiff":
        stated = tags.get(BITS_PER_SAMPLE, (1,))
        return max(stated) if isinstance(stated, tuple) else int(stated)
    if kind == "jp2":
        return _jp2.bits(head)
    if kind == "pnm" and head[:2] in (b"P2", b"P3", b"P5", b"P6"):
        numbers = re.sub(rb"#[^\r\n]*", b"", head[2:512]).split()
        return int(numbers[2]).bit_length() if len(numbers) > 2 else 8
    return 8


def _lossless(kind: str, head: bytes, tags: Mapping[int, Any]) -> bool:
    if kind == "webp":
        return not _has_lossy_chunk(head)
    if kind == "jp2":
        return _jp2.reversible(head)
    if kind == "tiff":
        return tags.get(COMPRESSION) not in (6, 7, 50001)
    return kind != "jpeg"


def _has_lossy_chunk(head: bytes) -> bool:
    """Whether the picture chunk of a WebP is "VP8 " rather than "VP8L"."""
    at = 12
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        if name in (b"VP8 ", b"VP8L"):
            return bool(name == b"VP8 ")
        at += 8 + length + length % 2
    return True
