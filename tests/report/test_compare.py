import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from scanclean.errors import InputError, LockedError, OutputError
from scanclean.report import compare
from scanclean.report.compare import Pair, write


@pytest.fixture
def files(tmp_path):
    """Two pictures of one page and a TIFF with three."""
    shades = [Image.new("L", (60, 80), shade) for shade in (10, 200, 90)]
    Image.new("L", (60, 80), 10).save(tmp_path / "a.png")
    Image.new("L", (60, 80), 200).save(tmp_path / "b.png")
    shades[0].save(tmp_path / "c.tif", save_all=True, append_images=shades[1:])
    return tmp_path


def shown(text):
    """The pictures inside the page, as shades of gray."""
    found = re.findall(r'src="data:image/webp;base64,([^"]+)"', text)
    pictures = [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]
    return [round(float(np.asarray(picture.convert("L")).mean())) for picture in pictures]


def page_of(files, pair, **settings):
    said = write([pair], files / "out.html", **settings)
    return (files / "out.html").read_text("utf-8"), said


def test_pages_stand_side_by_side(files):
    notes = {1: "restored <well>"}
    text, said = page_of(files, Pair("a & b", [files / "a.png"], [files / "b.png"], notes))
    assert shown(text) == pytest.approx([10, 200], abs=3)
    assert "a &amp; b" in text and "restored &lt;well&gt;" in text
    assert text.count('type="range"') == 1 and text.rstrip().endswith("</html>")
    assert said == ()


def test_nothing_is_fetched(files):
    text, _ = page_of(files, Pair("a", [files / "a.png"], [files / "b.png"]))
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]+", "", text))


def test_several_files_are_one_document(files):
    text, _ = page_of(
        files, Pair("c", [files / "c.tif"], [files / "a.png", files / "b.png", files / "c.tif"])
    )
    assert shown(text) == pytest.approx([10, 10, 200, 200, 90, 10, 200, 90], abs=3)
    assert text.count("looks the same") == 2
    assert text.count("before: there is no such page") == 2


def test_large_pages_are_made_small(files):
    Image.new("L", (300, 4000), 50).save(files / "a.png")
    text, _ = page_of(files, Pair("a", [files / "a.png"], [files / "a.png"]))
    assert f'width="105" height="{compare.HEIGHT}"' in text


@pytest.mark.parametrize("limit", ["MAX_PAGES", "MAX_BYTES"])
def test_what_is_left_out_is_said(files, monkeypatch, limit):
    monkeypatch.setattr(compare, limit, 1)
    text, said = page_of(files, Pair("c", [files / "c.tif"], [files / "c.tif"]))
    assert len(shown(text)) == 2
    assert said == ("2 more pages are left out: 1 are shown",)
    assert said[0] in text


def test_existing_page_is_not_overwritten_and_errors_leave_none(files):
    pair = Pair("a", [files / "a.png"], [files / "b.png"])
    (files / "out.html").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        page_of(files, pair)
    assert (files / "out.html").read_text() == "mine"
    page_of(files, pair, force=True)
    (files / "b.png").write_text("words")
    with pytest.raises(InputError):
        write([pair], files / "other.html")
    assert not (files / "other.html").exists()


def test_locked_documents_need_their_password(files):
    pikepdf = pytest.importorskip("pikepdf")
    from scanclean.config import ReadOptions

    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(60, 80))
        pdf.save(files / "l.pdf", encryption=pikepdf.Encryption(user="sesame", owner="x"))
    pair = Pair("l", [files / "l.pdf"], [files / "l.pdf"])
    with pytest.raises(LockedError):
        page_of(files, pair)
    text, _ = page_of(files, pair, options=ReadOptions(password="sesame"))
    assert shown(text) == pytest.approx([255, 255], abs=2)


def test_same_input_gives_the_same_page(files):
    pair = Pair("a", [files / "a.png"], [files / "b.png"])
    assert page_of(files, pair)[0] == page_of(files, pair, force=True)[0]
