"""`map` whose results are computed ahead by threads: for decoding, which lets other threads run."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 512  # results that wait at most: two usual batches, so that a GPU need not


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Yield `function(item)` of all items, in their order.

    Items are taken in the caller's thread, some hundred before their results are asked for.

    Args:
        threads: that compute `function`; 0 computes it when the result is asked for.

    Raises:
        Exception: what `function` raises, after the results before it; what `items` raises, with
            threads at once.
    """
    if threads == 0:
        yield from map(function, items)
        return
    waiting: deque = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
