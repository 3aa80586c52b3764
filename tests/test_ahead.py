"""Results computed ahead come in order, are bounded in number, and errors are not lost."""

import itertools
import threading
import time

import pytest

from lib.ahead import _AHEAD, map_ahead


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_results_come_in_order(threads):
    def slow(number):
        time.sleep(0.001 * (number % 3))
        return number**2

    assert list(map_ahead(slow, range(40), threads)) == [number**2 for number in range(40)]
    assert list(map_ahead(slow, [], threads)) == []


def test_threads_compute_at_the_same_time():
    """Each of four waits for the others: one thread alone would never end."""
    meeting = threading.Barrier(4, timeout=20)
    assert len(list(map_ahead(lambda _: meeting.wait(), range(8), 4))) == 8


def test_no_more_than_a_few_hundred_items_are_taken_ahead():
    taken = itertools.count()
    results = map_ahead(lambda item: item, taken, 2)
    assert next(results) == 0
    assert next(taken) == _AHEAD
    results.close()


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_comes_after_the_results_before_it(threads):
    results = map_ahead(lambda number: 6 // (3 - number), range(10), threads)
    assert list(itertools.islice(results, 3)) == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)
