import numpy as np
import pytest
from PIL import Image, ImageDraw

from scanclean.evaluation.ocr import READERS


@pytest.mark.parametrize("reader", READERS.values(), ids=lambda r: r.name)
def test_every_reader_reads_a_line(reader):
    if reader.language_for("") is None:
        assert reader.install
        pytest.skip(f"{reader.name} is not installed")
    page = Image.new("RGB", (520, 120), "white")
    ImageDraw.Draw(page).text((30, 30), "Turn the page", fill="black", font_size=40)
    found = reader.read(np.asarray(page), reader.language_for(""))
    assert found.split() == ["Turn", "the", "page"]


@pytest.mark.parametrize("reader", READERS.values(), ids=lambda r: r.name)
def test_no_reader_claims_an_unknown_language(reader):
    assert reader.language_for("xx-nowhere") is None
