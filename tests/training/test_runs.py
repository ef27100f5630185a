from dataclasses import replace
from inspect import isfunction

import pytest

import scanclean
from scanclean import checkpoint
from scanclean.errors import DataError
from scanclean.pruning.bases import padded
from scanclean.spec import ModelSpec


def test_one_call_trains_on_a_folder(config):
    assert isfunction(scanclean.train)
    events = list(scanclean.train(config))
    assert [type(event).__name__ for event in events].count("Step") == config.steps
    assert isfunction(scanclean.train)  # not hidden by a module of that name


def test_faults_of_the_data_come_before_the_first_step(config, pairs_folder):
    (pairs_folder / "clean" / "1.png").unlink()
    with pytest.raises(DataError, match="no partner"):
        next(scanclean.train(replace(config, data=str(pairs_folder))))


def test_bases_that_only_fill_a_file_up_are_not_trained(config, tmp_path):
    net = checkpoint.build(ModelSpec("kbnet", {**dict(config.network), "channels": 3}))
    wide = padded(net, 8)
    path = tmp_path / "wide.safetensors"
    checkpoint.save(wide, checkpoint.spec_of(wide, "kbnet"), path)
    list(scanclean.train(replace(config, start_from=str(path), steps=1)))
    trained, _ = checkpoint.load(tmp_path / "run" / "last.safetensors")
    assert trained.config.bases == 2
