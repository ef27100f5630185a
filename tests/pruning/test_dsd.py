from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scanclean import checkpoint
from scanclean.errors import DataError, ScancleanError
from scanclean.pruning import dsd, masks
from scanclean.training.events import Step
from scanclean.training.material import gather


def make(arm, stop_after=None):
    """Carry an arm out; with `stop_after`, its first phase is cut off after that step."""
    for phase in arm.phases:
        if dsd.finished(phase):
            continue
        events = dsd.carry_out(phase, gather(phase.config))
        for event in events:
            if isinstance(event, Step) and event.step == stop_after:
                events.close()
                return


def same(a, b):
    first, second = load_file(a), load_file(b)
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def arms(settings, tmp_path):
    kinds = ("dsd", "control")
    return {k: dsd.arm(k, settings, tmp_path / "out", 2, sparsity=0.4, cycles=2) for k in kinds}


def test_control_differs_from_dsd_in_its_masks_alone(arms):
    assert len(arms["dsd"].phases) == len(arms["control"].phases) == 4
    for number, (one, other) in enumerate(
        zip(arms["dsd"].phases, arms["control"].phases, strict=True)
    ):
        where = ("run", "start_from")
        assert replace(one.config, **{n: getattr(other.config, n) for n in where}) == other.config
        assert one.sparsity == (0.0 if number % 2 else 0.4) and other.sparsity == 0.0
    rates = [phase.config.rate for phase in arms["dsd"].phases]
    assert rates == pytest.approx([1e-2, 1e-3, 1e-2, 1e-3])
    assert len({phase.config.seed for phase in arms["dsd"].phases}) == 4


def test_sparse_phase_keeps_zeros_and_the_second_dense_frees_them(settings, tmp_path, net):
    arm = dsd.arm("dsd", settings, tmp_path / "out", 0, sparsity=0.4)
    make(arm)
    held = masks.by_magnitude(net, 0.4)
    sparse, dense = (checkpoint.load(phase.weights)[0] for phase in arm.phases)
    for name, mask in held.items():
        assert (sparse.get_parameter(name)[~mask] == 0).all(), name
        assert (dense.get_parameter(name)[~mask] != 0).any(), name
    assert arm.weights == arm.phases[1].weights and dsd.seconds(arm) > 0


def test_second_dense_phase_begins_with_the_weights_of_the_sparse_one(settings, tmp_path):
    still = replace(settings, rate=0.0, floor=0.0)
    arm = dsd.arm("dsd", still, tmp_path, 0, sparsity=0.4)
    make(arm)
    assert same(arm.phases[0].weights, arm.phases[1].weights)
    assert masks.share_of_zeros(checkpoint.load(arm.weights)[0]) == pytest.approx(0.4, abs=0.02)


def test_cut_off_phase_goes_on_to_the_same_weights(settings, tmp_path):
    arms = [dsd.arm("sparse", settings, tmp_path / n, 0, sparsity=0.5) for n in ("a", "b")]
    make(arms[0])
    make(arms[1], stop_after=2)
    assert dsd.finished(arms[0].phases[0]) and not dsd.finished(arms[1].phases[0])
    make(arms[1])
    assert same(arms[0].weights, arms[1].weights)


def test_finished_phase_is_not_made_again_unless_it_would_be_another(
    settings, tmp_path, make_dense
):
    arm = dsd.arm("sparse", settings, tmp_path / "out", 0, sparsity=0.5)
    make(arm)
    assert dsd.finished(arm.phases[0])
    changes = {"steps": 4, "rate": 1e-3}
    for name, value in changes.items():
        other = dsd.arm(
            "sparse", replace(settings, **{name: value}), tmp_path / "out", 0, sparsity=0.5
        )
        assert not dsd.finished(other.phases[0]), name
    assert not dsd.finished(replace(arm.phases[0], sparsity=0.6))
    on_another = dsd.arm("sparse", replace(settings, threads=2), tmp_path / "out", 0, sparsity=0.5)
    assert dsd.finished(on_another.phases[0])
    make_dense(Path(settings.start_from))
    assert not dsd.finished(arm.phases[0])


def test_seeds_differ_and_arms_of_one_seed_see_the_same_patches(settings, tmp_path):
    seeds = [dsd.arm("tuned", settings, tmp_path, seed) for seed in (0, 1)]
    assert seeds[0].phases[0].config.seed != seeds[1].phases[0].config.seed
    sparse = dsd.arm("sparse", settings, tmp_path, 0, sparsity=0.5)
    assert sparse.phases[0].config.seed == seeds[0].phases[0].config.seed


def test_folder_of_something_else_is_left_alone(settings, tmp_path):
    arm = dsd.arm("tuned", settings, tmp_path, 0)
    arm.phases[0].run.mkdir(parents=True)
    (arm.phases[0].run / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="not empty"):
        make(arm)
    assert (arm.phases[0].run / "thesis.tex").exists()


def test_missing_start_is_told(settings, tmp_path):
    arm = dsd.arm(
        "tuned", replace(settings, start_from=str(tmp_path / "no.safetensors")), tmp_path, 0
    )
    with pytest.raises(ScancleanError, match="no.safetensors"):
        make(arm)


def test_dense_arm_begins_with_nothing(settings, tmp_path):
    network = (("width", 4), ("encoder", (1,)), ("middle", 1), ("decoder", (1,)), ("bases", 2))
    arm = dsd.arm("dense", replace(settings, start_from="", network=network), tmp_path, 0)
    make(arm)
    assert checkpoint.load(arm.weights)[0].config.bases == 2
