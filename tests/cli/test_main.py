import subprocess
import sys

import pytest

import scanclean
from scanclean import plugins
from scanclean.errors import ExitCode

HEAVY = ("numpy", "torch", "onnxruntime", "pymupdf", "PIL")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["restore", "--help"]])
def test_help_loads_nothing_heavy(words):
    script = (
        "import sys\nfrom scanclean.cli import main\n"
        f"code = main({words})\n"
        f"print('LOADED', [m for m in {HEAVY} if m in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED [] 0"


def test_import_loads_nothing_heavy():
    script = f"import sys, scanclean\nprint([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_version(run):
    assert run("--version") == (0, f"scanclean {scanclean.__version__}\n", "")


def test_every_command_has_help(run):
    code, out, _ = run("--help")
    assert code == 0
    for name in plugins.names("cli"):
        assert name in out
        code, help_text, _ = run(name, "--help")
        assert code == 0 and "Usage: scanclean" in help_text


@pytest.mark.parametrize("words", [["nosuch"], ["restore"], ["restore", "a.png"], ["--nosuch"]])
def test_wrong_usage_is_exit_2_on_stderr(run, words):
    code, out, err = run(*words)
    assert code == ExitCode.USAGE and out == "" and err


def test_a_bug_shows_where_and_asks_for_a_report(run, monkeypatch):
    import scanclean.jobs

    monkeypatch.setattr(scanclean.jobs, "plan", lambda *a: 1 / 0)
    code, out, err = run("restore", "a.png", "-o", "b.png")
    assert code == ExitCode.BUG and out == ""
    assert "ZeroDivisionError" in err and "please report it" in err


def test_interrupt_is_130_without_traceback(run, monkeypatch):
    import scanclean.jobs

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(scanclean.jobs, "plan", interrupted)
    code, _, err = run("restore", "a.png", "-o", "b.png")
    assert code == ExitCode.INTERRUPTED and "Traceback" not in err


def test_public_names_are_complete_and_sorted():
    assert scanclean.__all__ == sorted(scanclean.__all__)
    for name in scanclean.__all__:
        assert getattr(scanclean, name) is not None
    with pytest.raises(AttributeError, match="nosuch"):
        scanclean.nosuch  # noqa: B018


def test_public_names_are_listed_before_they_are_loaded():
    assert set(scanclean.__all__) <= set(dir(scanclean))
