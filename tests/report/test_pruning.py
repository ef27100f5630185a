import pytest

from scanclean.config import TrainConfig
from scanclean.pruning.measure import Cost
from scanclean.pruning.options import PruneConfig, parse_bases
from scanclean.pruning.results import Gain, Row
from scanclean.report import pruning as report


def row(name, ms, rmse, zeros=0.0, bases=32.0):
    return Row(name, Cost(4.5, ms, 2_500_000, zeros, bases, 10.3), rmse)


ROWS = [
    row("as given", 90.0, (0.1,)),
    row("sparse", 91.0, (0.1, 0.2), zeros=0.5),
    row("bases-8", 45.0, (), bases=8.0),
]
GAINS = {
    "helps": ((0.1, 0.12, 0.11), "DSD helps"),
    "harms": ((-0.1, -0.12, -0.11), "DSD harms"),
    "lost in the spread": ((0.3, -0.2, 0.1), "no difference that counts"),
    "two seeds are few": ((0.2, 0.3), "no difference that counts"),
    "nothing at all": ((0.0, 0.0), "no difference that counts"),
    "one seed": ((0.5,), "one seed says nothing about the spread"),
}


@pytest.mark.parametrize(("db", "word"), GAINS.values(), ids=GAINS.keys())
def test_gain_is_judged_against_its_spread(db, word):
    assert Gain("", tuple(range(len(db))), db).word == word


def test_table_compares_with_the_first_network():
    lines = report.table(ROWS).splitlines()
    assert lines[2].startswith(
        "| as given | 32 | 0% | 4.50 | 90 | 1.00x | 2.500 M | 10.30 | 25.50 |"
    )
    assert "| 38.25 ± 18.03 | 16.99 ± 4.26 |" in lines[3]
    assert "| 8 | 0% | 4.50 | 45 | 2.00x |" in lines[4] and lines[4].endswith("not known |")


def test_report_says_what_was_measured(tmp_path):
    train = TrainConfig(data="/home/me/data", run="", steps=7)
    config = PruneConfig(
        train, str(tmp_path), dsd=True, sparsity=0.3, seeds=(0, 1), budgets=parse_bases("8")
    )
    gains = [Gain("", (0, 1, 2), (0.10, 0.12, 0.11))]
    path = report.write(config, ROWS, gains, pages=5, minutes=2)
    text = path.read_text("utf-8")
    assert "Data: `data`" in text and "/home/me" not in text
    assert "| as given | +0.11 ± 0.01 | 0: +0.10, 1: +0.12, 2: +0.11 | **DSD helps** |" in text
    assert "as given 90 ms, sparse 91 ms" in text
    assert "curve.png" in text
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_without_pages_to_judge_by_there_is_no_picture(tmp_path):
    assert not report.draw(tmp_path / "curve.png", [row("x", 1.0, ())])
    assert not (tmp_path / "curve.png").exists()
