from scanclean.evaluation.contest import thinned


def test_thinning_is_even_and_keeps_order():
    assert thinned(list(range(10)), 4) == [0, 2, 5, 7]
    assert thinned([1, 2], 5) == thinned([1, 2], 0) == [1, 2]
