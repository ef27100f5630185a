import io
import json
import os

import numpy as np
import pytest
from PIL import Image

from scanclean.errors import ExitCode

CLASSICAL = ["--weights", "classical"]


def paper(picture):
    """Median colour of the outermost pixels, where these pages hold no ink."""
    pixels = np.asarray(picture.convert("RGB"))
    return np.median(
        np.concatenate([pixels[:4].reshape(-1, 3), pixels[-4:].reshape(-1, 3)]), axis=0
    )


@pytest.mark.parametrize("weights", ["scanclean", "classical"])
def test_paper_becomes_white_and_ink_stays(run, png, tmp_path, weights):
    code, out, err = run("restore", png, "-o", tmp_path / "out.png", "--weights", weights)
    assert (code, out) == (0, "")
    assert "1 restored" in err and "cpu" in err
    with Image.open(tmp_path / "out.png") as after, Image.open(png) as before:
        assert after.size == before.size and after.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        assert paper(after).min() >= 245 > 240 > paper(before).min()
        ink = np.asarray(before.convert("L")) < 70
        assert np.asarray(after.convert("L"))[ink].mean() < 90


def test_what_only_a_network_could_do_is_told(run, png, tmp_path):
    words = ["restore", png, "-o", tmp_path / "out.png", *CLASSICAL]
    code, _, err = run(*words, "--passes", 4, "--precision", "fp32")
    assert code == 0 and "--passes 4 did nothing" in err and "--precision fp32 did nothing" in err
    assert "did nothing" not in run(*words, "--force")[2]


def test_codec_is_said_to_do_nothing_only_where_no_pdf_comes_out(run, png, pdf, tmp_path):
    pdf.rename(tmp_path / "letter.scan")
    for name, said in ((png, True), (tmp_path / "letter.scan", False)):
        words = ["restore", name, "-o", f"{tmp_path}/out/", "--codec", "jpeg", *CLASSICAL]
        code, _, err = run(*words)
        assert code == 0 and ("did nothing" in err) == said


def test_no_pages_are_not_all_pages(run, png, tmp_path):
    code, _, err = run("restore", png, "-o", tmp_path / "out.png", "--pages=")
    assert code == ExitCode.USAGE and "--pages" in err


def test_pdf_keeps_what_is_no_scan(run, pdf, tmp_path):
    import pymupdf

    code, _, err = run("restore", pdf, "-o", tmp_path / "out.pdf", "-v")
    assert code == 0 and "2 restored, 1 kept" in err
    document = pymupdf.open(tmp_path / "out.pdf")
    assert document.page_count == 3 and document[2].get_text().strip() == "born digital"


def test_report_tells_everything(run, pdf, tmp_path):
    code, out, _ = run("restore", pdf, "-o", tmp_path / "out.pdf", "--json", "-")
    report = json.loads(out)
    assert [(p["page"], p["action"]) for p in report["pages"]] == [
        (1, "restored"), (2, "restored"), (3, "kept"),
    ]  # fmt: skip
    assert report["exit_code"] == code == 0 and len(report["sha256"]) == 64
    assert report["device"] == "cpu" and report["backend"] == "onnx"
    assert 0 <= report["pages"][0]["ink"]["kept"] <= 1
    assert report["pages"][0]["bytes_before"] > 0 and report["pages"][0]["bytes_after"] > 0


def test_pipes_carry_nothing_but_the_product(shell, png):
    done = shell("restore", "-", "-o", "-", *CLASSICAL, stdin=png.read_bytes())
    assert done.returncode == 0
    with Image.open(io.BytesIO(done.stdout)) as picture:
        assert picture.format == "PNG" and picture.size == (120, 160)
    assert b"\x1b" not in done.stderr and b"\r" not in done.stderr


def test_bundled_weights_work_offline_in_a_process_of_their_own(shell, png, tmp_path):
    done = shell("restore", png, "-o", tmp_path / "out.jpg", "--offline")
    assert done.returncode == 0, done.stderr.decode()


def test_strength_zero_gives_the_input_back(run, png, tmp_path):
    run("restore", png, "-o", tmp_path / "out.png", "--strength", 0)
    assert (tmp_path / "out.png").read_bytes() == png.read_bytes()


def test_pages_that_are_not_there_are_told(run, pdf, tmp_path):
    code, _, said = run("restore", pdf, "-o", tmp_path / "o.pdf", "--pages", "20", *CLASSICAL)
    assert code == 0
    assert "--pages names none of its 3 pages" in " ".join(said.split())


