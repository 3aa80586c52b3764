"""Work done ahead of who asks for it, by processes or a thread: a GPU shall not wait for it."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

Item = TypeVar("Item")

_UNIT = 16  # items that go to a process together: 2.4 MB of pixels at 224 x 224
_END = object()


def transform_ahead(
    transform: Callable[[Item], torch.Tensor], items: Iterable[Item], workers: int
) -> Iterator[torch.Tensor]:
    """`transform(item)` of all items, in their order: tensors of one shape.

    Processes, not threads: a quarter of the time that an image takes is spent in Python code, which
    threads cannot run side by side. The calling process takes the items and pickles them;
    `transform` is inherited by the fork, and need not be picklable.

    Args:
        workers: processes that transform; 0 transforms here, when the result is asked for.

    Raises:
        Exception: what `transform` raises (in a process, with its traceback as text), and what
            `items` raises, some results early where there are processes.
    """
    if workers == 0:
        return map(transform, items)
    iterator = iter(items)
    loader = DataLoader(
        _Transformed(transform),
        batch_sampler=iter(lambda: list(itertools.islice(iterator, _UNIT)), []),
        collate_fn=torch.stack,
        num_workers=workers,
        multiprocessing_context="fork",  # `transform` is there, and so is all that is imported
    )
    return itertools.chain.from_iterable(iter(loader))  # processes start here, not at first use


def run_ahead(items: Iterator[Item], ahead: int) -> Iterator[Item]:
    """Yield all items, while a thread computes the next ones, at most `ahead` of them.

    An item is its receiver's alone: none is kept here once it is handed out.
    """
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, items, _END) for _ in range(ahead))
        while (item := [waiting.popleft().result()])[0] is not _END:
            waiting.append(pool.submit(next, items, _END))
            yield item.pop()


class _Transformed(Dataset):
    """What a `DataLoader` takes for a dataset; an index is the item itself."""

    def __init__(self, transform: Callable[[Item], torch.Tensor]) -> None:
        self.transform = transform

    def __getitem__(self, item: Item) -> torch.Tensor:
        return self.transform(item)
