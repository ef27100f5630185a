import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scanclean import checkpoint
from scanclean.errors import ExitCode


def test_train_resume_and_restore(run, data, tmp_path):
    code, out, err = run(
        "train", data, "-o", tmp_path / "run", "--steps", 2, "--batch", 2, "--patch", 32
    )
    assert code == 0 and "RMSE" in err
    best = out.strip()
    assert Path(best) == tmp_path / "run" / "best.safetensors" and Path(best).exists()
    assert run("train", "--resume", tmp_path / "run")[0] == 0
    page = data / "scan" / "0.png"
    assert run("restore", page, "-o", tmp_path / "o.png", "--weights", best)[0] == 0


def test_faulty_data_is_exit_7_and_named(run, data, tmp_path):
    (data / "clean" / "1.png").unlink()
    code, _, err = run("train", data, "-o", tmp_path / "run")
    assert code == ExitCode.DATA and "1.png has no partner" in err
    assert not (tmp_path / "run").exists()


def test_either_data_or_resume(run, data):
    assert run("train")[0] == ExitCode.USAGE
    assert run("train", data, "--resume", data)[0] == ExitCode.USAGE


TINY = ("--steps", 2, "--batch", 2, "--patch", 32, "--workers", 0)


@pytest.mark.parametrize("model", ["dncnn", "srresnet", "unet", "pix2pix"])
def test_weights_of_every_model_are_what_restore_takes(run, data, tmp_path, model):
    code, out, err = run("train", data, "--model", model, *TINY, "-o", tmp_path / "run")
    assert code == 0, err
    page = data / "scan" / "0.png"
    assert run("restore", page, "-o", tmp_path / "o.png", "--weights", out.strip())[0] == 0


def test_options_override_the_recipe(run, data, tmp_path):
    words = ("--recipe", "study/srresnet-l1", "--rate", "0.002", "--schedule", "constant")
    code, _, err = run("train", data, *words, *TINY, "-o", tmp_path / "run")
    assert code == 0 and "loss" in err and "rate 0.002" in err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["recipe"] == "study/srresnet-l1" and config["loss"] == "l1"
    assert (config["rate"], config["schedule"], config["steps"]) == (0.002, "constant", 2)


def test_unknown_recipe_is_wrong_usage_and_lists_all(run, data):
    code, _, err = run("train", data, "--recipe", "study/nosuch")
    assert code == ExitCode.USAGE and "study/kbnet-4" in err and "release/scanclean" in err
    code, out, _ = run("train", "--list-recipes")
    assert code == 0 and "study/kbnet-4 " in out and "3.47" in out


