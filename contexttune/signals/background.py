"""Work that mostly waits for git, beside the scan."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def submit(work: Callable[[], T]) -> Future[T]:
    """Begin `work` in a thread of its own; what it raises is raised by `result()`."""
    begun: Future[T] = Future()
    Thread(target=_run, args=(work, begun), name="signals", daemon=True).start()
    return begun


def _run(work: Callable[[], T], begun: Future[T]) -> None:
    try:
        begun.set_result(work())
    except BaseException as error:  # noqa: BLE001 -- it is not lost: whoever waits gets it
        begun.set_exception(error)
