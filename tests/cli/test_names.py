"""Whatever a file is called: it is read, written, reported and shown."""

import json
import os
import sys
import unicodedata

import pytest


def inside(folder):
    return sorted(path.name for path in folder.iterdir())


CLASSICAL = ("--weights", "classical")
ACCENTS = "zdjęcia żółte"
NAMES = {
    "spaces": " two  words ",
    "dash": "-dash",
    "option": "--force",
    "composed": unicodedata.normalize("NFC", ACCENTS),
    "decomposed": unicodedata.normalize("NFD", ACCENTS),
    "japanese": "文書のスキャン",
    "emoji": "📄",
    "right to left": "\u202eתמונה",
    "newline": "two\nlines",
    "tab": "a\tb",
    "percent": "100%d%s",
    "quotes": 'it\'s "here" & <b>$HOME',
    "glob": "[a]*?",
    "hidden": ".hidden",
    "dots": "v1.2..3",
    "long": "n" * 200,
    "long and wide": "文" * 80,
    "no text": os.fsdecode(b"caf\xe9"),
}
if sys.platform in ("darwin", "win32"):
    NAMES = {k: v for k, v in NAMES.items() if k in ("spaces", "dash", "japanese", "dots", "long")}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_is_read_written_reported_and_shown(run, pdf, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    pdf.rename(tmp_path / f"{name}.pdf")
    extra = ("--compare", "c.html", "--json", "r.json", "--pages", "1", *CLASSICAL)
    code, out, err = run("restore", *extra, f"--output=o/{name}.pdf", "--", f"{name}.pdf")
    assert code == 0 and out == "", err
    assert "Traceback" not in err and "\x1b" not in err and "\r" not in err
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert os.fsencode(report["input"]) == os.fsencode(f"{name}.pdf")
    assert report["structure"] == []
    assert (tmp_path / "c.html").read_text("utf-8").count("<figure>") == 3
    assert inside(tmp_path / "o") == [f"{name}.pdf"]
    assert inside(tmp_path) == sorted(["o", "c.html", "r.json", f"{name}.pdf"])


@pytest.mark.parametrize(
    "name", [NAMES["spaces"], NAMES.get("no text", "x")], ids=["spaces", "bytes"]
)
def test_any_folder_name_will_do(run, pdf, png, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    pdf.rename(folder / "a.pdf")
    png.rename(folder / "b.png")
    assert run("restore", folder, "-o", tmp_path / f"{name} out", *CLASSICAL)[0] == 0
    assert inside(tmp_path / f"{name} out") == ["a.pdf", "b.png"]
    code, _, err = run("restore", folder, "-o", folder / "all.pdf", *CLASSICAL)
    assert code == 0, err
    assert run("restore", folder / "a.pdf", "-o", folder / "a.pdf", *CLASSICAL)[0] == 0
    assert inside(folder) == ["a.pdf", "all.pdf", "b.png"]
