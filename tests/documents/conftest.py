"""Draws small PDFs for the tests of this folder."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pikepdf
import pymupdf
import pytest
from PIL import Image

from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import create, open_document
from scanclean.page import Kept


def paper(width=120, height=160, channels=3, seed=0):
    """A scan: shaded, noisy paper with dark bars in place of text."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    page = 225 - 20 * x / width - 10 * y / height + rng.normal(0, 3, (height, width))
    for line in range(10, height - 10, 12):
        page[line : line + 4, 12 : 12 + int(rng.integers(width // 3, width - 24))] = 40
    gray = np.clip(page, 0, 255).astype(np.uint8)
    if channels == 1:
        return gray
    tint = np.array([1.0, 0.96, 0.88][:channels])
    return (gray[..., None] * tint).astype(np.uint8)


def bars(width=128, height=160, seed=0):
    """A black and white page, 0 and 255."""
    return np.where(paper(width, height, 1, seed) < 128, 0, 255).astype(np.uint8)


def jpeg(pixels, quality=90):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def picture(pdf, pixels, *, data=None, filter=None, bits=8, space=None, **keys):
    """An image object; raw samples unless `data` and `filter` are given."""
    stream = pdf.make_stream(pixels.tobytes() if data is None else data)
    stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    stream.Height, stream.Width = pixels.shape[:2]
    if "ImageMask" not in keys:
        default = pikepdf.Name.DeviceGray if pixels.ndim == 2 else pikepdf.Name.DeviceRGB
        stream.ColorSpace = default if space is None else space
    stream.BitsPerComponent = bits
    if filter:
        stream.Filter = pikepdf.Name("/" + filter)
    for key, value in keys.items():
        stream[f"/{key}"] = value
    return stream


def packed(tones, black=0):
    """Black and white pixels as rows of bits; `black` is the bit that means 0."""
    bits = (tones == 0) if black else (tones > 0)
    return np.packbits(bits, axis=1).tobytes()


def add_page(pdf, content, pictures, size=(120, 160)):
    pdf.add_blank_page(page_size=size)
    page = pdf.pages[-1]
    page.Resources = pikepdf.Dictionary(
        XObject=pikepdf.Dictionary({f"/{name}": thing for name, thing in pictures.items()})
    )
    page.Contents = pdf.make_stream(content.encode())
    return page


def place(name="Im0", width=120, height=160, x=0, y=0):
    return f"q {width} 0 0 {height} {x} {y} cm /{name} Do Q\n"


def saved(pdf, **options):
    file = io.BytesIO()
    pdf.save(file, compress_streams=False, deterministic_id=True, **options)
    return file.getvalue()


def scan_pdf(pages=1, **options):
    """JPEG scans, one a page, 72 dpi."""
    pdf = pikepdf.new()
    for number in range(pages):
        pixels = paper(seed=number)
        image = picture(pdf, pixels, data=jpeg(pixels), filter="DCTDecode")
        add_page(pdf, place(), {"Im0": image})
    return saved(pdf, **options)


@pytest.fixture(scope="session")
def draw():
    return SimpleNamespace(
        paper=paper,
        bars=bars,
        jpeg=jpeg,
        picture=picture,
        packed=packed,
        add_page=add_page,
        place=place,
        saved=saved,
        scan_pdf=scan_pdf,
    )


def same(page):
    return page


def touched(page):
    """The page with a corner changed."""
    pixels = page.pixels.copy()
    pixels[:8, :8] = 255 - pixels[:8, :8]
    return replace(page, pixels=pixels)


def clean(source, target, change=touched, read=None, store=None):
    """Run a document through its writer; gives what the document yielded, and its pages encoded."""
    items, encoded = [], []
    with (
        open_document(source, "in.pdf", read or ReadOptions()) as document,
        create(target, document, ".pdf", store or StoreOptions()) as writer,
    ):
        for item in document:
            items.append(item)
            if isinstance(item, Kept):
                writer.keep(item)
            else:
                encoded.append(writer.encode(change(item)))
                writer.add(encoded[-1])
    return items, encoded


def cleaned(source, change=touched, read=None, store=None):
    out = io.BytesIO()
    clean(source, out, change, read, store)
    return out.getvalue()


def rendered(data, page=0, dpi=72):
    document = pymupdf.open(stream=data, filetype="pdf")
    pixmap = document[page].get_pixmap(dpi=dpi)
    shape = (pixmap.height, pixmap.width, 3)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(shape).astype(int)


OPENED = []


def image_of(data, page=0, name="Im0"):
    pdf = pikepdf.open(io.BytesIO(data))
    OPENED.append(pdf)  # its objects do not keep it
    return pdf.pages[page].Resources.XObject[f"/{name}"]


@pytest.fixture(scope="session")
def tool():
    return SimpleNamespace(
        same=same,
        touched=touched,
        clean=clean,
        cleaned=cleaned,
        rendered=rendered,
        image_of=image_of,
    )
