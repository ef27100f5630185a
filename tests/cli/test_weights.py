from pathlib import Path

from scanclean.cli.weights import by_entry
from scanclean.errors import ExitCode
from scanclean.weights import Checked


def test_list_names_first(run):
    code, out, _ = run("weights", "list")
    assert code == 0 and out.splitlines()[0].split()[:2] == ["scanclean", "good"]


def test_path_is_one_line(run):
    code, out, _ = run("weights", "path", "scanclean")
    assert code == 0 and Path(out.removesuffix("\n")).exists()


def test_path_of_what_is_not_there_yet(run, monkeypatch, tmp_path):
    monkeypatch.setenv("SCANCLEAN_CACHE", str(tmp_path))
    code, out, _ = run("weights", "path", "kbnet-sidd")
    assert code == 0 and out.startswith(str(tmp_path)) and not Path(out.strip()).exists()


def test_verify_finds_damage(run, monkeypatch, tmp_path):
    monkeypatch.setenv("SCANCLEAN_CACHE", str(tmp_path))
    assert run("weights", "verify")[0] == 0
    _, out, _ = run("weights", "path", "kbnet-sidd")
    Path(out.strip()).write_text("<html>404</html>")
    assert run("weights", "verify")[0] == ExitCode.WEIGHTS


def test_an_entry_is_damaged_if_one_of_its_files_is():
    checked = [Checked("a", Path("a.onnx"), "damaged"), Checked("a", Path("a.pth"), "good")]
    assert by_entry(checked) == by_entry(checked[::-1]) == {"a": "damaged"}


def test_pull_offline_says_where_it_would_come_from(run, monkeypatch, tmp_path):
    monkeypatch.setenv("SCANCLEAN_CACHE", str(tmp_path))
    code, out, err = run("weights", "pull", "kbnet-sidd", "--offline")
    assert code == ExitCode.WEIGHTS and out == "" and "https://" in err


def test_the_filter_is_listed_and_has_no_file(run):
    assert run("weights", "list")[1].splitlines()[-1].split()[0] == "classical"
    code, out, err = run("weights", "path", "classical")
    assert code == ExitCode.WEIGHTS and out == "" and "a filter" in err and "--weights" in err
