"""Child processes that never outlive their parent, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_PR_SET_PDEATHSIG = 1


def dies_with_parent() -> Callable[[], None]:
    """A `preexec_fn` that has the kernel kill the child when the thread that started it is gone.

    The child can also be interrupted, even where we cannot (a shell's background jobs ignore SIGINT). Start the child from a thread that waits for it: the kernel watches the thread, not the process.
    """
    import ctypes

    # Loaded here and not in the child: between fork and exec of a threaded process only system calls are safe.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arm() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked to watch it
            os._exit(1)

    return arm


def signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the child's process group; the child must be the leader of its own session."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def stop(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """End the child and its group: SIGINT, `grace_s` seconds to tidy up, then SIGKILL."""
    if child.poll() is not None:
        return
    try:
        signal_group(child, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=grace_s)
    finally:  # a second Ctrl-C ends the wait, not the killing
        if child.poll() is None:
            signal_group(child, signal.SIGKILL)
            child.wait()


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt, so that `finally` blocks run.

    Does nothing outside the main thread, and nothing when someone else (a job launcher) handles SIGTERM.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
