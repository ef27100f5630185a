import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from scanclean import checkpoint
from scanclean.cli import _prune
from scanclean.config import TrainConfig
from scanclean.errors import ExitCode
from scanclean.models import dncnn, kbnet
from scanclean.pruning import work
from scanclean.pruning.options import PruneConfig, parse_bases, parse_budgets

SMALL = ("--batch", 2, "--patch", 32, "--workers", 0, "--threads", 1)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty folder, and a machine without matplotlib: curves of every phase take long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)


def save(net, arch, path):
    checkpoint.save(net, checkpoint.spec_of(net, arch, trained_on="nothing"), path)
    return path


@pytest.fixture
def weights(tmp_path) -> Path:
    torch.manual_seed(0)
    shape = {"width": 4, "encoder": (1,), "middle": 1, "decoder": (1,), "shuffle": 2}
    net = kbnet.build(kbnet.Config(**shape, bases=6, pooling="none"))
    return save(net, "kbnet", tmp_path / "six.safetensors")


def test_dsd_and_its_control_are_reported(run, data, weights, tmp_path):
    words = ["prune", weights, "--dsd", "--data", data, "--steps", 2, "--seeds", "3", *SMALL]
    code, out, err = run(*words, "-o", "out")
    assert code == 0 and out.strip() == "out/pruned.safetensors"
    text = Path("out/report.md").read_text("utf-8")
    for row in ("as given", "dense-sparse-dense", "dense control", "sparse, half way of DSD"):
        assert f"| {row} | 6 |" in text
    assert "The control has the same 2 phases" in text and "| 3: " in text
    assert "control seed 3, 2-dense (2 of 2): step 2 of 2" in err
    code, _, err = run(*words, "-o", "out")
    assert code == 0 and err.count("done already") == 4
    assert "dense-sparse-dense x 1" in checkpoint.load(Path(out.strip()))[1].trained_on


def test_fewer_bases_are_faster_networks_that_restore_takes(run, data, weights, png):
    code, out, _ = run("prune", weights, "--bases", "4,2", "--data", data, "--steps", 1, *SMALL)
    assert code == 0 and out.split() == [f"pruned/bases-{n}/pruned.safetensors" for n in (4, 2)]
    assert checkpoint.load(Path(out.split()[1]))[0].config.bases == 2
    text = Path("pruned/report.md").read_text("utf-8")
    assert "| all bases, trained on | 6 |" in text  # what training on gives without pruning
    assert "| bases-2, not trained on | 2 |" in text and "| bases-2, trained on | 2 |" in text
    assert run("restore", png, "-o", "clean.png", "--weights", out.split()[1])[0] == 0


def test_light_network_has_fewer_bases_too_and_restores(run, data, weights, png):
    words = ("--light", "--bases", 2, "--data", data, "--steps", 0, *SMALL)
    code, out, _ = run("prune", weights, *words)
    assert code == 0 and out.strip() == "pruned/bases-2-light/pruned.safetensors"
    config = checkpoint.load(Path(out.strip()))[0].config
    assert config.bases == 2 and config.lightweight
    assert "light convolutions" in Path("pruned/report.md").read_text("utf-8")
    assert run("restore", png, "-o", "o.png", "--weights", out.strip())[0] == 0


def test_budget_is_shared_out_without_training(run, data, weights):
    words = ("--budget", "3bases", "--steps", 0, "--data", data, *SMALL)
    code, out, _ = run("prune", weights, *words)
    assert code == 0
    said = json.loads(Path("pruned/bases-3-mixed/bases.json").read_text("utf-8"))
    net, spec = checkpoint.load(Path(out.strip()))
    assert list(net.config.bases_of_blocks) == said["bases"]
    assert f"{sum(said['bases'])} of 18 kernel bases kept" in spec.trained_on


def test_zeros_are_stored_compactly_and_restored_with(run, data, weights, png):
    code, out, _ = run("prune", weights, "--sparsity", 0.6, "--data", data, "--steps", 2, *SMALL)
    assert code == 0
    product = Path(out.strip())
    assert product.stat().st_size < 0.8 * weights.stat().st_size
    net = checkpoint.load(product)[0]
    assert (net.intro.weight == 0).sum() == round(0.6 * net.intro.weight.numel())
    assert "make a file smaller, not a network faster" in Path("pruned/report.md").read_text()
    assert run("restore", png, "-o", "clean.png", "--weights", product)[0] == 0


