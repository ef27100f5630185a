"""Damaged documents: a small part of tests/bench/fuzz.py, in this process."""

import runpy
import tempfile
from pathlib import Path

import pytest
from PIL import Image

MUTATIONS = runpy.run_path(str(Path(__file__).parents[1] / "bench" / "_mutations.py"))
SEEDS = MUTATIONS["seeds"]()
PDFS = [name for name in SEEDS if name.endswith(".pdf")]
INPUTS = [*enumerate(SEEDS), *enumerate(PDFS * 3, 100)]


def opened(path: Path) -> int:
    """Read all pages of an output; gives their number."""
    import pymupdf

    if path.suffix == ".pdf":
        with pymupdf.open(path) as document:
            for page in document:
                zoom = min(1, 60 / max(page.rect.width, page.rect.height))
                page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom))
            return int(document.page_count)
    with Image.open(path) as picture:
        picture.load()
        return getattr(picture, "n_frames", 1)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("name", SEEDS)
def test_seeds_are_sound(run, tmp_path, name):
    (tmp_path / name).write_bytes(SEEDS[name])
    code, _, err = run("restore", tmp_path / name, "-o", tmp_path / f"o-{name}",
                       "--weights", "classical")  # fmt: skip
    assert code == 0, err
    assert opened(tmp_path / f"o-{name}")


@pytest.mark.parametrize(("number", "name"), INPUTS, ids=lambda value: str(value))
def test_damage_ends_with_a_word_and_a_code(run, tmp_path, temporary, number, name):
    source, out = tmp_path / name, tmp_path / "out"
    out.mkdir()
    source.write_bytes(MUTATIONS["mutated"](name, SEEDS[name], number))
    code, stdout, err = run("restore", source, "-o", out / name, "--weights", "classical")
    assert code in (0, 3, 8, 9, 10) and stdout == "", err
    assert [*out.iterdir()] == ([out / name] if code in (0, 9) else [])
    if code in (0, 9):
        assert opened(out / name)
    else:
        assert err.startswith("scanclean: ") and name in err
    assert not [*temporary.iterdir()] and {*tmp_path.iterdir()} == {source, out, temporary}
    assert "TIFF" not in err and "Fax" not in err, "a library spoke for itself"


def test_same_damage_every_time():
    first, again = (MUTATIONS["mutated"]("plain.pdf", SEEDS["plain.pdf"], 5) for _ in range(2))
    assert first == again != SEEDS["plain.pdf"]
