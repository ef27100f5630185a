import numpy as np
import pytest
from PIL import Image, ImageDraw

from scanclean.evaluation import _tesseract as tesseract


@pytest.mark.skipif(
    "eng" not in tesseract.languages(), reason="tesseract with English is not installed"
)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_tesseract_reads_a_line(mode):
    page = Image.new(mode, (420, 90), "white")
    ImageDraw.Draw(page).text((30, 20), "Turn the page", fill="black", font_size=40)
    assert tesseract.read(np.asarray(page), "eng").split() == ["Turn", "the", "page"]


def test_without_tesseract_no_language_is_here(monkeypatch):
    monkeypatch.setattr(tesseract, "languages", lambda: frozenset())
    assert tesseract.language_for("") is None


@pytest.mark.parametrize(
    ("code", "expected"), [("", "eng"), ("en-GB", "eng"), ("ko", "kor"), ("ko+en", "kor+eng")]
)
def test_codes_of_html_become_those_of_tesseract(code, expected, monkeypatch):
    monkeypatch.setattr(tesseract, "languages", lambda: frozenset({"eng", "kor"}))
    assert tesseract.language_for(code) == expected


def test_a_language_counts_only_if_all_its_parts_are_here(monkeypatch):
    monkeypatch.setattr(tesseract, "languages", lambda: frozenset({"kor"}))
    assert tesseract.language_for("ko-KR") == "kor" and tesseract.language_for("kor+eng") is None
