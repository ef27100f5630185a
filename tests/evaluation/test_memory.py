import sys

import numpy as np
import pytest

from scanclean.evaluation.memory import Peak


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can start the measurement anew")
def test_the_peak_is_seen_although_it_is_over():
    with Peak() as peak:
        big = np.ones(60_000_000, np.uint8)
        del big
    if peak.mb is None:
        pytest.skip("this system does not let a process start the measurement anew")
    assert 50 < peak.mb < 90


def test_where_nothing_can_be_measured_nothing_is_claimed(monkeypatch, tmp_path):
    monkeypatch.setattr("scanclean.evaluation.memory._RESET", tmp_path / "missing" / "file")
    with Peak() as peak:
        pass
    assert peak.mb is None
