"""Too little memory for a page: it goes out as it came, with a word, and the others are cleaned."""

import io
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from scanclean import documents
from scanclean.config import ReadOptions, StoreOptions
from scanclean.errors import ExitCode
from scanclean.restoration import Treatment, restore_document
from scanclean.restorer import Cleaned

resource = pytest.importorskip("resource")


def scans(noise):
    """Three small gray scans."""
    return [Image.fromarray(180 + noise(90, 70, seed=seed) // 8) for seed in range(3)]


def as_tif(path, pictures):
    pictures[0].save(path, save_all=True, append_images=pictures[1:], compression="tiff_deflate")
    return path


def as_pdf(path, pictures):
    with pymupdf.open() as made:
        for picture in pictures:
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            page = made.new_page(width=70, height=90)
            page.insert_image(page.rect, stream=buffer.getvalue())
        made.save(path)
    return path


KINDS = {"pdf": as_pdf, "tif": as_tif}


def drawn(path, index):
    """The pixels of a page as it came out."""
    if path.suffix == ".tif":
        with Image.open(path) as picture:
            picture.seek(index)
            return np.asarray(picture)
    with pymupdf.open(path) as document:
        xref = document[index].get_images()[0][0]
        pixmap = pymupdf.Pixmap(document, xref)
        return np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width)


@pytest.mark.parametrize("kind", KINDS)
def test_no_memory_to_clean_a_page(kind, noise, tmp_path):
    pictures = scans(noise)
    source, out = KINDS[kind](tmp_path / f"in.{kind}", pictures), tmp_path / f"out.{kind}"

    def clean(pixels):
        if np.array_equal(pixels, pictures[1]):
            raise MemoryError
        return Cleaned(np.full_like(pixels, 255))

    with documents.open_document(source, "in", ReadOptions()) as document:
        writer = documents.create(out, document, f".{kind}", StoreOptions())
        with writer:
            reports = restore_document(document, writer, Treatment(clean, jobs=2))
    assert [r.action for r in reports] == ["restored", "copied", "restored"]
    assert reports[1].reason == "not enough memory"
    assert np.array_equal(drawn(out, 1), pictures[1])
    assert (drawn(out, 0) == 255).all() and (drawn(out, 2) == 255).all()


SIDE = 10_000
SPARE = 60_000_000
"""Bytes that a run may take: enough for small pages, not for one of SIDE x SIDE pixels."""


@pytest.fixture
def limited(run):
    """limited(*words) -> (exit code, stdout, stderr), with so little memory."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("the size of this process is not known")

    def call(*words):
        size = int(statm.read_text().split()[0]) * resource.getpagesize() + SPARE
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size, before[1]))
        try:
            return run(*words, "--jobs", 1, "--weights", "classical")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

    return call


def with_one_that_is_large(kind, pictures, path):
    if kind == "tif":
        return as_tif(path, [pictures[0], Image.new("L", (SIDE, SIDE), 200), pictures[2]])
    small = as_pdf(path.with_name("small.pdf"), pictures)
    with pymupdf.open(small) as made:
        xref = made[1].get_images()[0][0]
        made.update_stream(xref, bytes(SIDE * SIDE))
        for key in ("Width", "Height"):
            made.xref_set_key(xref, key, str(SIDE))
        made.xref_set_key(xref, "DecodeParms", "null")
        made.save(path)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_no_memory_to_decode_a_page(limited, kind, noise, tmp_path):
    source = with_one_that_is_large(kind, scans(noise), tmp_path / f"in.{kind}")
    code, _, err = limited("restore", source, "-o", tmp_path / f"out.{kind}")
    assert code == ExitCode.PARTIAL, err
    assert "page 2 copied unchanged" in err and "needs more memory than there is" in err
    assert "2 restored, 1 copied" in err
    for index in (0, 2):
        assert not np.array_equal(drawn(tmp_path / f"out.{kind}", index), scans(noise)[index])


def test_a_single_picture_too_large_for_memory_leaves_nothing(limited, tmp_path):
    Image.new("L", (SIDE, SIDE), 200).save(tmp_path / "in.png")
    code, _, err = limited("restore", tmp_path / "in.png", "-o", tmp_path / "out.png")
    assert code == ExitCode.DEVICE and "needs more memory than there is" in err, err
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_no_memory_to_save_is_no_damage(limited, noise, tmp_path):
    source = as_pdf(tmp_path / "in.pdf", scans(noise))
    with pymupdf.open(source) as made:
        xref = made.embfile_add("large", b"small")
        made.update_stream(xref, bytes(SIDE * SIDE), compress=False)  # is copied in one piece
        made.save(tmp_path / "large.pdf")
    code, _, err = limited("restore", tmp_path / "large.pdf", "-o", tmp_path / "out.pdf")
    assert code == ExitCode.DEVICE and "not enough memory" in err and "damaged" not in err, err
    assert not (tmp_path / "out.pdf").exists()
