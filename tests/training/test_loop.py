import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from scanclean import checkpoint
from scanclean.errors import DataError
from scanclean.training.feed import Patches, batches
from scanclean.training.loop import Evaluation, Saved, Step, read_config, train
from scanclean.training.pairs import find_pairs


def run(config, resume=False, stop_after=None):
    pairs = find_pairs(Path(config.data))
    events = train(config, pairs[:3], (), pairs[3:], resume=resume)
    seen = []
    for event in events:
        seen.append(event)
        if isinstance(event, Step) and event.step == stop_after:
            events.close()
            break
    return seen


def weights(config, name="last"):
    return load_file(Path(config.run) / f"{name}.safetensors")


def test_loss_falls(config):
    steps = [e for e in run(replace(config, steps=60, rate=5e-3)) if isinstance(e, Step)]
    first, last = (np.mean([s.loss for s in part]) for part in (steps[:10], steps[-10:]))
    assert last < 0.6 * first


def test_events_and_files_of_a_run(config):
    events = run(config)
    assert [e.step for e in events if isinstance(e, Step)] == [1, 2, 3, 4, 5, 6]
    assert [e.step for e in events if isinstance(e, Evaluation)] == [3, 6]
    assert events[-1] == Saved(6, Path(config.run) / "last.ckpt")
    log = [json.loads(line) for line in (Path(config.run) / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in log].count("Evaluation") == 2
    assert read_config(Path(config.run)) == config


def test_weights_of_a_run_are_what_restore_takes(config):
    run(config)
    net, spec = checkpoint.load(Path(config.run) / "best.safetensors")
    assert spec.arch == "kbnet" and spec.even_paper and "steps, seed 0" in spec.trained_on
    assert net(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("stop", [1, 4])
def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(config, tmp_path, stop):
    run(config)
    halves = replace(config, run=str(tmp_path / "halves"))
    run(halves, stop_after=stop)
    run(halves, resume=True)
    for name, tensor in weights(config).items():
        assert torch.equal(tensor, weights(halves)[name]), name


def test_closing_the_generator_saves(config):
    run(config, stop_after=2)
    assert (Path(config.run) / "last.ckpt").exists()


def test_averaged_weights_lag_behind(config):
    run(replace(config, steps=3, ema=0.5))
    stored = torch.load(Path(config.run) / "last.ckpt", weights_only=True)
    assert not torch.equal(stored["net"]["intro.weight"], stored["average"]["intro.weight"])


def test_held_branch_is_not_trained(config):
    run(config)
    state = weights(config)
    assert (state["middle_blks.0.sca.1.weight"] == 0).all()
    assert (state["middle_blks.0.sca.1.bias"] == 1).all()


def test_patches_do_not_depend_on_where_a_run_begins(config):
    data = Patches(find_pairs(Path(config.data)), (), config)
    late = next(batches(data, config, 3))
    all_steps = list(batches(data, config, 0))
    assert len(all_steps) == config.steps
    assert torch.equal(all_steps[3][0], late[0]) and not torch.equal(all_steps[2][0], late[0])


def test_nothing_to_learn_from(config):
    with pytest.raises(DataError, match="nothing to learn"):
        next(train(config, (), (), ()))


def test_nothing_to_resume(config):
    with pytest.raises(DataError, match="no such checkpoint"):
        run(config, resume=True)
