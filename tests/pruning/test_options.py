import pytest

from scanclean.config import TrainConfig
from scanclean.errors import UsageError
from scanclean.pruning import options
from scanclean.pruning.options import Budget, PruneConfig


def test_bases_and_budgets_are_read():
    assert options.parse_bases("16, 8") == (Budget(16, "each"), Budget(8, "each"))
    assert options.parse_budgets("4gmac,90 ms") == (Budget(4, "GMAC"), Budget(90, "ms"))


@pytest.mark.parametrize("text", ["0", "-4", "4.5", "four", "99999"])
def test_senseless_bases_are_wrong_usage(text):
    with pytest.raises(UsageError, match="--bases"):
        options.parse_bases(text)


@pytest.mark.parametrize("text", ["4", "0ms", "4parsec", "ms", "-3ms", "8each"])
def test_senseless_budgets_are_wrong_usage(text):
    with pytest.raises(UsageError, match="--budget"):
        options.parse_budgets(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "nothing to prune"),
        ({"sparsity": 1.0}, "--sparsity 1"),
        ({"dsd": True, "seeds": (1, 1)}, "--seeds"),
        ({"dsd": True, "train": TrainConfig("", "", steps=0)}, "--steps"),
    ],
)
def test_senseless_settings_are_wrong_usage(changes, words):
    with pytest.raises(UsageError, match=words):
        options.check(PruneConfig(**({"train": TrainConfig("", ""), "run": ""} | changes)))
