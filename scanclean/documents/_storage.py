"""How a cleaned picture is stored: the smallest way that nobody sees, within a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from scanclean.codecs import Stream, _jbig2, codec, jpeg
from scanclean.codecs.jpeg import MAX_SIDE
from scanclean.config import StoreOptions
from scanclean.page import Pixels
from scanclean.tones import black_and_white

Made = TypeVar("Made")

INVISIBLE = 60
"""Quality down to which losses are not seen on a page; used to stay as small as the input."""
TOLERABLE = 35
"""Quality down to which text stays clean; used only to stay within the budget."""
STEP = 8
"""Steps in which quality is lowered."""
FLAT = 0.6
"""Share of pixels that equal their left neighbour from which a palette may beat JPEG."""
COLOURED, COLOURED_SHARE = 48, 0.002
"""Levels between the channels of a pixel that is coloured, and their share on a page that is."""
ALLOWANCE = 2048
"""Bytes by which a picture may always grow: headers and tables of a codec, for tiny pictures."""


@dataclass(frozen=True)
class Before:
    """How the picture was stored in the input."""

    size: int = 0
    """Bytes; 0 if unknown."""
    lossy: bool = False
    """As JPEG or JPEG 2000, and so not stored losslessly again."""
    quality: int = 0
    """Of a JPEG, as libjpeg counts it; 0 if unknown."""


def store(
    pixels: Pixels, *, bitonal: bool, before: Before, options: StoreOptions
) -> tuple[Stream, tuple[str, ...]]:
    """Encode pixels for a PDF.

    Returns:
        The stream, and what the user should know about it.
    """
    if bitonal:
        stream = _bitonal(pixels, before, options)
    elif options.codec == "auto":
        stream = _automatic(pixels, before, options)
    elif options.codec in ("jpeg", "jp2"):
        stream = _lossy(_that_fits(options.codec, pixels), pixels, before, options)
    else:
        shown = black_and_white(pixels) if options.codec == "g4" else pixels
        stream = codec(options.codec).encode(shown, options.quality)
    said = _growth(stream, before, options)
    if not bitonal and options.codec == "g4" and _coloured(pixels):
        said = ("--codec g4 made its colours black and white", *said)
    return stream, said


def _coloured(pixels: Pixels) -> bool:
    if pixels.ndim == 2:
        return False
    thin = pixels[::2, ::2]
    chroma = thin.max(axis=2) - thin.min(axis=2)
    return bool((chroma > COLOURED).mean() > COLOURED_SHARE)


def _bitonal(pixels: Pixels, before: Before, options: StoreOptions) -> Stream:
    """One bit a pixel. G4 is quick; what outgrows its input came as JBIG2, and stays JBIG2."""
    name = "png" if options.codec == "png" else "g4"
    stream = codec(name).encode(pixels, options.quality)
    if options.codec == "auto" and 0 < before.size < len(stream.data) - ALLOWANCE:
        return _jbig2.encode(pixels)
    return stream


def _automatic(pixels: Pixels, before: Before, options: StoreOptions) -> Stream:
    if max(pixels.shape) > MAX_SIDE:
        return codec("png").encode(pixels, options.quality)
    stream = _lossy("jpeg", pixels, before, options)
    # What came as JPEG stays lossy: its noise would only be stored exactly, and double in size.
    if before.lossy or _flatness(pixels) < FLAT:
        return stream
    exact = codec("png").encode(pixels, options.quality)
    return exact if len(exact.data) <= len(stream.data) else stream


def _that_fits(name: str, pixels: Pixels) -> str:
    return "jp2" if max(pixels.shape) > MAX_SIDE else name


def _lossy(name: str, pixels: Pixels, before: Before, options: StoreOptions) -> Stream:
    encode = jpeg.prepared(pixels) if name == "jpeg" else partial(codec(name).encode, pixels)
    return tightened(
        encode,
        lambda stream: len(stream.data),
        options.quality,
        before,
        options,
    )


def tightened(
    encode: Callable[[int], Made],
    size: Callable[[Made], int],
    best: int,
    before: Before,
    options: StoreOptions,
) -> Made:
    """Encode with the best quality that is as small as before; failing that, within the budget.

    What came coarse, as many scanners make it, shows no loss down to the quality that it had.

    Args:
        encode: makes it in a quality, 1 to 100.
        size: bytes of what was made.
        best: quality to begin with.
        before: what it was.
        options: the budget.
    """
    made = encode(best)
    if not before.size:
        return made
    budget = _budget(before, options)
    unseen = min(INVISIBLE, before.quality or INVISIBLE)
    for quality in range(best - STEP, TOLERABLE - 1, -STEP):
        if size(made) <= before.size or (quality < unseen and size(made) <= budget):
            break
        made = encode(quality)
    return made


def _budget(before: Before, options: StoreOptions) -> float:
    return max(options.max_growth * before.size, before.size + ALLOWANCE)


def _flatness(pixels: Pixels) -> float:
    if pixels.shape[1] < 2:
        return 1.0
    same = pixels[:, 1:] == pixels[:, :-1]
    return float((same if pixels.ndim == 2 else same.all(axis=-1)).mean())


def _growth(stream: Stream, before: Before, options: StoreOptions) -> tuple[str, ...]:
    exact = {"CCITTFaxDecode": "G4", "JBIG2Decode": "JBIG2", "FlateDecode": "PNG"}
    name = exact.get(stream.filter)
    how = f"without loss as {name}" if name else "as the lowest quality that keeps text clean"
    return growth(len(stream.data), how, before, options)


def growth(after: int, how: str, before: Before, options: StoreOptions) -> tuple[str, ...]:
    """What a user should know if a picture grows beyond the budget; `how` it is stored."""
    if not before.size or after <= _budget(before, options):
        return ()
    return (f"picture grows from {kilo(before.size)} to {kilo(after)}, stored {how}",)


def kilo(size: int) -> str:
    """A size in words.

    >>> kilo(2500)
    '2.5 kB'
    """
    return f"{size / 1000:.1f} kB" if size < 100_000 else f"{size / 1000:.0f} kB"
