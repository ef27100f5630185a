"""Clean pages: every kind renders, words lie where ink is, the same seed gives the same page."""

import json

import numpy as np
import pytest
from PIL import Image

from scanclean.errors import DataError
from scanclean.training import pages
from scanclean.training._page_kinds import KINDS
from scanclean.training._page_maker import Line, Sheet, mupdf, render, render_pdf
from scanclean.training._photo import photo
from scanclean.training._words import load, made_up
from scanclean.training.pages import clean_pages, made_page, render_pool
from scanclean.training.synth import synth

SIZE = (160, 200)


@pytest.fixture(scope="module")
def words():
    return load(None)


@pytest.fixture
def pdf(tmp_path):
    document = mupdf().open()
    page = document.new_page(width=300, height=400)
    for row in range(24):
        page.insert_text(
            (20, 30 + 15 * row), "Sphinx of black quartz judge my vow 0123", fontsize=11
        )
    path = tmp_path / "clean.pdf"
    document.save(path)
    return path


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_renders_something(kind, words):
    page = made_page(np.random.default_rng(3), words, kind, size=SIZE)
    assert page.pixels.shape == (*SIZE, 3)
    assert page.pixels.dtype == np.uint8
    assert page.kind == kind
    assert 100 <= page.dpi <= 400
    assert np.ptp(page.pixels) > 10


@pytest.mark.parametrize("kind", ["article", "dark page", "slide"])
def test_ground_is_white_or_meant(kind, words):
    page = made_page(np.random.default_rng(5), words, kind, size=SIZE)
    corner_tone = np.median(page.pixels)
    assert (corner_tone == 255) == (kind == "article")


def test_words_lie_where_ink_is(words):
    english = [text for text in words if text.language == "en"]
    for seed in range(8):
        page = made_page(np.random.default_rng(seed), english, "small print", size=(400, 400))
        for word in page.words:
            left, top, right, bottom = word.box
            assert 0 <= left < right <= 400
            assert 0 <= top < bottom <= 400
            inside = page.pixels[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
            assert inside.min() < 200, word
        if len(page.words) > 5:
            return
    pytest.fail("no page with words")


def test_the_same_seed_gives_the_same_pages(pdf):
    def some(seed):
        source = clean_pages([pdf], np.random.default_rng(seed), size=SIZE)
        return [next(source) for _ in range(4)]

    first, again, other = some(2), some(2), some(3)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)
        assert a.words == b.words
    assert any((a.pixels != b.pixels).any() for a, b in zip(first, other, strict=True))


def test_letters_reach_from_small_to_headline_size(pdf):
    heights = []
    source = clean_pages([pdf], np.random.default_rng(0), size=(500, 500), made_share=0)
    for _ in range(40):
        heights += [word.box[3] - word.box[1] for word in next(source).words[:1]]
    assert min(heights) < 30
    assert max(heights) > 100


