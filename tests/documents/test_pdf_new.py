import io
from dataclasses import dataclass, replace

import numpy as np
import pikepdf
import pymupdf
import pytest

from scanclean.config import StoreOptions
from scanclean.documents import create
from scanclean.errors import InputError, OutputError
from scanclean.page import Kept, Page


@dataclass(frozen=True)
class Traits:
    icc: bytes | None = None
    stored: int = 0
    lossless: bool = True


class Pictures:
    """A document of pictures."""

    name, suffix = "pictures", ".png"

    def __init__(self, *pages):
        self.pages = pages
        self.warnings = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __len__(self):
        return len(self.pages)

    def __iter__(self):
        return iter(self.pages)

    def render(self, index, most=None):
        raise InputError("cut off")


def made(document, target=None, **store):
    out = io.BytesIO() if target is None else target
    with create(out, document, ".pdf", StoreOptions(**store)) as writer:
        for item in document:
            if isinstance(item, Kept):
                writer.keep(item)
            else:
                writer.add(writer.encode(item))
    return out.getvalue() if target is None else target.read_bytes()


def test_page_is_as_large_as_the_picture_on_paper(draw):
    pages = [Page(0, draw.paper(300, 400), (300, 300)), Page(1, draw.paper(), (144, 72))]
    document = pymupdf.open(stream=made(Pictures(*pages)), filetype="pdf")
    assert [tuple(page.rect)[2:] for page in document] == [(72, 96), (60, 160)]


def test_huge_page_gets_a_larger_unit(draw):
    data = made(Pictures(Page(0, draw.paper(), (0.5, 0.5))))
    with pikepdf.open(io.BytesIO(data)) as pdf:
        page = pdf.pages[0]
        assert max(map(float, page.MediaBox)) <= 14_400
        assert float(page.MediaBox[3]) * float(page.UserUnit) == pytest.approx(160 * 144, rel=1e-4)


@pytest.mark.parametrize("codec", ["png", "auto", "jp2"])
def test_picture_looks_the_same(draw, codec):
    pixels = draw.paper()
    document = pymupdf.open(stream=made(Pictures(Page(0, pixels, (72, 72))), codec=codec))
    pixmap = document[0].get_pixmap()
    shown = np.frombuffer(pixmap.samples, np.uint8).reshape(160, 120, 3).astype(int)
    assert np.abs(shown - pixels).mean() < (0.01 if codec == "png" else 4)


def test_bitonal_page_is_one_bit(draw):
    data = made(Pictures(Page(0, draw.bars(), (72, 72), bitonal=True)))
    with pikepdf.open(io.BytesIO(data)) as pdf:
        image = pdf.pages[0].Resources.XObject.Im0
        assert (image.BitsPerComponent, image.Filter) == (1, "/CCITTFaxDecode")


def test_profile_goes_with_the_picture_once(draw):
    from PIL import ImageCms

    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pages = [Page(n, draw.paper(seed=n), (72, 72), origin=Traits(icc)) for n in range(2)]
    pages.append(Page(2, draw.paper(channels=1), (72, 72), origin=Traits(icc)))
    with pikepdf.open(io.BytesIO(made(Pictures(*pages)))) as pdf:
        spaces = [page.Resources.XObject.Im0.ColorSpace for page in pdf.pages]
        assert spaces[0][1].read_bytes() == icc
        assert spaces[0][1].objgen == spaces[1][1].objgen
        assert spaces[2] == "/DeviceGray"


def test_same_pages_give_the_same_bytes(draw):
    pages = [Page(n, draw.paper(seed=n), (72, 72)) for n in range(3)]
    assert made(Pictures(*pages)) == made(Pictures(*pages))


def test_page_without_pixels_is_empty_as_large_as_the_one_before_and_said(draw):
    document = Pictures(
        Page(0, draw.paper(), (36, 36)),
        Kept(1, "copied", "cut off"),
        Page(2, draw.paper(), (72, 72)),
    )
    pdf = pymupdf.open(stream=made(document))
    assert [tuple(page.rect)[2:] for page in pdf] == [(240, 320), (240, 320), (120, 160)]
    assert pdf[1].get_pixmap().is_unicolor
    assert document.warnings == ["page 2 is empty in the PDF: cut off"]


def test_page_that_was_kept_is_drawn(draw):
    class Drawing(Pictures):
        def render(self, index, most=None):
            return Page(index, draw.paper(), (72, 72))

    document = Drawing(Kept(0, "unchanged", "already clean"))
    assert len(pymupdf.open(stream=made(document))) == 1
    assert not document.warnings


def test_document_without_any_page_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no page"):
        made(Pictures(Kept(0, "copied", "cut off")), tmp_path / "out.pdf")
    assert list(tmp_path.iterdir()) == []


def test_budget_follows_the_input(draw):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100), dtype=np.uint8)
    page = Page(0, noise, (72, 72), origin=Traits(None, 3000, False))
    with create(io.BytesIO(), Pictures(page), ".pdf", StoreOptions(codec="png")) as writer:
        encoded = writer.encode(page)
        writer.add(encoded)
        writer.add(replace(encoded, page=1))
    assert encoded.bytes_before == 3000
    assert "grows" in encoded.warnings[0]


def test_existing_output_is_refused(draw, tmp_path):
    (tmp_path / "out.pdf").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        made(Pictures(Page(0, draw.paper(), (72, 72))), tmp_path / "out.pdf")
