from pathlib import Path

import pytest

from scanclean.errors import ExitCode


def test_study_writes_a_report_and_does_not_repeat_itself(run, data, tmp_path):
    words = ["study", data, "--recipes", "classical,unet,dncnn", "--steps", 2, "--batch", 2]
    words += ["--patch", 32, "--seeds", "0,1", "--workers", 0, "-o", tmp_path / "out"]
    code, out, err = run(*words)
    assert code == 0 and out.strip() == str(tmp_path / "out" / "report.md")
    text = Path(out.strip()).read_text("utf-8")
    assert "6 of 6 runs are finished" in text and "U-Net is better than DnCNN" in text
    assert "study/unet seed 1 (6 of 6): step 2 of 2" in err
    code, _, err = run(*words)
    assert code == 0 and err.count("done already") == 6
    words[words.index("--steps") + 1] = 1
    code, _, err = run(*words)
    assert code == ExitCode.OUTPUT and "other settings" in err
    assert Path(out.strip()).read_text("utf-8") == text


def test_study_lists_recipes_and_findings(run):
    code, out, _ = run("study", "--list")
    assert code == 0 and "kbnet-4 " in out and "kbnet-4 / kbnet-1" in out


@pytest.mark.parametrize(
    "words", [(), ("--recipes", "nosuch"), ("--seeds", "a")], ids=["no data", "recipe", "seeds"]
)
def test_senseless_studies_are_wrong_usage(run, data, tmp_path, words):
    place = (data, *words) if words else ()
    assert run("study", *place, "-o", tmp_path / "out")[0] == ExitCode.USAGE
    assert not (tmp_path / "out").exists()
