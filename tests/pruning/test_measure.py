import numpy as np
import pytest
import torch

from scanclean import checkpoint
from scanclean.pruning import masks, measure
from scanclean.training.pairs import find_pairs, load_rgb


def test_costs_of_files(net, weights, tmp_path):
    masks.apply(masks.by_magnitude(net, 0.5), net)
    sparse = tmp_path / "sparse.safetensors"
    checkpoint.save(net, checkpoint.spec_of(net, "kbnet"), sparse, compact=True)
    found = measure.costs({"dense": weights, "again": weights, "sparse": sparse})
    dense = found["dense"]
    assert found["again"].ms == dense.ms > 0 and found["sparse"].ms != dense.ms
    assert found["sparse"].zeros == pytest.approx(0.5, abs=0.01) and dense.zeros == 0
    assert found["sparse"].gmac == dense.gmac > 0 and dense.bases == 8
    assert found["sparse"].file_mb < dense.file_mb
    assert dense.parameters == sum(p.numel() for p in net.parameters())


def test_block_alone_is_timed(net):
    from scanclean.models import kbnet

    block = kbnet.FoldedBlock(kbnet.Block(4, 2, net.config)).eval()
    assert 0 < measure.block_milliseconds(block, 4, 32) < 1e4


def test_error_of_a_network_that_changes_nothing_is_that_of_the_scan(make, tiny, data, tmp_path):
    net = make()
    with torch.no_grad():
        net.ending.weight.zero_()
        net.ending.bias.zero_()
    path = tmp_path / "still.safetensors"
    checkpoint.save(net, checkpoint.spec_of(net, "kbnet"), path)
    pairs = find_pairs(data)
    scans, cleans = (
        np.stack([load_rgb(getattr(p, side)).astype(float) for p in pairs])
        for side in ("scan", "clean")
    )
    expected = np.sqrt(np.square(scans - cleans).mean()) / 255
    assert measure.rmse(path, pairs) == pytest.approx(expected, rel=1e-3)
    assert measure.rmse(path, ()) is None
