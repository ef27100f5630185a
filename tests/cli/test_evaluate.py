import json

import numpy as np
import pytest
from PIL import Image

import scanclean
from scanclean.errors import ExitCode
from scanclean.evaluation import data as pages
from scanclean.evaluation import ocr, score


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for part in ("scan", "clean"):
        (folder / part).mkdir(parents=True)
    clean = np.full((100, 120), 255, np.uint8)
    clean[20:70, 10:100:10] = 0
    for name, dark in (("a", 0.6), ("b", 0.8), ("c", 0.9)):
        Image.fromarray(clean).save(folder / "clean" / f"{name}.png")
        scan = (clean * dark).astype(np.uint8)
        scan[90:94, 60:64] = 0 if name == "a" else scan[0, 0]  # a speck of ink on one of them
        Image.fromarray(scan).save(folder / "scan" / f"{name}.png")
    return folder


def test_table_names_every_filter_and_the_worst_pages(data, run):
    code, out, err = run("evaluate", data, "--weights", "classical")
    assert code == 0 and err == ""
    names = [line.split()[0] for line in out.splitlines()[3:8]]
    assert names[:4] == ["nothing", "median", "division", "sauvola"] and "classical" in out
    assert "worst gain dB of classical" in out and "3 pages" in out


def test_function_and_command_agree(data, run):
    rows = scanclean.evaluate(data, ["classical"], baselines=False, reader="")
    words = ("--weights", "classical", "--no-baselines", "--no-ocr", "--json", "-")
    facts = json.loads(run("evaluate", data, *words)[1])
    for printed, row in zip(facts["rows"], rows, strict=True):
        assert printed["name"] == row.name
        assert printed["figures"]["rmse"] == pytest.approx(score.pooled_rmse(row.pages), abs=1e-6)


def test_json_goes_to_stdout_alone(data, run):
    code, out, _ = run("evaluate", data, "--weights", "classical", "--no-baselines", "--json", "-")
    facts = json.loads(out)
    assert code == 0 and [row["name"] for row in facts["rows"]] == ["nothing", "classical"]
    assert facts["rows"][1]["figures"]["rmse"] < facts["rows"][0]["figures"]["rmse"]


def test_json_and_pictures_go_to_files(data, run, tmp_path):
    words = ("--json", tmp_path / "r.json", "--worst", tmp_path / "worst", "--only", "[ab].png")
    code, out, _ = run("evaluate", data, "--weights", "classical", "--no-baselines", *words)
    assert code == 0 and "RMSE" in out
    assert json.loads((tmp_path / "r.json").read_text())["count"] == 2
    assert (tmp_path / "worst" / "classical-RMSE-a.png").is_file()


def test_a_page_is_read_as_often_as_is_asked_for(data, run, monkeypatch):
    widths = []

    def read(pixels, language):
        widths.append(pixels.shape[1])
        return "letters " * 40

    (data / "text").mkdir()
    (data / "text" / "a.txt").write_text("letters " * 40)
    eye = ocr.Reader("eye", "", lambda: True, lambda code: "eng", read)
    monkeypatch.setitem(ocr.READERS, "tesseract", eye)
    words = ("--weights", "classical", "--no-baselines", "--only", "a.png", "--readings", "2")
    assert run("evaluate", data, *words)[0] == 0
    assert widths == [120, round(120 * 0.97)] * 3  # the clean page, nothing, classical
    assert run("evaluate", data, *words[:-1], "6")[0] == ExitCode.USAGE


def test_limit_takes_pages_evenly(data, run):
    words = ("--weights", "classical", "--no-baselines", "--limit", "2", "--json", "-")
    facts = json.loads(run("evaluate", data, *words)[1])
    assert [page["page"] for page in facts["rows"][0]["pages"]] == ["a.png", "b.png"]


def test_frozen_takes_pages_by_their_numbers(run):
    words = ("--weights", "classical", "--no-baselines", "--no-ocr", "--json", "-", "-q")
    facts = json.loads(run("evaluate", "--frozen", "10-11", *words)[1])
    assert [page["page"] for page in facts["rows"][0]["pages"]] == ["00010.png", "00011.png"]


@pytest.mark.parametrize("wrong", ["0", "9-3", "-3", "3-", "x", "1-2-3"])
def test_frozen_refuses_what_are_no_pages(wrong, run):
    code, _, err = run("evaluate", "--frozen", wrong)
    assert code == 2 and f"--frozen {wrong}" in err


def test_frozen_needs_no_data(run):
    words = ("--frozen", "1", "--weights", "classical", "--no-baselines", "--no-ocr", "-q")
    code, out, err = run("evaluate", *words)
    assert code == 0 and err == "" and out.startswith("frozen set ") and "1 pages" in out


@pytest.mark.parametrize("words", [(), ("DATA", "--frozen", "3")], ids=["neither", "both"])
def test_data_and_frozen_exclude_each_other(words, run):
    code, _, err = run("evaluate", *words)
    assert code == 2 and "--frozen" in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("missing",), 7, "no such folder"),
        (("DATA", "--weights", "no-such-weights"), 5, "no-such-weights"),
        (("DATA", "--device", "abacus"), 2, "abacus"),
        (("DATA", "--only", "z*"), 7, "'z*'"),
    ],
)
def test_failures_have_their_code_and_say_why(words, code, message, data, run):
    words = [str(data) if word == "DATA" else word for word in words]
    if "--weights" not in words:
        words += ["--weights", "classical"]
    found, out, err = run("evaluate", *words)
    assert found == code and message in err and out == ""


def test_a_missing_language_is_said(data, run, monkeypatch):
    monkeypatch.setattr("scanclean.evaluation._tesseract.languages", lambda: frozenset({"eng"}))
    real = pages.samples
    monkeypatch.setattr(
        pages,
        "samples",
        lambda *a: [pages.Sample(s.scan, s.clean, "x" * 99, "ko") for s in real(*a)],
    )
    code, _, err = run("evaluate", data, "--weights", "classical", "--no-baselines")
    assert code == 0 and "ko" in err and "tesseract" in err


def test_what_must_not_be_written_over_is_seen_before_the_work(data, run, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    settings = tmp_path / "package.json"
    settings.write_text('{"name": "x", "dependencies": {}}')
    for file in (notes, settings):
        before = file.read_text()
        code, out, err = run("evaluate", data, "--weights", "classical", "--json", file)
        assert code == ExitCode.OUTPUT and out == "" and "no report" in err
        assert file.read_text() == before