def test_pictures_are_sources_too(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png", dpi=(150, 150))
    page = next(clean_pages([tmp_path], np.random.default_rng(0), size=SIZE, made_share=0))
    assert page.kind == "picture"
    assert page.pixels.shape == (*SIZE, 3)


def test_a_source_without_pages_is_named(tmp_path):
    with pytest.raises(DataError, match="no clean pages there"):
        next(clean_pages([tmp_path / "missing"], np.random.default_rng(0)))


def test_a_broken_pdf_is_named(tmp_path):
    path = tmp_path / "broken.pdf"
    path.write_bytes(b"not a PDF at all")
    with pytest.raises(DataError, match="broken.pdf"):
        next(clean_pages([path], np.random.default_rng(0), made_share=0))


def test_a_locked_pdf_is_named(tmp_path):
    import pymupdf

    document = pymupdf.open()
    document.new_page()
    path = tmp_path / "locked.pdf"
    document.save(path, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="u", owner_pw="o")
    with pytest.raises(DataError, match=r"locked\.pdf: is locked"):
        next(clean_pages([path], np.random.default_rng(0), made_share=0))


def test_texts_come_from_a_folder(tmp_path):
    body = "<html lang='ar' dir='rtl'><p>نص قصير للتجربة فقط لا غير هنا</p></html>"
    (tmp_path / "arb.html").write_text(body.replace("'", '"'), encoding="utf-8")
    (text,) = load(tmp_path)
    assert text.language == "ar"
    assert text.direction == "rtl"
    assert text.paragraphs == ("نص قصير للتجربة فقط لا غير هنا",)


def test_phrases_and_paragraphs_keep_to_their_length(words):
    rng = np.random.default_rng(0)
    for text in (*words, made_up(rng)):
        assert 0 < len(text.phrase(rng, 24)) <= 60  # entities may lengthen it
        assert len(text.paragraph(rng, 300)) <= 400


def test_photos_have_detail_and_gray_ones_no_colour():
    for seed in range(8):
        picture = photo(np.random.default_rng(seed), (80, 100), gray=bool(seed % 2))
        assert picture.shape == (80, 100, 3)
        assert picture.std() > 3
        if seed % 2:
            assert (picture[..., 0] == picture[..., 2]).all()


def test_order_of_shapes_is_kept_below_and_above_text():
    sheet = Sheet(100, 100)
    sheet.box((0, 0, 100, 100), fill=(1, 0, 0))
    sheet.box((0, 0, 50, 50), fill=(0, 1, 0))
    sheet.above.append(Line(((60, 20), (90, 20)), (0, 0, 1), 20))
    with render_pdf(sheet) as document:
        picture = render(document[0], 72)
    assert tuple(picture[25, 25]) == (0, 255, 0)
    assert tuple(picture[80, 80]) == (255, 0, 0)
    assert tuple(picture[20, 75]) == (0, 0, 255)


def test_mupdf_is_silent_on_stdout(capfd):
    with pytest.raises(Exception, match="."):
        mupdf().open("pdf", b"%PDF-1.7 rubbish")
    assert capfd.readouterr().out == ""


def test_render_pool_writes_crops_and_their_index(tmp_path, pdf):
    paths = render_pool(tmp_path / "pool", [pdf], None, 5, 1, side=96)
    assert [path.name for path in paths] == [f"{n:05}.png" for n in range(5)]
    index = json.loads((tmp_path / "pool" / "index.json").read_text())
    assert [entry["file"] for entry in index] == [path.name for path in paths]
    with Image.open(paths[0]) as image:
        assert image.size == (96, 96)
        assert image.info["dpi"][0] == pytest.approx(index[0]["dpi"], abs=0.5)


def test_synth_writes_the_same_bytes_for_the_same_seed(tmp_path, pdf):
    for name, count in (("a", 3), ("b", 2)):
        synth([pdf], tmp_path / name, count, 7, (120, 130))
    names = sorted(path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*.*"))
    assert len(names) == 6  # two pages: scan, clean, text
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    facts = json.loads((tmp_path / "a" / "text" / "00000.json").read_text(encoding="utf-8"))
    assert set(facts) == {"dpi", "kind", "profile", "words"}


def test_some_pages_are_gray_but_never_those_on_coloured_paper(monkeypatch):
    source = clean_pages([], np.random.default_rng(1), size=(64, 64))
    grays = [
        (page.pixels[..., 0] == page.pixels[..., 2]).all()
        for page, _ in zip(source, range(12), strict=False)
    ]
    assert any(grays)
    yellow = Sheet(ground=(1.0, 0.9, 0.3))
    monkeypatch.setattr(pages, "KINDS", {"coloured paper": lambda rng, words: yellow})
    source = clean_pages([], np.random.default_rng(1), size=(64, 64))
    for page, _ in zip(source, range(8), strict=False):
        assert (page.pixels[..., 0] != page.pixels[..., 2]).any()


def test_kinds_are_drawn_by_name():
    assert "magazine" in KINDS
    assert set(pages.WEIGHTS) <= set(KINDS)
