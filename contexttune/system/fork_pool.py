"""Parallel computation in forked processes, which end when this process does.

Forked processes need no imports and share memory, unlike spawned ones. They must only compute: a lock that another
thread holds at the fork is never released in them.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, Generic, NoReturn, TypeVar

from contexttune.system.subprocesses import dies_with_parent

T = TypeVar("T")
_MAX_PROCESSES = 8  # more would wait for git, which reads for all of them


def cpus() -> int:
    """The number of CPUs that this process may use, at most 8."""
    return min(len(os.sched_getaffinity(0)), _MAX_PROCESSES)


def shared_out(
    work: Callable[[int], T], n: int, dump: Callable[[T], bytes], load: Callable[[bytes], T]
) -> list[T]:
    """[work(0), ..., work(n - 1)]: the first computed here, the others in processes that send their `dump` of it.

    Work that a process failed to do (killed, out of memory) is done here.
    """
    children = [_Child(work, number, dump) for number in range(1, n)]
    try:
        return [work(0), *(child.result(load) for child in children)]
    finally:
        for child in children:
            child.end()


class _Child(Generic[T]):
    def __init__(self, work: Callable[[int], T], number: int, dump: Callable[[T], bytes]) -> None:
        self._work, self._number = work, number
        self._sink: IO[bytes] = TemporaryFile()  # noqa: SIM115 -- `end` closes it
        self._pid, arm = -1, dies_with_parent()
        with suppress(OSError):  # no more processes, or no memory
            self._pid = _fork()
        if self._pid == 0:
            self._be_child(arm, dump)

    def _be_child(self, arm: Callable[[], None], dump: Callable[[T], bytes]) -> NoReturn:
        status = 1
        try:
            arm()
            self._sink.write(dump(self._work(self._number)))
            self._sink.flush()
            status = 0
        finally:
            os._exit(status)  # skips the parent's `finally` blocks and file buffers

    def result(self, load: Callable[[bytes], T]) -> T:
        if self._ended() != 0:
            return self._work(self._number)
        self._sink.seek(0)
        return load(self._sink.read())

    def end(self) -> None:
        if self._pid > 0:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._ended()
        self._sink.close()

    def _ended(self) -> int:
        """Wait for it; its status, or -1 if it never began or was waited for elsewhere."""
        status = -1
        if self._pid > 0:
            with suppress(ChildProcessError):
                status = os.waitpid(self._pid, 0)[1]
        self._pid = -1
        return status


def _fork() -> int:
    with warnings.catch_warnings():  # about forking with threads: see above
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
