import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from scanclean import checkpoint
from scanclean.errors import DataError, DeviceError, UsageError
from scanclean.models import kbnet
from scanclean.training.feed import Patches, batches
from scanclean.training.loop import Evaluation, Saved, Step, read_config, train
from scanclean.training.pairs import find_pairs
from scanclean.training.rundir import read_log


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


def same(a, b):
    """Whether two states are equal bit for bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_loss_falls(config, optimiser):
    steps = [
        e
        for e in run(replace(config, optimiser=optimiser, steps=60, rate=5e-3, evaluate_every=60))
        if isinstance(e, Step)
    ]
    first, last = (np.mean([s.loss for s in part]) for part in (steps[:10], steps[-10:]))
    assert last < 0.6 * first


def test_events_and_files_of_a_run(config):
    events = run(config)
    assert [e.step for e in events if isinstance(e, Step)] == [1, 2, 3, 4, 5, 6]
    assert [e.step for e in events if isinstance(e, Evaluation)] == [3, 6]
    assert events[-1] == Saved(6, Path(config.run) / "last.ckpt")
    log = read_log(Path(config.run))
    assert [line["event"] for line in log].count("Evaluation") == 2
    assert read_config(Path(config.run)) == config


def test_weights_of_a_run_are_what_restore_takes(config):
    run(config)
    net, spec = checkpoint.load(Path(config.run) / "best.safetensors")
    assert spec.arch == "kbnet" and spec.even_paper and "steps, seed 0" in spec.trained_on
    assert net(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)


PIX2PIX = {
    "model": "pix2pix",
    "network": (("width", 4), ("depth", 4), ("critic_width", 4), ("critic_depth", 2)),
    "adversarial": 0.5,
}
SMALL = (("encoder", (1,)), ("middle", 1), ("decoder", (1,)), ("bases", 2))
RESUMED = {
    "early": (1, {}),
    "late": (4, {}),
    "restarts and pinned rate": (3, {"schedule": "restarts", "period": 0.3, "pin_from": 0.7}),
    "against a critic, with dropout": (2, PIX2PIX),
    "workers": (2, {"workers": 1}),
    "muon": (3, {"optimiser": "muon", "network": (("width", 16), *SMALL)}),
}


@pytest.mark.parametrize(("stop", "changes"), RESUMED.values(), ids=RESUMED.keys())
def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(config, tmp_path, stop, changes):
    config = replace(config, evaluate_every=5, **changes)
    run(config)
    halves = replace(config, run=str(tmp_path / "halves"))
    run(halves, stop_after=stop)
    run(halves, resume=True)
    whole, again = (
        torch.load(Path(c.run) / "last.ckpt", weights_only=True) for c in (config, halves)
    )
    assert same(again, whole)
    assert ("critic_net" in whole) == ("model" in changes)
    assert ("muon" in whole) == ("optimiser" in changes)
    steps = [line["step"] for line in read_log(Path(halves.run))]
    assert steps == [1, 2, 3, 4, 5, 5, 6, 6]  # each once, and two evaluations


@pytest.mark.skipif(not hasattr(os, "getpgid"), reason="no process groups")
def test_signals_to_the_group_of_a_training_do_not_reach_its_workers(config):
    pairs = find_pairs(Path(config.data))
    events = train(replace(config, workers=1), pairs, (), ())
    next(events)
    workers = [os.getpgid(child.pid) for child in multiprocessing.active_children() if child.pid]
    events.close()
    assert workers and os.getpgrp() not in workers
    assert not multiprocessing.active_children()


def test_workers_do_not_change_the_weights(config, tmp_path):
    run(config)
    other = replace(config, workers=1, run=str(tmp_path / "other"))
    run(other)
    for name, tensor in weights(config).items():
        assert torch.equal(tensor, weights(other)[name]), name


def test_critic_learns_and_moves_the_network(config, tmp_path):
    config = replace(config, steps=2, warmup=0, **PIX2PIX)
    assert all(step.critic > 0 for step in run(config) if isinstance(step, Step))
    alone = replace(config, adversarial=0, run=str(tmp_path / "alone"))
    assert all(step.critic is None for step in run(alone) if isinstance(step, Step))
    assert not torch.equal(*(weights(c)["last.1.weight"] for c in (config, alone)))


def test_checkpointing_changes_memory_only(config, tmp_path):
    run(config)
    other = replace(config, checkpointing=True, run=str(tmp_path / "other"))
    run(other)
    for name, tensor in weights(config).items():
        torch.testing.assert_close(weights(other)[name], tensor, rtol=0, atol=1e-6)


def test_network_without_blocks_cannot_be_checkpointed(config):
    plain = replace(config, model="dncnn", network=(("width", 4),), checkpointing=True)
    with pytest.raises(UsageError, match="no blocks"):
        run(plain)


def test_hook_sees_the_network_and_its_average_after_each_step(config):
    pairs = find_pairs(Path(config.data))
    seen = []

    def hold(net):
        seen.append(net)
        with torch.no_grad():
            net.intro.weight.zero_()

    list(train(config, pairs[:3], (), pairs[3:], after_step=hold))
    assert len(seen) == 2 * config.steps and len({id(net) for net in seen}) == 2
    stored = torch.load(Path(config.run) / "last.ckpt", weights_only=True)
    assert (stored["net"]["intro.weight"] == 0).all()
    assert (stored["average"]["intro.weight"] == 0).all()


def test_given_network_is_where_a_run_begins_and_stays_as_it_is(config):
    pairs = find_pairs(Path(config.data))
    config = replace(config, rate=0.0, warmup=0, schedule="constant", weight_decay=0.0, steps=1)
    start = kbnet.build(kbnet.Config(**(dict(config.network) | {"width": 8})))
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    list(train(config, pairs, (), (), start=start))
    for name, tensor in weights(config).items():
        assert torch.equal(tensor, before[name]) and torch.equal(start.state_dict()[name], tensor)


def test_one_channel_is_trained_and_restored(config):
    events = run(replace(config, channels=1))
    assert any(isinstance(event, Evaluation) for event in events)
    net, spec = checkpoint.load(Path(config.run) / "best.safetensors")
    assert spec.channels == 1 and net(torch.rand(1, 1, 8, 8)).shape == (1, 1, 8, 8)


def test_network_of_other_channels_is_refused(config):
    gray = kbnet.build(kbnet.Config(**(dict(config.network) | {"channels": 1})))
    with pytest.raises(UsageError, match="1 channels, not 3"):
        next(train(config, find_pairs(Path(config.data)), (), (), start=gray))


def test_divergence_goes_back_to_good_weights_and_says_what_to_do(config):
    pairs = find_pairs(Path(config.data))
    calls = []

    def ruin(net):
        calls.append(net)
        if len(calls) == 7:  # the network itself, in step 4
            with torch.no_grad():
                net.intro.weight.fill_(float("nan"))

    seen = []
    with pytest.raises(DataError, match="diverged in step 5") as caught:
        seen.extend(train(config, pairs, (), (), after_step=ruin))
    assert "--rate 0.00033" in caught.value.hint and "last.safetensors" in str(caught.value)
    log = read_log(Path(config.run))
    assert log[-1]["event"] == "Diverged" and log[-1]["good"] == 0
    assert all(tensor.isfinite().all() for tensor in weights(config).values())


def test_interrupt_inside_a_step_saves_a_whole_state(config):
    pairs = find_pairs(Path(config.data))

    def stop(net):
        if net.training and stop.left == 0:
            raise KeyboardInterrupt
        stop.left -= net.training

    stop.left = 3
    with pytest.raises(KeyboardInterrupt):
        list(train(config, pairs, (), (), after_step=stop))
    stored = torch.load(Path(config.run) / "last.ckpt", weights_only=True)
    moments = stored["optimiser"]["state"]
    assert stored["step"] == 0 and not moments  # not three steps and a half


def test_whole_pages_need_tiles_as_large_as_the_patches(config):
    pooled = tuple({**dict(config.network), "pooling": "global"}.items())
    run(replace(config, network=pooled))
    spec = checkpoint.load(Path(config.run) / "best.safetensors")[1]
    assert spec.fixed_tile and spec.tile == config.patch


def test_weights_tell_their_recipe_and_settings_but_no_folders(config, tmp_path):
    run(replace(config, recipe="study/kbnet-4"))
    with safe_open(Path(config.run) / "best.safetensors", "pt") as file:
        metadata = file.metadata()
    said = json.loads(metadata["scanclean_training"])
    assert metadata["scanclean_recipe"] == said["recipe"] == "study/kbnet-4"
    assert said["steps"] == config.steps and said["data"] == "data"
    assert str(tmp_path) not in str(metadata)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("changes", [{"precision": "fp16"}, {"device": "cuda"}], ids=str)
def test_missing_device_is_an_error(config, changes):
    with pytest.raises(DeviceError, match="CUDA"):
        run(replace(config, **changes))


def test_half_precision_of_the_cpu_trains(config):
    steps = [e for e in run(replace(config, precision="bf16")) if isinstance(e, Step)]
    assert len(steps) == config.steps and np.isfinite([s.loss for s in steps]).all()


def test_odd_batch_is_refused(config):
    with pytest.raises(UsageError, match="even"):
        run(replace(config, batch=3))


def test_picture_damaged_inside_is_named(config):
    for scan in (Path(config.data) / "scan").iterdir():
        scan.write_bytes(scan.read_bytes()[:-40])  # its head is good
    with pytest.raises(DataError, match=r"scan/\d\.png: is damaged"):
        run(replace(config, workers=1))


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