def test_newest_run_is_taken_with_its_data(run, data):
    words = ("--model", "dncnn", "--steps", 1, "-o", "run", "--batch", 2, "--patch", 32)
    assert run("train", data, *words, "--workers", 0)[0] == 0
    shutil.copytree("run", "run-2")
    os.utime("run/config.json", (1, 1))
    code, _, err = run("prune", "--sparsity", 0.5, "--steps", 0)
    assert code == 0 and "taking the newest run: run-2" in err


def test_folder_called_like_weights_is_not_taken_for_a_run(run, data):
    Path("scanclean").mkdir()
    words = ("--sparsity", 0.5, "--steps", 0, "--data", data, *SMALL)
    code, out, _ = run("prune", "scanclean", *words)
    assert code == 0 and out.strip() == "pruned/pruned.safetensors"


def test_network_is_trained_first_where_there_is_none(data):
    wish = PruneConfig(TrainConfig("", "out", steps=7), "out", dsd=True, sparsity=0.3, seeds=(4,))
    begun = _prune.beginning(wish, None, data, {"rate": 0.5}, quiet=True)
    assert begun.train.start_from == "" and begun.train.network == TrainConfig("", "").network
    plan = work.plan(begun)
    assert plan.dense and plan.dense.phases[0].config.rate == 0.5
    assert plan.source == plan.dense.weights == Path("out/dense-4/1-dense/last.safetensors")
    for arm in plan.variants[0].arms:
        assert arm.phases[0].config.start_from == str(plan.source)


def test_bare_machine_is_told_what_is_needed(run):
    code, out, err = run("prune", "--dsd")
    assert code == ExitCode.DATA and not out
    assert "--data DATA" in err.splitlines()[0] and "no run folder here" in err.splitlines()[0]


WRONG = {
    "nothing asked": ((), ExitCode.USAGE, "nothing to prune"),
    "all zero": (("--sparsity", 1), ExitCode.USAGE, "above 0 and below 1"),
    "no zeros": (("--dsd", "--sparsity", 0), ExitCode.USAGE, "above 0 and below 1"),
    "seeds": (("--dsd", "--seeds", "a"), ExitCode.USAGE, "--seeds"),
    "bases": (("--bases", "0"), ExitCode.USAGE, "--bases 0"),
    "too many bases": (("--bases", "16"), ExitCode.USAGE, "such as --bases 3"),
    "too much work": (("--budget", "8bases"), ExitCode.USAGE, "the network has 6"),
    "too little work": (("--budget", "0.001GMAC"), ExitCode.USAGE, "even one basis"),
    "unit": (("--budget", "5"), ExitCode.USAGE, "its unit"),
    "odd batch": (("--dsd", "--batch", 3), ExitCode.USAGE, "even"),
}


@pytest.mark.parametrize(("words", "code", "said"), WRONG.values(), ids=WRONG.keys())
def test_senseless_wishes_are_wrong_usage(run, data, weights, words, code, said):
    got, _, err = run("prune", weights, "--data", data, *words)
    assert got == code and said in err and not Path("pruned").exists()


def test_wrong_weights_and_data(run, data, weights, tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"x")
    code, _, err = run("prune", "x.onnx", "--dsd", "--data", data)
    assert code == ExitCode.WEIGHTS and "ONNX" in err
    plain = save(dncnn.build(dncnn.Config(width=4, depth=3)), "dncnn", tmp_path / "d.safetensors")
    code, _, err = run("prune", plain, "--bases", 2, "--data", data)
    assert code == ExitCode.WEIGHTS and "DnCNN" in err
    assert run("prune", weights, "--dsd")[0] == ExitCode.DATA
    code, _, err = run("prune", weights, "--dsd", "--data", tmp_path / "none")
    assert code == ExitCode.DATA and "none" in err
    assert run("prune", data, "--dsd")[0] == ExitCode.DATA  # a folder, but of no run
    assert not (tmp_path / "pruned").exists()