def test_pages_selects(run, pdf, tmp_path):
    _, out, _ = run(
        "restore", pdf, "-o", tmp_path / "o.pdf", "--pages", "2-", "--json", "-", *CLASSICAL
    )
    assert [p["action"] for p in json.loads(out)["pages"]] == ["skipped", "restored", "kept"]


@pytest.mark.parametrize(("mode", "kind"), [("gray", "L"), ("bitonal", "1"), ("color", "RGB")])
def test_mode_decides_the_colours(run, png, tmp_path, mode, kind):
    assert run("restore", png, "-o", tmp_path / "o.png", "--mode", mode, *CLASSICAL)[0] == 0
    with Image.open(tmp_path / "o.png") as picture:
        assert picture.mode == kind


def test_paper_that_is_to_be_kept_is_even_and_has_its_colour(run, png, tmp_path):
    assert run("restore", png, "-o", tmp_path / "o.png", "--keep-paper", *CLASSICAL)[0] == 0
    with Image.open(tmp_path / "o.png") as after, Image.open(png) as before:
        assert np.abs(paper(after) - paper(before)).max() <= 4
        noise = [np.asarray(picture)[:4].std(axis=(0, 1)).max() for picture in (before, after)]
        assert noise[1] < noise[0] / 4
        assert after.mode == before.mode
    run("restore", png, "-o", tmp_path / "o.pbm", "--keep-paper", *CLASSICAL)
    with Image.open(tmp_path / "o.pbm") as after:  # which holds no colour, that of paper neither
        assert np.asarray(after).mean() > 0.5


def test_folder_and_joined(run, png, pdf, tmp_path):
    import pymupdf

    folder = tmp_path / "in"
    folder.mkdir()
    png.rename(folder / "p2.png")
    pdf.rename(folder / "p10.pdf")
    assert run("restore", folder, "-o", tmp_path / "out", *CLASSICAL)[0] == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["p10.pdf", "p2.png"]
    (folder / "p3.gif").write_bytes(b"GIF89a")
    code, _, said = run("restore", folder, "-o", tmp_path / "all.pdf", *CLASSICAL)
    assert code == 0
    assert "p3.gif" in " ".join(said.split())
    joined = pymupdf.open(tmp_path / "all.pdf")
    assert joined.page_count == 4 and joined[3].get_text().strip() == "born digital"


