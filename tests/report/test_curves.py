import math
import subprocess
import sys

import pytest
from PIL import Image

from scanclean.report.curves import Curve, draw_study, smoothed


def test_smoothing_keeps_the_mean_and_the_end():
    curve = smoothed(Curve("loss", list(range(1, 1001)), [1.0, 3.0] * 500), parts=10)
    assert curve.steps == [100 * n for n in range(1, 11)]
    assert curve.values == [2.0] * 10


def test_smoothing_leaves_out_what_is_no_number():
    curve = smoothed(Curve("loss", [1, 2, 3], [1.0, math.nan, math.inf]))
    assert curve == Curve("loss", [1], [1.0])


@pytest.mark.parametrize("values", [[3.0, 2.0], [], [0.0, 0.0]], ids=["some", "none", "zeros"])
def test_any_curve_can_be_drawn(tmp_path, values):
    curve = Curve("run", list(range(len(values))), values)
    assert draw_study(tmp_path / "c.png", [("group", [curve, curve])])
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.size == (800, 300)


def test_without_matplotlib_nothing_is_drawn_and_nothing_fails(tmp_path):
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from pathlib import Path\n"
        "from scanclean.report.curves import draw_study\n"
        "assert not draw_study(Path(sys.argv[1]), [('group', [])])\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "c.png"], check=True)
    assert not (tmp_path / "c.png").exists()
