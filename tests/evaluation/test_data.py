import numpy as np
import pytest
from PIL import Image

from scanclean.errors import DataError
from scanclean.evaluation import data


def test_pairs_come_with_what_is_known_of_them(pairs):
    noisy, plain, _ = data.samples(pairs)
    assert (noisy.name, noisy.family, noisy.language) == ("noisy.png", "book", "en")
    assert noisy.text.startswith("quiet") and noisy.clean == pairs / "clean" / "noisy.png"
    assert plain.text == plain.family == ""


def test_scans_with_text_need_no_clean_page(tmp_path):
    truth = tmp_path / "ground_truth"
    truth.mkdir()
    for name in ("a", "b"):
        Image.new("L", (9, 9)).save(tmp_path / f"{name}.png")
    (truth / "a.truth.hocr").write_text(
        "<html lang='de'><p class='ocrx_word'>Maß</p></html>", "utf-8"
    )
    (found,) = data.samples(tmp_path)
    assert (found.name, found.text.strip(), found.language) == ("a.png", "Maß", "de")


def test_a_text_belongs_to_the_scan_of_its_name(tmp_path):
    truth = tmp_path / "ground_truth"
    truth.mkdir()
    for name in ("a", "a.v1", "b"):
        Image.new("L", (9, 9)).save(tmp_path / f"{name}.png")
        (truth / f"{name}.gt.txt").write_text(f"text of {name}")
    for stray in ("c.en.txt", "c.de.txt"):
        (truth / stray).write_text("of no scan")
    found = {sample.name: sample.text for sample in data.samples(tmp_path)}
    assert found == {f"{name}.png": f"text of {name}" for name in ("a", "a.v1", "b")}
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "b.txt").write_text("another")
    with pytest.raises(DataError, match=r"text/b\.txt and ground_truth/b\.gt\.txt are both"):
        data.samples(tmp_path)


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("", {"noisy.png", "plain.png", "rgb.png"}),
        ("*n*.png", {"noisy.png", "plain.png"}),
        ("@LIST", {"plain.png", "rgb.png"}),
        ("half(n%2)=1", {"noisy.png"}),
    ],
    ids=["all", "pattern", "list", "table"],
)
def test_only_chooses_pages(only, expected, pairs, tmp_path):
    (tmp_path / "list.txt").write_text("plain\nrgb.png\n")
    (pairs / "pairs.csv").write_text("id,half(n%2)\nnoisy,1\nplain,0\nrgb,0\n")
    found = data.samples(pairs, only.replace("LIST", str(tmp_path / "list.txt")))
    assert {sample.name for sample in found} == expected


@pytest.mark.parametrize(
    ("only", "message"),
    [("nobody*", "nobody"), ("colour=1", "no column 'colour'"), ("@missing.txt", "missing.txt")],
)
def test_a_choice_of_nothing_is_said(only, message, pairs):
    (pairs / "pairs.csv").write_text("id,half\nnoisy,1\n")
    with pytest.raises(DataError, match=message):
        data.samples(pairs, only)


def test_a_folder_without_truth_is_refused(tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="no pages to evaluate on"):
        data.samples(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        data.samples(tmp_path / "missing")


def test_a_damaged_text_is_named(pairs):
    (pairs / "text" / "plain.json").write_text("[1]")
    with pytest.raises(DataError, match=r"plain\.json"):
        data.samples(pairs)


def test_like_changes_channels_only_where_they_differ(noise):
    gray, colour = noise(5, 6), noise(5, 6, 3)
    assert data.like(gray, gray) is gray
    assert data.like(gray, colour).shape == (5, 6, 3)
    assert data.like(colour, gray).shape == (5, 6)
    assert np.array_equal(data.like(data.like(gray, colour), gray), gray)


def test_a_choice_of_nothing_tells_a_name_that_there_is(pairs):
    with pytest.raises(DataError) as caught:
        data.samples(pairs, "zzz")
    assert "noisy.png" in str(caught.value.hint)
