"""Places that the jobs of a sweep on one machine share, so that not all of them work at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from contexttune.system.files import locked

_POLL_S = 1.0


@contextmanager
def slot(sweep_dir: Path, n_slots: int | None) -> Iterator[None]:
    """One of `n_slots` places; waits until one is free. None: no limit."""
    with ExitStack() as stack:
        if n_slots is not None:
            while not _took_one(stack, sweep_dir, n_slots):
                time.sleep(_POLL_S)
        yield


def _took_one(stack: ExitStack, sweep_dir: Path, n_slots: int) -> bool:
    from filelock import Timeout

    for number in range(n_slots):
        with suppress(Timeout):
            stack.enter_context(locked(sweep_dir / f".slot{number}.lock", timeout_s=0))
            return True
    return False