@pytest.mark.parametrize(
    "words",
    [
        ("--loss", "l3"),
        ("--model", "nosuch"),
        ("--recipe", "study/classical"),
        ("--batch", 3),
        ("--patch", 33),
        ("--channels", 2),
        ("--channels", 4),
        ("--threads", 100_000),
        ("--model", "unet", "--patch", 40),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_senseless_settings_are_wrong_usage(run, data, tmp_path, words):
    assert run("train", data, *words, "-o", tmp_path / "run")[0] == ExitCode.USAGE
    assert not (tmp_path / "run").exists()


def test_what_a_run_settled_cannot_be_changed_when_it_goes_on(run, data, tmp_path):
    assert run("train", data, *TINY, "-o", tmp_path / "run", "-q") == (
        0,
        f"{tmp_path}/run/best.safetensors\n",
        "",
    )
    code, _, err = run("train", "--resume", tmp_path / "run", "--rate", 1)
    assert code == ExitCode.USAGE and "--rate" in err
    code, _, err = run("train", "--resume", tmp_path / "run", "-o", tmp_path / "other")
    assert code == ExitCode.USAGE and "-o" in err and not (tmp_path / "other").exists()
    assert run("train", "--resume", tmp_path / "run", "--steps", 3)[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on(run, data, tmp_path, number):
    words = ("--steps", 3000, "--batch", 2, "--patch", 32, "--model", "dncnn", "--workers", 1)
    log = tmp_path / "run" / "log.jsonl"

    def stop():
        while not (log.exists() and '"step": 3,' in log.read_text()):
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    watcher = threading.Thread(target=stop)
    watcher.start()
    code, out, err = run("train", data, *words, "-o", tmp_path / "run")
    watcher.join()
    assert code == ExitCode.INTERRUPTED and out == "" and "--resume" in err
    assert "then saving" in err and "without saving" not in err  # the second one saves as well
    made = len(log.read_text().splitlines())
    assert made < 3000
    code, _, _ = run("train", "--resume", tmp_path / "run", "--steps", made + 1)
    assert code == 0 and f'"step": {made + 1},' in log.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_of_a_group_saves(data, tmp_path, number):
    """As a terminal sends it, and `timeout`; also amid an evaluation."""
    words = ["--steps", "3000", "--batch", "2", "--patch", "32", "--model", "dncnn"]
    more = ["--workers", "1", "--evaluate-every", "1", "-o", tmp_path / "run"]
    command = [sys.executable, "-m", "scanclean", "train", data, *words, *more]
    log = tmp_path / "run" / "log.jsonl"
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not (log.exists() and '"step": 3,' in log.read_text()):
            time.sleep(0.05)
        os.killpg(process.pid, number)
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == ExitCode.INTERRUPTED, said
    assert "--resume" in said and "bug" not in said and (tmp_path / "run/last.ckpt").exists()


def test_larger_network_grows_from_the_bundled_weights(run, data, tmp_path):
    recipe = ("--recipe", "release/scanclean-hq")
    code, _, err = run("train", data, *recipe, "-o", tmp_path / "nothing", *TINY)
    assert code == 2 and "--grow: there is nothing to grow from" in err
    words = (*recipe, "--from", "scanclean", "--grow", "-o", tmp_path / "large")
    code, out, err = run("train", data, *words, *TINY)
    assert code == 0, err
    net = checkpoint.load(Path(out.strip()))[0]
    assert net.config.shuffle == 1 and net.config.middle == 4 and not net.config.lightweight


def test_a_run_is_not_written_over_unless_forced(run, data, tmp_path):
    words = ("train", data, *TINY, "-o", tmp_path / "run", "-q")
    assert run(*words)[0] == 0
    before = (tmp_path / "run" / "last.ckpt").read_bytes()
    code, _, err = run(*words, "--seed", 5)
    assert code == ExitCode.OUTPUT and "--resume" in err and "--force" in err
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == before
    assert run(*words, "--seed", 5, "--force")[0] == 0
    assert (tmp_path / "run" / "last.ckpt").read_bytes() != before


def test_a_file_is_no_place_for_a_run(run, data, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", "/proc/nosuch"):
        code, _, err = run("train", data, *TINY, "-o", place)
        assert code == ExitCode.OUTPUT and "Traceback" not in err


def test_the_model_of_the_weights_to_begin_with_is_the_one(run, data, tmp_path):
    words = ("train", data, "--from", "scanclean", "-o", tmp_path / "run")
    code, _, err = run(*words, "--model", "unet")
    assert code == ExitCode.USAGE and "unet" in err and "kbnet" in err
    code, _, err = run(*words, "--recipe", "study/unet")
    assert code == ExitCode.USAGE and "unet" in err and "kbnet" in err


def test_clean_pages_alone_are_named_as_such(run, data, tmp_path):
    _, out, err = run("train", data / "clean", *TINY, "-o", tmp_path / "run")
    assert Path(out.strip()) == tmp_path / "run" / "best.safetensors"
    assert "its 3 files are taken as clean, and degraded" in err
    code, _, err = run("train", tmp_path / "none", *TINY, "-o", tmp_path / "new")
    assert code == ExitCode.DATA and "taken as clean" not in err
    _, _, err = run("train", data, *TINY, "-o", tmp_path / "other")
    assert "taken as clean" not in err


REFUSED = {
    "patch": (("--patch", 33), ExitCode.USAGE),
    "device": (("--precision", "fp16", "--device", "cpu"), ExitCode.DEVICE),
}


@pytest.mark.parametrize(("words", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_run_survives_a_forced_one_that_is_refused(run, data, tmp_path, words, code):
    whole = ("train", data, *TINY, "-o", tmp_path / "run", "-q")
    assert run(*whole)[0] == 0
    before = contents(tmp_path / "run")
    assert run(*whole, "--force", *words)[0] == code
    assert run("train", tmp_path / "none", *whole[2:], "--force")[0] == ExitCode.DATA
    assert contents(tmp_path / "run") == before


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_is_never_written_over_what_it_learns_from(run, data, tmp_path):
    place = tmp_path / "run"
    assert run("train", data, *TINY, "-o", place, "-q")[0] == 0
    before = contents(place)
    for words in ((data, "--from", place / "best.safetensors"), (place / "samples",)):
        assert run("train", *words, *TINY, "-o", place, "--force")[0] == ExitCode.USAGE
    assert contents(place) == before


def test_force_leaves_alone_what_is_no_runs(run, data, tmp_path):
    for name in ("pages", "samples", "cache"):
        (tmp_path / "own" / name).mkdir(parents=True)
        (tmp_path / "own" / name / "mine.txt").write_text("mine")
    assert run("train", data, *TINY, "-o", tmp_path / "own", "--force", "-q")[0] == 0
    assert (tmp_path / "own" / "pages" / "mine.txt").exists()
    assert (tmp_path / "own" / "samples" / "mine.txt").exists()
    assert [path.name for path in (tmp_path / "own" / "cache").iterdir()] == ["mine.txt"]


def test_weights_without_a_run_are_not_written_over(run, data, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "best.safetensors").write_text("mine")
    code, _, err = run("train", data, *TINY, "-o", tmp_path / "own")
    assert code == ExitCode.OUTPUT and "--force" in err
    assert (tmp_path / "own" / "best.safetensors").read_text() == "mine"


def test_only_a_run_that_was_saved_is_to_be_gone_on_with(run, data, tmp_path):
    assert run("train", data, *TINY, "-o", tmp_path / "run", "-q")[0] == 0
    (tmp_path / "run" / "last.ckpt").unlink()
    code, _, err = run("train", data, *TINY, "-o", tmp_path / "run")
    assert code == ExitCode.OUTPUT and "--resume" not in err and "--force" in err
