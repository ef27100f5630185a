import io

import numpy as np
import pymupdf
import pytest
from PIL import Image

from scanclean.config import ReadOptions
from scanclean.documents.pdf import open as open_pdf
from scanclean.page import Kept, Page


def scan_with_text(paper, color, *, box=None, rotation=0, mode=0):
    """A page of 300 x 400 points, its scan one gray, with a line of text near one corner."""
    file = io.BytesIO()
    Image.fromarray(np.full((400, 300), paper, np.uint8)).save(file, "PNG")
    pdf = pymupdf.open()
    page = pdf.new_page(width=300, height=400)
    page.insert_image(page.rect, stream=file.getvalue())
    if box is not None:
        page.draw_rect((40, 60, 260, 90), color=(box,), fill=(box,))
    page.insert_text((50, 80), "Words that lie on it", color=color, render_mode=mode)
    page.set_rotation(rotation)
    return pdf.tobytes()


def is_cleaned(data):
    with open_pdf(data, "t.pdf", ReadOptions()) as document:
        (item,) = document
    if isinstance(item, Kept):
        assert (item.action, item.reason[:10]) == ("skipped", "light text")
    return isinstance(item, Page)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("color", [(1, 1, 1), (1, 1, 0.4), (0.9,), (0, 0, 0, 0.1)])
def test_a_scan_under_light_text_is_left_alone(color, rotation):
    assert not is_cleaned(scan_with_text(160, color, rotation=rotation))


def test_a_scan_that_a_later_page_shows_without_text_changes_there_only(tool):
    pdf = pymupdf.open(stream=scan_with_text(160, (1, 1, 1)), filetype="pdf")
    xref = pdf[0].get_images()[0][0]
    page = pdf.new_page(width=300, height=400)
    page.insert_image(page.rect, xref=xref)
    before = pdf.tobytes()
    after = tool.cleaned(before)
    assert np.array_equal(tool.rendered(before), tool.rendered(after))
    assert not np.array_equal(tool.rendered(before, 1), tool.rendered(after, 1))


CLEANED = {
    "dark": {"paper": 160, "color": (0, 0, 0)},
    "of colour": {"paper": 160, "color": (0.8, 0, 0)},
    "for searching": {"paper": 160, "color": (1, 1, 1), "mode": 3},
    "not seen before either": {"paper": 250, "color": (1, 1, 1)},
    "on black, which stays": {"paper": 20, "color": (1, 1, 1)},
    "on a redaction": {"paper": 160, "color": (1, 1, 1), "box": 0},
}


@pytest.mark.parametrize("text", CLEANED.values(), ids=CLEANED)
def test_other_text_is_in_nobodys_way(text):
    assert is_cleaned(scan_with_text(**text))