def test_a_bad_file_among_those_to_be_joined_says_how_to_go_on(run, png, tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    words = ("restore", png, tmp_path / "bad.png", "-o", tmp_path / "all.pdf", *CLASSICAL)
    code, _, err = run(*words)
    assert code == ExitCode.INPUT
    said = " ".join(err.split())
    assert "bad.png" in said and "known are" in said and "leave it out" in said


def test_one_bad_file_does_not_end_the_others(run, png, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    code, _, err = run("restore", bad, png, "-o", tmp_path / "out/", *CLASSICAL)
    assert code == ExitCode.INPUT and "bad.png" in err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["scan.png"]


BAD = {
    "missing file": (["nosuch.pdf"], ExitCode.INPUT, "no such file"),
    "empty file": (["empty.pdf"], ExitCode.INPUT, "empty"),
    "text as pdf": (["text.pdf"], ExitCode.INPUT, "text.pdf"),
    "page bomb": (["bomb.png"], ExitCode.INPUT, "mpixel"),
    "unknown weights": (["scan.png", "--weights", "scancleen"], ExitCode.WEIGHTS, "scancleen"),
    "missing device": (["scan.png", "--device", "coreml"], ExitCode.DEVICE, "coreml"),
    "unknown mode": (["scan.png", "--mode", "blue"], ExitCode.USAGE, "blue"),
    "tiny tile": (["scan.png", "--tile", "1"], ExitCode.USAGE, "64"),
    "overlap": (["scan.png", "--tile", "64", "--overlap", "60"], ExitCode.USAGE, "60"),
    "passes": (["scan.png", "--passes", "5"], ExitCode.USAGE, "passes"),
    "two tones": (["scan.png", "--keep-paper", "--mode", "bitonal"], ExitCode.USAGE, "keep-paper"),
    "shrinking": (["scan.png", "--max-growth", "0.5"], ExitCode.USAGE, "max-growth"),
    "empty name": (["", "scan.png"], ExitCode.USAGE, "empty"),
    "empty pages": (["scan.png", "--pages", ""], ExitCode.USAGE, "behind --pages"),
    "several into one picture": (["scan.png", "text.pdf"], ExitCode.USAGE, "-o out/"),
    "pages nonsense": (["scan.png", "--pages", "x"], ExitCode.USAGE, "x"),
}


@pytest.fixture(scope="module")
def bomb():
    """A picture of 300 million pixels in a few kilobytes."""
    buffer = io.BytesIO()
    Image.new("1", (20000, 15000)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@pytest.mark.parametrize(("words", "code", "said"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_clear_line(run, png, bomb, tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.pdf").touch()
    (tmp_path / "text.pdf").write_text("just words")
    (tmp_path / "bomb.png").write_bytes(bomb)
    before = sorted(tmp_path.iterdir())
    found, out, err = run("restore", *words, "-o", "out.png")
    assert found == code and out == "" and said in err and "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before, "something was left behind"


def test_existing_target_needs_force(run, png, tmp_path):
    target = tmp_path / "out.png"
    target.write_text("mine")
    code, _, err = run("restore", png, "-o", target, *CLASSICAL)
    assert code == ExitCode.OUTPUT and "--force" in err and target.read_text() == "mine"
    assert run("restore", png, "-o", target, "--force", *CLASSICAL)[0] == 0


def test_in_place(run, png, tmp_path):
    before = png.read_bytes()
    assert run("restore", png, "-o", png, *CLASSICAL)[0] == 0
    assert png.read_bytes() != before and [p.name for p in tmp_path.iterdir()] == ["scan.png"]


def test_same_bytes_whatever_the_jobs(run, pdf, tmp_path):
    for jobs in (1, 3):
        run("restore", pdf, "-o", tmp_path / f"{jobs}.pdf", "--jobs", jobs, *CLASSICAL)
    assert (tmp_path / "1.pdf").read_bytes() == (tmp_path / "3.pdf").read_bytes()


APART = {
    "report is the input": (["--json", "in.pdf"], ExitCode.OUTPUT, "no report"),
    "report is the output": (["--json", "o.pdf"], ExitCode.USAGE, "o.pdf"),
    "page is the input": (["--compare", "in.pdf"], ExitCode.USAGE, "an input"),
    "page is the output": (["--compare", "./o.pdf"], ExitCode.USAGE, "-o names"),
    "page is the report": (["--compare", "r.x", "--json", "r.x"], ExitCode.USAGE, "r.x"),
    "page into a pipe": (["--compare", "-"], ExitCode.USAGE, "name a file"),
}


@pytest.mark.parametrize(("words", "code", "said"), APART.values(), ids=APART.keys())
def test_nothing_that_is_written_overwrites_another_thing(
    run, pdf, tmp_path, monkeypatch, words, code, said
):
    monkeypatch.chdir(tmp_path)
    before = pdf.read_bytes()
    found, _, err = run("restore", "in.pdf", "-o", "o.pdf", *words, "--force", *CLASSICAL)
    assert found == code and said in err
    assert pdf.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["in.pdf"]


def test_a_report_replaces_a_report_and_nothing_else(run, png, tmp_path):
    words = ("restore", png, "--json", tmp_path / "r.json", *CLASSICAL)
    assert run(*words, "-o", tmp_path / "a.png")[0] == run(*words, "-o", tmp_path / "b.png")[0] == 0
    assert json.loads((tmp_path / "r.json").read_text())["output"].endswith("b.png")
    (tmp_path / "r.json").write_text("my notes")
    assert run(*words, "-o", tmp_path / "c.png", "--force")[0] == ExitCode.OUTPUT
    assert (tmp_path / "r.json").read_text() == "my notes"
    assert not (tmp_path / "c.png").exists()


def test_a_document_that_fails_has_a_report_too(run, tmp_path):
    report = tmp_path / "r.json"
    code, _, err = run("restore", "nosuch.pdf", "-o", tmp_path / "o.pdf", "--json", report)
    facts = json.loads(report.read_text())
    assert code == facts["exit_code"] == ExitCode.INPUT and err.count("no such file") == 1
    assert "no such file" in facts["warnings"][0]


def test_a_missing_document_weighs_more_than_a_copied_page(run, png, tmp_path):
    half = tmp_path / "a.png"
    half.write_bytes(png.read_bytes()[:-9000])
    names = [half, png, tmp_path / "nosuch.png"]
    code, _, err = run("restore", *names, "-o", tmp_path / "out/", *CLASSICAL)
    assert "copied unchanged" in err and code == ExitCode.INPUT


def test_a_folder_goes_into_a_pipe_as_one_pdf(shell, png, pdf, tmp_path):
    import pymupdf

    done = shell("restore", pdf, png, "-o", "-", "--format", "pdf", *CLASSICAL)
    assert done.returncode == 0 and pymupdf.open(stream=done.stdout).page_count == 4
    assert b"stdout: 3 restored, 1 kept" in done.stderr


def test_what_was_not_cleaned_has_a_reason(run, pdf, tmp_path):
    words = ("restore", pdf, "-o", tmp_path / "o.pdf", *CLASSICAL)
    assert "2 restored, 1 kept (no scan: text or drawings) in" in run(*words)[2]
    _, _, err = run(*words, "--pages", "7", "--force")
    assert "3 skipped (not in --pages)" in err
    _, _, err = run(*words, "--strength", "0", "--force")
    assert "strength 0" in err and "already clean" not in err


@pytest.mark.parametrize(("strength", "action"), [("1", "restored"), ("0", "unchanged")])
def test_a_page_with_the_picture_of_another_fares_as_that(run, pdf, tmp_path, strength, action):
    import pymupdf

    with pymupdf.open(pdf) as document:
        document.delete_pages(1, 2)
        document.new_page(width=216, height=288)
        document[1].insert_image(document[1].rect, xref=document[0].get_images()[0][0])
        document.save(tmp_path / "two.pdf")
    words = ("restore", tmp_path / "two.pdf", "-o", tmp_path / "o.pdf", *CLASSICAL)
    report = json.loads(run(*words, "--strength", strength, "--json", "-")[1])
    assert [page["action"] for page in report["pages"]] == [action, action]
    assert report["pages"][1]["reason"] == "same picture as page 1"


def test_warnings_of_what_is_joined_name_their_input(run, pdf, tmp_path):
    cut = tmp_path / "cut.pdf"
    cut.write_bytes(pdf.read_bytes()[:-300])
    _, _, err = run("restore", pdf, cut, "-o", tmp_path / "all.pdf", *CLASSICAL)
    said = [line for line in err.splitlines() if "damaged" in line]
    assert said and all(line.startswith(str(cut)) for line in said)


def test_pages_of_what_is_joined_are_numbered_as_in_the_output(run, pdf, tmp_path):
    import pymupdf

    with pymupdf.open(pdf) as document:  # two scans beside each other, and one of them again
        left, right = (document[n].get_images()[0][0] for n in range(2))
        page = document.new_page(0, width=432, height=288)
        page.insert_image((0, 0, 216, 288), xref=left)
        page.insert_image((220, 4, 432, 280), xref=right, keep_proportion=False)
        document.delete_page(3)
        document.save(tmp_path / "a.pdf")
    words = ("restore", tmp_path / "a.pdf", pdf, "-o", tmp_path / "o.pdf", *CLASSICAL)
    pages = json.loads(run(*words, "--json", "-")[1])["pages"]
    assert [page["page"] for page in pages] == [1, 1, 2, 3, 4, 5, 6]
    assert pages[2]["reason"] == f"same picture as an earlier page of {tmp_path / 'a.pdf'}"


def test_a_joined_pipe_that_fails_is_reported_as_stdout(run, png, tmp_path):
    report = tmp_path / "r.json"
    words = ("restore", png, tmp_path / "nosuch.png", "-o", "-", "--format", "pdf", *CLASSICAL)
    code, out, _ = run(*words, "--json", report)
    facts = json.loads(report.read_text())
    assert code == ExitCode.INPUT and out == "" and facts["output"] == "stdout"
    code, _, err = run("restore", png, png, "-o", "-", "--format", "pdf", "--resume", *CLASSICAL)
    assert code == ExitCode.USAGE and "--resume" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_report_is_no_pipe_that_is_waited_for(run, png, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    words = ("restore", png, "-o", tmp_path / "o.png", "--json", tmp_path / "pipe", *CLASSICAL)
    code, _, err = run(*words)
    assert code == ExitCode.OUTPUT and "pipe" in err and not (tmp_path / "o.png").exists()


@pytest.mark.parametrize(
    ("output", "told"), [("o.png", True), ("o-%d.png", True), ("o.pdf", False)]
)
def test_a_codec_without_a_pdf_is_told(run, png, tmp_path, output, told):
    words = ("--codec", "g4", *CLASSICAL)
    code, _, err = run("restore", png, "-o", tmp_path / output, *words)
    assert code == 0 and ("--mode bitonal" in err) == told
