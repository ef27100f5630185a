import pytest

from scanclean.config import RestoreOptions, StoreOptions
from scanclean.errors import UsageError


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "grey"}, {"strength": 7}, {"strength": float("nan")}, {"device": "gpu"}, {"tile": 8},
     {"tile": 64, "overlap": 40}, {"passes": 0}, {"passes": 5}, {"precision": "fp8"},
     {"backend": "jax"}],
    ids=str,
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError, match=list(wrong)[-1]):
        RestoreOptions(**wrong)


@pytest.mark.parametrize("wrong", [{"codec": "gif"}, {"quality": 0}, {"max_growth": 0.9}], ids=str)
def test_so_are_those_of_storage(wrong):
    with pytest.raises(UsageError):
        StoreOptions(**wrong)


def test_paper_is_not_kept_in_black_and_white():
    for wrong in ({"mode": "bitonal"}, {"store": StoreOptions(codec="g4")}):
        with pytest.raises(UsageError, match="keep-paper"):
            RestoreOptions(keep_paper=True, **wrong)
