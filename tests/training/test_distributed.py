"""Two processes that talk through gloo, as `torchrun` starts them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scanclean.training.distributed import ALONE, World, joined, place
from scanclean.training.feed import Patches, batches
from scanclean.training.loop import train
from scanclean.training.pairs import find_pairs
from scanclean.training.rundir import read_config, read_log

SCRIPT = """
import sys
from glob import glob
from pathlib import Path
import torch
from scanclean.cli import main
from scanclean.training.distributed import joined
from scanclean.training.loop import train
from scanclean.training.pairs import find_pairs
from scanclean.training.rundir import read_config

config = read_config(Path(sys.argv[1]))
nets = []
with joined("cpu") as world:
    pairs = find_pairs(Path(config.data))
    list(train(config, pairs, (), pairs[:1], after_step=nets.append))
    net = nets[-2]  # the last one is the average
    torch.save(net.state_dict(), f"{sys.argv[1]}/rank{world.rank}.pt")
    del net, nets
    words = "--steps 2 --batch 2 --patch 32 --workers 0 --model dncnn -o".split()
    code = main(["train", config.data, *words, f"{sys.argv[1]}/command"])
# threads that outlive the group would abort a process that ends, now and then
named = [Path(task, "comm").read_text().strip() for task in glob("/proc/self/task/*")]
assert not [name for name in named if "gloo" in name], named
sys.exit(code)
"""


def torchrun(*words):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [str(word) for word in (*launcher, "--nproc-per-node", 2, *words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def settings(config):
    return replace(config, steps=3, evaluate_every=3, rate=1e-2, warmup=0, schedule="constant")


def test_two_processes_take_the_steps_of_one_with_twice_the_batch(settings, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    one = replace(settings, batch=4, run=str(tmp_path / "one"))
    pairs = find_pairs(Path(settings.data))
    list(train(one, pairs, (), pairs[:1]))
    Path(settings.run).mkdir()
    (Path(settings.run) / "config.json").write_text(
        (tmp_path / "one" / "config.json")
        .read_text()
        .replace('"batch": 4', '"batch": 2')
        .replace(str(tmp_path / "one"), settings.run)
    )
    assert read_config(Path(settings.run)) == settings
    done = torchrun(script, settings.run)
    first, second = (torch.load(Path(settings.run) / f"rank{n}.pt") for n in (0, 1))
    together = load_file(Path(settings.run) / "last.safetensors")
    alone = load_file(tmp_path / "one" / "last.safetensors")
    for name in first:
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(together[name], alone[name], rtol=0, atol=1e-5)
    logs = [read_log(Path(run)) for run in (settings.run, one.run)]
    assert [line["event"] for line in logs[0]] == [line["event"] for line in logs[1]]
    assert logs[0][0]["loss"] == pytest.approx(logs[1][0]["loss"], rel=1e-5)
    # the command line: words and the path of the weights from the leader alone
    assert done.stdout.strip() == str(Path(settings.run) / "command" / "best.safetensors")
    assert done.stderr.count("RMSE") == 1


def test_processes_share_the_patches_of_a_step(settings):
    data = Patches(find_pairs(Path(settings.data)), (), settings)
    wide = list(batches(data, replace(settings, batch=4), 0))
    parts = [list(batches(data, settings, 0, World(rank, 2))) for rank in (0, 1)]
    for whole, left, right in zip(wide, *parts, strict=True):
        assert torch.equal(whole[0], torch.cat([left[0], right[0]]))


def test_one_process_is_alone_and_on_the_cpu():
    with joined("cpu") as world:
        assert world == ALONE and world.leads and place("cpu", world).type == "cpu"