def test_what_cannot_be_cut_of_the_bundled_weights_is_said_before_any_work(run, data):
    for words, said in ((("--light",), "light already"), (("--bases", 8), "--bases 1")):
        code, _, err = run("prune", "scanclean", *words, "--data", data)
        assert code == ExitCode.USAGE and said in err and not Path("pruned").exists()


def test_what_help_and_hints_name_fits_the_bundled_weights(data):
    shown = parse_bases("1") + parse_budgets("2.4GMAC, 1.5bases")
    wish = PruneConfig(TrainConfig("", "out", steps=0), "out", budgets=shown)
    assert _prune.beginning(wish, "scanclean", data, {}, quiet=True).budgets == shown


def test_a_command_that_was_stopped_keeps_its_folder(run, data, weights, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    words = ("prune", weights, "--bases", 4, "--data", data, "--steps", 0, *SMALL)
    with monkeypatch.context() as patched:
        patched.setattr(torch.linalg, "eigh", stopped)  # while bases are judged
        assert run(*words)[0] == ExitCode.INTERRUPTED
    assert run(*words, "--rate", 1e-4)[0] == ExitCode.OUTPUT
    assert run(*words)[0] == 0


def test_weights_that_no_command_made_are_not_written_over(run, data, weights):
    Path("pruned").mkdir()
    Path("pruned/pruned.safetensors").write_text("mine")
    words = ("--sparsity", 0.5, "--data", data, "--steps", 0, *SMALL)
    assert run("prune", weights, *words)[0] == ExitCode.OUTPUT
    assert Path("pruned/pruned.safetensors").read_text() == "mine"


def test_export_fills_up_to_the_published_number_of_bases(run, weights):
    code, _, _ = run("export", weights, "-o", "wide.safetensors", "--bases", 32)
    assert code == 0
    wide, narrow = (checkpoint.load(Path(p))[0] for p in ("wide.safetensors", weights))
    assert wide.config.bases == 32
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(wide(x), narrow(x), rtol=0, atol=1e-6)
    assert run("export", weights, "-o", "w.onnx", "--bases", 4)[0] == ExitCode.WEIGHTS


def test_results_of_another_command_are_not_written_over(run, data, weights):
    words = ["prune", weights, "--bases", 4, "--data", data, "--steps", 1, *SMALL]
    assert run(*words)[0] == 0
    product = Path("pruned/bases-4/pruned.safetensors")
    before = product.read_bytes()
    code, _, err = run(*words, "--rate", 1e-4)
    assert code == ExitCode.OUTPUT and "another prune command" in err
    assert product.read_bytes() == before
    words[words.index(4)] = 2  # another size beside it
    assert run(*words)[0] == 0 and product.read_bytes() == before
    Path("pruned/prune.json").rename("pruned/config.json")
    assert run(*words)[0] == ExitCode.OUTPUT


def test_export_overwrites_nothing_unless_forced_and_never_its_input(run, weights):
    before = weights.read_bytes()
    assert run("export", weights, "-o", weights, "--force")[0] == ExitCode.USAGE
    Path("o.onnx").write_text("mine")
    code, _, err = run("export", weights, "-o", "o.onnx")
    assert code == ExitCode.OUTPUT and "--force" in err and Path("o.onnx").read_text() == "mine"
    assert run("export", weights, "-o", "o.onnx", "--force", "-q") == (0, "", "")
    assert weights.read_bytes() == before


def test_export_says_what_it_is_to_be_given(run, weights):
    assert run("export", weights, "-o", "six.onnx")[0] == 0
    code, _, err = run("export", "six.onnx", "-o", "x.safetensors")
    assert code == ExitCode.WEIGHTS and "give six.safetensors" in err
    Path("six.onnx").rename("other.onnx")
    code, _, err = run("export", "other.onnx", "-o", "x.safetensors")
    assert code == ExitCode.WEIGHTS and "scanclean weights list" in err


def test_export_says_where_bases_do_nothing(run, weights, tmp_path):
    _, _, err = run("export", weights, "--bases", 32, "-o", "wide.onnx")
    assert "left out" in err
    plain = save(dncnn.build(dncnn.Config(width=4, depth=3)), "dncnn", tmp_path / "d.safetensors")
    code, _, err = run("export", plain, "--bases", 32, "-o", "x.safetensors")
    assert code == ExitCode.WEIGHTS and "only a kbnet" in err and "--sparsity" not in err
