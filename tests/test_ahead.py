"""Results computed ahead come in order, are bounded in number, and errors are not lost."""

import itertools
import os
import threading
import time
import weakref

import pytest
import torch

from lib.ahead import run_ahead, transform_ahead


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_order(workers):
    """Over several units, the last of them not whole; the first of each worker is the slowest."""

    def slow(number):
        time.sleep(0.02 if number % 64 == 0 else 0)
        return torch.tensor([number, number**2])

    found = list(transform_ahead(slow, iter(range(150)), workers))
    assert [pair.tolist() for pair in found] == [[number, number**2] for number in range(150)]
    assert list(transform_ahead(slow, [], workers)) == []


def test_workers_are_processes_of_their_own():
    def tell(number):
        return torch.tensor(os.getpid())

    pids = {int(pid) for pid in transform_ahead(tell, range(100), 2)}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert {int(pid) for pid in transform_ahead(tell, range(3), 0)} == {os.getpid()}


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_an_item_is_raised_and_says_what_it_was(workers):
    def divide(number):
        return torch.tensor(6 // (40 - number))

    results = transform_ahead(divide, range(100), workers)
    assert [int(each) for each in itertools.islice(results, 30)] == [
        6 // (40 - n) for n in range(30)
    ]
    with pytest.raises(ZeroDivisionError, match="by zero"):
        list(results)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_the_items_is_raised(workers):
    def count():
        yield from range(20)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(transform_ahead(torch.tensor, count(), workers))


# --- The next items of an iterator, by a thread ---------------------------------------------------


def test_items_come_in_order_from_one_thread():
    threads = []

    def count():
        for number in range(20):
            threads.append(threading.get_ident())
            yield number

    assert list(run_ahead(count(), 3)) == list(range(20))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_no_more_items_are_computed_ahead_than_asked_for():
    taken = itertools.count()
    items = run_ahead(taken, 3)
    assert next(items) == 0
    items.close()
    assert next(taken) == 4


def test_an_item_is_its_receivers_alone():
    """A view of a corpus may take half of the memory."""

    class Large:
        pass

    items = run_ahead((Large() for _ in range(3)), 1)
    item = weakref.ref(next(items))
    assert item() is None
    items.close()


def test_an_error_comes_after_the_items_before_it():
    items = run_ahead((6 // (3 - number) for number in range(10)), 5)
    assert list(itertools.islice(items, 3)) == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(items)
