import json

import numpy as np
import pytest
from PIL import Image

from scanclean.errors import ExitCode


def test_made_pairs_are_written_and_named(run, tmp_path):
    out = tmp_path / "data"
    code, printed, err = run("synth", "-o", out, "--count", "2", "--size", "128")
    assert code == 0 and printed.strip() == str(out) and err == ""
    for part, suffix in (("scan", "png"), ("clean", "png"), ("text", "json")):
        assert sorted(p.name for p in (out / part).iterdir()) == [
            f"00000.{suffix}",
            f"00001.{suffix}",
        ]
    with Image.open(out / "scan" / "00000.png") as scan:
        assert scan.size == (128, 128)
    assert "words" in json.loads((out / "text" / "00000.json").read_text("utf-8"))


def test_clean_pictures_are_used(run, tmp_path):
    page = np.full((300, 300, 3), (30, 200, 90), np.uint8)
    Image.fromarray(page).save(tmp_path / "page.png")
    words = ("--count", "1", "--size", "96", "--made", "0", "--seed", "3")
    assert run("synth", tmp_path / "page.png", "-o", tmp_path / "data", *words)[0] == 0
    with Image.open(tmp_path / "data" / "clean" / "00000.png") as picture:
        clean = np.asarray(picture.convert("RGB"))
    assert np.ptp(clean, axis=(0, 1)).max() <= 1


def test_gallery_has_a_picture_of_every_degradation(run, tmp_path):
    code, printed, _ = run("synth", "-o", tmp_path / "look", "--gallery")
    assert code == 0 and printed.strip() == str(tmp_path / "look")
    names = {path.name for path in (tmp_path / "look").iterdir()}
    assert {"jpeg.png", "foxing.png", "profile-book.png", "composites.png"} <= names


def test_a_full_folder_is_not_written_into(run, tmp_path):
    (tmp_path / "precious.txt").write_text("x")
    code, out, err = run("synth", "-o", tmp_path, "--count", "1", "--size", "96")
    assert code == 4 and out == "" and "--force" in err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    ("words", "code"), [(("missing.pdf",), 7), (("--count", "0"), 2), (("--size", "8"), 2)]
)
def test_failures_have_their_code(words, code, run, tmp_path):
    found, out, err = run("synth", *words, "-o", tmp_path / "data")
    assert found == code and out == "" and err


def test_what_is_not_there_is_said(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    words = ("synth", "--count", "1", "--size", "96")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert run(*words, "-o", place, "--gallery")[0] == ExitCode.OUTPUT
        assert run(*words, "-o", place)[0] == ExitCode.OUTPUT
    for option in ("--texts", "--fonts"):
        for folder in (tmp_path / "none", tmp_path / "file"):
            code, _, err = run(*words, "-o", tmp_path / "new", option, folder)
            assert code == ExitCode.INPUT and option in err and not (tmp_path / "new").exists()


def test_a_smaller_set_leaves_nothing_of_a_larger_one(run, tmp_path):
    words = ("synth", "-o", tmp_path / "set", "--size", "96")
    assert run(*words, "--count", "3")[0] == 0
    mine = ("notes.txt", "scan/0009.png", "clean/12345.tif")
    for name in mine:
        (tmp_path / "set" / name).write_text("mine")
    assert run(*words, "--count", "1", "--seed", "1", "--force")[0] == 0
    names = sorted(path.name for path in (tmp_path / "set").rglob("*.*"))
    ours = ["00000.json", "00000.png", "00000.png"]
    assert names == sorted([*ours, *(name.split("/")[-1] for name in mine)])


def test_a_set_survives_one_that_is_refused(run, tmp_path):
    words = ("synth", "-o", tmp_path / "set", "--size", "96")
    assert run(*words, "--count", "2")[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*.*")}
    for source in (tmp_path / "none", tmp_path / "set" / "clean", tmp_path / "set"):
        assert run(*words, source, "--count", "1", "--seed", "1", "--force")[0] in (
            ExitCode.USAGE,
            ExitCode.DATA,
        )
        assert {path: path.read_bytes() for path in (tmp_path / "set").rglob("*.*")} == before
