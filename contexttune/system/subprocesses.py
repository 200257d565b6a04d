"""Child processes that never outlive their parent, however it ends."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import FrameType

from contexttune.errors import InfraError

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.2
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a child ended."""

    output: bytes
    status: int
    timed_out: bool = False
    too_long: bool = False  # it printed more than it may; the rest is not in `output`


def dies_with_parent() -> Callable[[], None]:
    """A `preexec_fn` that has the kernel kill the child when the thread that started it is gone.

    The child can also be interrupted, even where we cannot (a shell's background jobs ignore SIGINT). Start it
    from a thread that waits for it: the kernel watches the thread, not the process.
    """
    # Loaded here and not in the child: between fork and exec of a threaded process only system calls are safe.
    prctl, parent = _prctl(), os.getpid()

    def arm() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked to watch it
            os._exit(1)

    return arm


def die_with_parent() -> None:
    """The same, asked for by a child that is running already."""
    _prctl()(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, so that none is out of reach."""
    _prctl()(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _prctl() -> Callable[..., int]:
    import ctypes

    prctl: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return prctl


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


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    limit_bytes: int,
    stop_now: threading.Event | None = None,
) -> Ended:
    """Run a command in a session of its own, which ends with it; stdout and stderr as they came.

    Raises InfraError when `stop_now` is set meanwhile.
    """
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=dies_with_parent(),
    )
    try:
        return _collect(process, time.monotonic() + timeout_s, limit_bytes, stop_now or threading.Event())
    finally:
        stop(process, grace_s=0)
        signal_group(process, signal.SIGKILL)  # what it has left behind
        assert process.stdout is not None
        process.stdout.close()


def _collect(
    process: subprocess.Popen[bytes], deadline: float, limit_bytes: int, stop_now: threading.Event
) -> Ended:
    """The child's output and exit status, at its end, the deadline (monotonic), or the output's limit.

    Raises InfraError when `stop_now` was set before. The caller ends the child.
    """
    assert process.stdout is not None
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if stop_now.is_set():
                raise InfraError("stopped")
            if time.monotonic() > deadline:
                return Ended(output=bytes(output), status=-1, timed_out=True)
            # A process left behind may hold the pipe open: the script's own end is what counts.
            ready = selector.select(_POLL_S)
            if not ready and process.poll() is not None:
                break
            if ready:
                chunk = os.read(process.stdout.fileno(), _CHUNK_BYTES)
                if not chunk:
                    break
                output += chunk
                if len(output) > limit_bytes:
                    return Ended(output=bytes(output[:limit_bytes]), status=-1, too_long=True)
    return Ended(output=bytes(output), status=process.wait())


def bounded(
    argv: Sequence[str], *, timeout_s: float, limit_bytes: int, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """`subprocess.run` of a command whose output others decide on, for memory's sake: one that prints more is killed.

    `stdout` is then longer than `limit_bytes`; of stderr what is more is left out. Raises subprocess.TimeoutExpired.
    """
    pipe = subprocess.PIPE
    with TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        process = subprocess.Popen(
            argv, stdin=source, stdout=pipe, stderr=pipe, preexec_fn=dies_with_parent()
        )
    with process:
        try:
            stdout, stderr = _drained(process, time.monotonic() + timeout_s, limit_bytes)
        finally:
            process.kill()
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def _drained(process: subprocess.Popen[bytes], deadline: float, limit_bytes: int) -> tuple[bytes, bytes]:
    """Both outputs, when the process has ended or has printed more than it may."""
    assert process.stdout is not None
    assert process.stderr is not None
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, stdout)
        selector.register(process.stderr, selectors.EVENT_READ, stderr)
        while selector.get_map() and len(stdout) <= limit_bytes:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise subprocess.TimeoutExpired(process.args, left_s)
            for key, _ in selector.select(left_s):
                chunk = os.read(key.fd, _CHUNK_BYTES)
                key.data.extend(chunk[: limit_bytes + 1 - len(key.data)])
                if not chunk:
                    selector.unregister(key.fileobj)
    if len(stdout) <= limit_bytes:
        process.wait(max(deadline - time.monotonic(), 0))
    return bytes(stdout), bytes(stderr)


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
