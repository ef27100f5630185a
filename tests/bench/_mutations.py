"""Small sound documents of every kind, and ways to damage them, the same every time."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

SIZE = (96, 128)


def page(seed: int = 0, mode: str = "L") -> Image.Image:
    picture = Image.new("RGB", SIZE, (232, 226, 210))
    for row in range(7):
        ImageDraw.Draw(picture).text((8, 8 + 16 * row), f"row {row} of {seed}", (40, 40, 60))
    noise = np.random.default_rng(seed).normal(0, 4, (SIZE[1], SIZE[0], 3))
    grainy = Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    return grainy.convert(mode)


def stored(kind: str, mode: str = "L", **settings: object) -> bytes:
    buffer = io.BytesIO()
    page(1, mode).save(buffer, kind, **settings)
    return buffer.getvalue()


def frames() -> bytes:
    buffer = io.BytesIO()
    more = [page(2, "RGB"), page(3, "1")]
    page(1).save(buffer, "TIFF", save_all=True, append_images=more, compression="tiff_lzw")
    return buffer.getvalue()


def scans(**settings: object) -> bytes:
    """A PDF with a scan in colour, a gray one, one in a form, and a page of text."""
    import pymupdf

    with pymupdf.open() as made:
        whole = pymupdf.Rect(0, 0, 96, 128)
        for picture in (stored("JPEG", "RGB"), stored("PNG"), stored("JPEG2000")):
            made.new_page(width=96, height=128).insert_image(whole, stream=picture)
        with pymupdf.open() as other:
            other.new_page(width=96, height=128).insert_image(whole, stream=stored("PNG"))
            made.new_page(width=96, height=128).show_pdf_page(whole, other, 0)
        made.new_page(width=96, height=128).insert_text((10, 30), "born digital")
        made.set_toc([[1, "one", 1], [2, "two", 2]])
        data: bytes = made.tobytes(no_new_id=True, **settings)
    return data


def plain() -> bytes:
    """A PDF written by hand, with a nested page tree, a mask and a fax picture."""
    from scanclean.codecs import codec

    fax = codec("g4").encode(np.asarray(page(4, "1").convert("L")), 0)
    gray = page(5).tobytes()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]/MediaBox[0 0 96 128]>>",
        b"<</Type/Pages/Count 1/Parent 2 0 R/Kids[5 0 R]/Rotate 90>>",
        b"<</Type/Page/Parent 2 0 R/Contents 9 0 R/Resources<</XObject<</Im0 7 0 R>>>>>>",
        b"<</Type/Page/Parent 3 0 R/Contents 9 0 R/Resources 6 0 R/UserUnit 2>>",
        b"<</XObject<</Im0 8 0 R>>>>",
        b"<</Type/XObject/Subtype/Image/Width 96/Height 128/BitsPerComponent 8/ColorSpace"
        b"/DeviceGray/SMask 10 0 R/Length %d>>stream\n%s\nendstream" % (len(gray), gray),
        b"<</Type/XObject/Subtype/Image/Width 96/Height 128/BitsPerComponent 1/ColorSpace"
        b"/DeviceGray/Filter/%s/DecodeParms%s/Length %d>>stream\n%s\nendstream"
        % (fax.filter.encode(), fax.decode_parms.encode(), len(fax.data), fax.data),
        b"<</Length 27>>stream\nq 96 0 0 128 0 0 cm /Im0 Do\nendstream",
        b"<</Type/XObject/Subtype/Image/Width 4/Height 4/BitsPerComponent 8/ColorSpace"
        b"/DeviceGray/Length 16>>stream\n%s\nendstream" % (b"\xff" * 16),
    ]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = b"".join(b"%010d 00000 n \n" % at for at in places)
    tail = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\n"
    count = len(objects) + 1
    return data + tail % (count, rows, count) + b"startxref\n%d\n%%%%EOF\n" % len(data)


def seeds() -> dict[str, bytes]:
    """Sound documents, by file name."""
    return {
        "scans.pdf": scans(),
        "plain.pdf": plain(),
        "packed.pdf": scans(deflate=True, use_objstms=1),
        "rgb.png": stored("PNG", "RGB"),
        "palette.png": stored("PNG", "P"),
        "gray.jpg": stored("JPEG"),
        "rgb.jpg": stored("JPEG", "RGB", progressive=True, dpi=(200, 200)),
        "cmyk.jpg": stored("JPEG", "CMYK"),
        "alpha.webp": stored("WEBP", "RGBA"),
        "gray.bmp": stored("BMP"),
        "rgb.jp2": stored("JPEG2000", "RGB"),
        "bits.pbm": stored("PPM", "1"),
        "gray.pgm": stored("PPM"),
        "frames.tif": frames(),
        "fax.tif": stored("TIFF", "1", compression="group4"),
        "jpeg.tif": stored("TIFF", "RGB", compression="jpeg"),
        "zip.tif": stored("TIFF", "RGB", compression="tiff_adobe_deflate"),
    }


def bytes_changed(data: bytes, rng: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(rng.choice((1, 3, 10, 40))):
        near = rng.choice((len(made), min(600, len(made))))  # heads hold the structure
        made[rng.randrange(near)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(made)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def moved(data: bytes, rng: random.Random) -> bytes:
    """A block of it somewhere else, instead of what was there, or twice."""
    start = rng.randrange(len(data))
    block = data[start : start + rng.choice((4, 64, 1024))]
    at = rng.randrange(len(data))
    return data[:at] + block + data[at + rng.choice((0, len(block))) :]


def doubled(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))] + data


NUMBERS = (b"0", b"-1", b"1", b"7", b"65536", b"2147483647", b"-2147483648", b"4294967295")
NUMBERS += (b"9223372036854775808", b"1e38", b"0.0000001", b"99999999999999999999999", b"-0")
NAMES = (b"/DCTDecode", b"/JPXDecode", b"/FlateDecode", b"/CCITTFaxDecode", b"/JBIG2Decode")
NAMES += (b"/LZWDecode", b"/RunLengthDecode", b"/Crypt", b"/DeviceCMYK", b"/DeviceRGB", b"/Page")
NAMES += (b"/Indexed", b"/Pattern", b"/Separation", b"/Pages", b"/Form", b"/Image", b"/Length")
NAMES += (b"/SMask", b"/Mask", b"/Kids", b"/Parent", b"/Contents", b"/\xff#00", b"/Width")
VALUES = (b"null", b"true", b"[]", b"<<>>", b"()", b"<FF>", b"[[[[]]]]", b"/Name", b"1 0 R")


def _outside_streams(data: bytes, pattern: bytes) -> list[re.Match[bytes]]:
    streams = [m.span() for m in re.finditer(rb"stream\r?\n.*?endstream", data, re.S)]
    found = re.finditer(pattern, data)
    return [m for m in found if not any(a < m.start() < b for a, b in streams)]


def objects_changed(data: bytes, rng: random.Random) -> bytes:
    """Numbers, names, references and values of a PDF exchanged for others."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        pattern, choices = rng.choice(
            (
                (rb"(?<![\d.])-?\d+(?:\.\d+)?(?! \d+ (?:R|obj))", NUMBERS),
                (rb"/[A-Za-z0-9]+", NAMES),
                (rb"\d+ 0 R", [b"%d 0 R" % n for n in range(13)]),
                (rb"(?<=[A-Za-z]) ?(\d+ 0 R|\[[^\[\]]*\]|<<[^<>]*>>)", VALUES),
            )
        )
        found = _outside_streams(data, pattern)
        if found:
            match = rng.choice(found)
            new = b" " * match[0].startswith(b" ") + rng.choice(choices)
            # Padded, offsets stay right, so that the damage is seen rather than the repair.
            data = data[: match.start()] + new.ljust(len(match[0])) + data[match.end() :]
    return data


def object_lost(data: bytes, rng: random.Random) -> bytes:
    found = list(re.finditer(rb"\d+ 0 obj.*?endobj", data, re.S))
    if not found:
        return cut(data, rng)
    match = rng.choice(found)
    return data[: match.start()] + b" " * len(match[0]) + data[match.end() :]


ANY: tuple[Callable[[bytes, random.Random], bytes], ...] = (bytes_changed, cut, moved, doubled)
PDF = (objects_changed, objects_changed, objects_changed, object_lost)


def mutated(name: str, data: bytes, number: int) -> bytes:
    """The damaged document of that number: the same every time."""
    rng = random.Random(f"{name} {number}")
    change = rng.choice(ANY + PDF if name.endswith(".pdf") else ANY)
    made = change(data, rng)
    return bytes_changed(made, rng) if rng.random() < 0.15 else made
