from dataclasses import replace
from inspect import isfunction

import pytest

import scanclean
from scanclean.errors import DataError


def test_one_call_trains_on_a_folder(config):
    assert isfunction(scanclean.train)
    events = list(scanclean.train(config))
    assert [type(event).__name__ for event in events].count("Step") == config.steps
    assert isfunction(scanclean.train)  # not hidden by a module of that name


def test_faults_of_the_data_come_before_the_first_step(config, pairs_folder):
    (pairs_folder / "clean" / "1.png").unlink()
    with pytest.raises(DataError, match="no partner"):
        next(scanclean.train(replace(config, data=str(pairs_folder))))
