"""`scanclean compare`, `restore --compare`, and the structure in the report."""

import json

import pytest

from scanclean.errors import ExitCode

CLASSICAL = ("--weights", "classical")


def pages(path):
    return path.read_text("utf-8").count("<figure>")


def test_compare_shows_both(run, pdf, png, tmp_path):
    code, out, err = run("compare", pdf, png, "-o", tmp_path / "c.html")
    assert code == 0 and out == ""
    assert pages(tmp_path / "c.html") == 1
    assert "after: there is no such page" in (tmp_path / "c.html").read_text("utf-8")


def test_compare_tells_what_was_lost(run, pdf, tmp_path):
    import pymupdf

    document = pymupdf.open(pdf)
    document[0].set_rotation(90)
    document.save(tmp_path / "turned.pdf")
    code, _, err = run("compare", pdf, tmp_path / "turned.pdf", "-o", tmp_path / "c.html")
    assert code == 0 and "structure: page 1: rotation: was 0, is 90" in err


@pytest.mark.parametrize(
    ("before", "code"), [("nosuch.pdf", ExitCode.INPUT), ("c.html", ExitCode.INPUT)]
)
def test_compare_fails_clearly(run, png, tmp_path, before, code):
    (tmp_path / "c.html").write_text("mine")
    found, _, err = run("compare", tmp_path / before, png, "-o", tmp_path / "o.html")
    assert found == code and before in err and not (tmp_path / "o.html").exists()
    assert run("compare", png, png, "-o", tmp_path / "c.html")[0] == ExitCode.OUTPUT


def test_restore_reports_the_structure_and_compares(run, pdf, tmp_path):
    page, report = tmp_path / "c.html", tmp_path / "r.json"
    options = ("--compare", page, "--json", report, *CLASSICAL)
    assert run("restore", pdf, "-o", tmp_path / "out.pdf", *options)[0] == 0
    found = json.loads(report.read_text())
    assert found["structure"] == [] and found["warnings"] == []
    assert pages(page) == 3
    assert "kept no scan" in page.read_text("utf-8")


def test_in_place_compares_with_the_file_as_it_was(run, png, tmp_path):
    before = png.read_bytes()
    assert run("restore", png, "-o", png, "--compare", tmp_path / "c.html", *CLASSICAL)[0] == 0
    text = (tmp_path / "c.html").read_text("utf-8")
    assert png.read_bytes() != before and pages(tmp_path / "c.html") == 1
    assert "looks the same" not in text
    pictures = text.split("base64,")[1:]
    assert pictures[0].split('"')[0] != pictures[1].split('"')[0]


def test_pipes_are_compared_too(shell, pdf, tmp_path):
    page, report = tmp_path / "c.html", tmp_path / "r.json"
    words = ("restore", "-", "-o", "-", "--compare", page, "--json", report, *CLASSICAL)
    done = shell(*words, stdin=pdf.read_bytes())
    assert done.returncode == 0 and done.stdout.startswith(b"%PDF-")
    found = json.loads(report.read_text())
    assert (found["input"], found["output"], found["structure"]) == ("stdin", "stdout", [])
    assert pages(page) == 3


def test_a_bad_pipe_is_called_stdin(run, tmp_path, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no document")))
    words = ("restore", "-", "-o", tmp_path / "o.pdf", "--json", tmp_path / "r.json")
    code, _, err = run(*words, *CLASSICAL)
    assert code == ExitCode.INPUT and "stdin: is neither" in err


def test_numbered_and_joined_outputs_are_compared(run, pdf, png, tmp_path):
    for number, (words, shown) in enumerate(
        [((pdf, "-o", tmp_path / "p-%02d.png"), 3), ((pdf, png, "-o", tmp_path / "all.pdf"), 4)]
    ):
        page = tmp_path / f"{number}.html"
        code, _, err = run("restore", *words, "--compare", page, *CLASSICAL)
        assert code == 0, err
        assert pages(page) == shown


def test_compare_never_overwrites(run, png, tmp_path):
    (tmp_path / "c.html").write_text("mine")
    words = ("restore", png, "-o", tmp_path / "o.png", "--compare", tmp_path / "c.html", *CLASSICAL)
    code, _, err = run(*words)
    assert code == ExitCode.OUTPUT and "--force" in err
    assert not (tmp_path / "o.png").exists()
    assert (tmp_path / "c.html").read_text() == "mine"


def test_the_page_is_never_one_of_the_documents(run, png):
    before = png.read_bytes()
    code, _, err = run("compare", png, png, "-o", png, "--force")
    assert code == ExitCode.USAGE and "an input" in err and png.read_bytes() == before
    assert run("compare", png, png, "-o", "-")[0] == ExitCode.USAGE


def test_the_page_is_not_written_under_the_name_of_a_document(run, png, tmp_path):
    other = tmp_path / "other.pdf"
    other.write_bytes(b"%PDF")
    code, _, err = run("compare", png, png, "-o", other, "--force")
    assert code == ExitCode.USAGE and "other.html" in err and other.read_bytes() == b"%PDF"


def test_locked_documents_are_compared_with_their_password(run, pdf, tmp_path):
    import pymupdf

    locked = tmp_path / "locked.pdf"
    pymupdf.open(pdf).save(locked, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="open")
    (tmp_path / "word").write_text("open\n")
    words = ("compare", locked, locked, "-o", tmp_path / "c.html")
    code, _, err = run(*words)
    assert code == ExitCode.LOCKED and "--password-file" in err
    assert run(*words, "--password-file", tmp_path / "word")[0] == 0
