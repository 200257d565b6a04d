"""Work on items in threads, without waiting for them when the program is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], n_threads: int, name: str
) -> list[Result]:
    """The results of `work`, in the order of `items`. On an exception or Ctrl-C, drop the queue and raise at once."""
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix=name)
    try:
        futures = [pool.submit(work, item) for item in items]
        for future in as_completed(futures):
            future.result()
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
