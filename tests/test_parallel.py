import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanclean.parallel import in_order


def test_results_come_in_the_order_of_the_items():
    def slow_first(n):
        time.sleep(0.02 if n == 0 else 0)
        return n * n

    with ThreadPoolExecutor(4) as pool:
        assert list(in_order(pool, slow_first, range(6), 4)) == [(n, n * n) for n in range(6)]


def test_items_are_taken_lazily():
    taken = []

    def items():
        for n in range(100):
            taken.append(n)
            yield n

    with ThreadPoolExecutor(1) as pool:
        results = in_order(pool, lambda n: n, items(), 3)
        next(results)
        assert len(taken) == 3
        results.close()


def test_the_first_failure_is_raised():
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(in_order(pool, lambda n: 1 // n, [1, 0, 2], 2))
