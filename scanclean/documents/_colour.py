"""Every way in which a picture may store its colours, turned into gray or RGB pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scanclean.page import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_SPACES = {"GRAY": ("1", "L", "LA"), "RGB ": ("RGB", "RGBA", "P"), "CMYK": ("CMYK",)}


@dataclass(frozen=True)
class Flat:
    """A picture as pixels."""

    pixels: Pixels
    """`(H, W)` gray or `(H, W, 3)`; what is transparent lies on white."""
    icc: bytes | None = None
    """Profile of these pixels; None is sRGB, or plain gray."""
    alpha: Pixels | None = None
    """Opacity `(H, W)`; None if all is opaque."""
    bitonal: bool = False
    """Only black and white."""
    warnings: tuple[str, ...] = field(default=())
    """What a user should know."""


def flatten(image: Image, icc: bytes | None, bits: int) -> Flat:
    """Turn a decoded picture into pixels.

    Gray and RGB stay in the space of their profile, which is carried along; what can be neither
    (CMYK, Lab) becomes sRGB and says so with a profile.

    Args:
        image: the picture, in any of Pillow's modes.
        icc: its profile.
        bits: bits per sample in the file.
    """
    notes: list[str] = []
    if bits > 8 or image.mode.startswith(("I", "F")):
        notes.append("more than 8 bits a sample: worked on and stored with 8")
    icc = _fitting(icc, image.mode, notes)
    if image.mode in ("CMYK", "LAB"):
        return _printed(image, icc, notes)
    if image.mode.startswith("I") or image.mode == "F":
        return _deep(image, icc, notes)
    if image.mode == "1" and "transparency" not in image.info:
        return Flat(np.asarray(image.convert("L")), bitonal=True)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _on_white(image, icc, notes)
    if image.mode == "P":
        return _from_palette(image, icc)
    gray = image.mode == "L"
    return Flat(np.asarray(image if gray else image.convert("RGB")), icc, warnings=tuple(notes))


def space_of(icc: bytes | None) -> str:
    """Colour space that a profile is for: "GRAY", "RGB ", "CMYK", ...; empty if there is none."""
    return icc[16:20].decode("latin-1") if icc else ""


def srgb() -> bytes:
    """The sRGB profile, the same bytes every time."""
    from PIL import ImageCms

    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The date of making is the only thing that changes: year, month, day, hour, minute, second.
    made[24:36] = bytes((7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
    return bytes(made)


def _fitting(icc: bytes | None, mode: str, notes: list[str]) -> bytes | None:
    """The profile, unless it is one for another kind of picture."""
    if not icc or len(icc) < 128:
        return None
    if space_of(icc) == "GRAY" and (mode in ("1", "L", "LA", "La") or mode.startswith("I;16")):
        return icc
    if mode in _SPACES.get(space_of(icc), ()) or (space_of(icc) == "RGB " and mode == "PA"):
        return icc
    notes.append("the colour profile is for another kind of picture: left out")
    return None


def _printed(image: Image, icc: bytes | None, notes: list[str]) -> Flat:
    """CMYK through its profile if it has one, Lab by its definition; both become sRGB."""
    from PIL import ImageCms

    notes.append(f"{image.mode} is worked on and stored as RGB")
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif icc:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    else:
        return Flat(np.asarray(image.convert("RGB")), srgb(), warnings=tuple(notes))
    made = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.ImageCmsProfile(io.BytesIO(srgb())),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,  # white paper stays white
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if made is None:  # only when it is done in place
        raise ValueError("the colour profile cannot be used")
    return Flat(np.asarray(made), srgb(), warnings=tuple(notes))


def _from_palette(image: Image, icc: bytes | None) -> Flat:
    """Palette colours; gray if all of them are and no RGB profile says more about them."""
    pixels = np.asarray(image.convert("RGB"))
    red = pixels[..., 0]
    if not all(np.array_equal(red, pixels[..., channel]) for channel in (1, 2)):
        return Flat(pixels, icc)
    if _two_valued(red):
        return Flat(np.ascontiguousarray(red), bitonal=True)
    return Flat(pixels, icc) if icc else Flat(np.ascontiguousarray(red))


def _two_valued(gray: Pixels) -> bool:
    return bool(((gray == 0) | (gray == 255)).all())


def _deep(image: Image, icc: bytes | None, notes: list[str]) -> Flat:
    """Gray of more than 8 bits. Pillow leaves it as it is stored, where 0 may be white."""
    values = np.asarray(image)
    pixels = _eight_bits(values)
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and image.mode.startswith("I;16"):
        pixels = 255 - pixels
    hidden = image.info.get("transparency")
    if not isinstance(hidden, int) or not (values == hidden).any():
        return Flat(pixels, icc, warnings=tuple(notes))
    alpha = np.where(values == hidden, np.uint8(0), np.uint8(255))
    return Flat(np.where(alpha, pixels, np.uint8(255)), icc, alpha, warnings=tuple(notes))


def _on_white(image: Image, icc: bytes | None, notes: list[str]) -> Flat:
    mode = "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA"
    layered = np.asarray(image.convert(mode))
    colour, alpha = layered[..., :-1], np.ascontiguousarray(layered[..., -1])
    if mode == "LA":
        colour = colour[..., 0]
    if (alpha == 255).all():
        return Flat(np.ascontiguousarray(colour), icc, warnings=tuple(notes))
    weight = (alpha if mode == "LA" else alpha[..., None]).astype(np.uint16)
    # (a c + (255 - a) 255) / 255 in integers: at most 65025, plus 127 to round
    pixels = ((weight * colour + (255 - weight) * 255 + 127) // 255).astype(np.uint8)
    return Flat(pixels, icc, alpha, warnings=tuple(notes))


def _eight_bits(values: npt.NDArray[np.generic]) -> Pixels:
    """Scale deep gray values to 0..255: whole ranges (0..1, 0..255, 0..65535), else their own."""
    deep = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(deep.min()), float(deep.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        scale, low = 255.0, 0.0
    elif low >= 0 and high <= 255 and values.dtype.itemsize > 2:
        scale, low = 1.0, 0.0
    elif low >= 0 and high <= 65535:
        scale, low = 1 / 257, 0.0
    else:
        scale = 255 / (high - low)
    pixels: Pixels = np.clip(np.rint((deep - low) * scale), 0, 255).astype(np.uint8)
    return pixels
