import numpy as np

from scanclean.evaluation import data
from scanclean.evaluation.pictures import GAP, write_worst
from scanclean.evaluation.table import Worst
from scanclean.training.pairs import load


def test_scan_output_and_truth_stand_side_by_side(pairs, tmp_path):
    worst = [Worst("a/best.onnx", "gain dB", "noisy.png", "-1")]
    (path,) = write_worst(
        tmp_path / "out", worst, data.samples(pairs), {"a/best.onnx": lambda p: 255 - p}
    )
    assert path.name == "best-gain-dB-noisy.png"
    shown, scan = load(path), load(pairs / "scan" / "noisy.png")
    width = scan.shape[1]
    assert shown.shape == (96, 3 * width + 2 * GAP)
    assert np.array_equal(shown[:, :width], scan)
    assert np.array_equal(shown[:, width + GAP :][:, :width], 255 - scan)
    assert np.array_equal(shown[:, -width:], load(pairs / "clean" / "noisy.png"))
