"""Child processes that never outlive their parent, with bounded time and output."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import FrameType
from typing import IO, Any, Protocol

from contexttune.errors import InfraError

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.2
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class ExecResult:
    """Output and exit status of a command."""

    output: bytes  # stdout; with stderr in it where the two were merged
    returncode: int  # -1: ended by a limit
    stderr: bytes = b""
    timed_out: bool = False
    truncated: bool = False  # ended at the limit of its output
    exceeded: str = ""  # ended by its guard, for this reason

    @property
    def limit(self) -> str:
        """The limit that ended the command, as the end of a sentence; "" for none."""
        if self.timed_out:
            return "it took too long"
        return "it printed too much" if self.truncated else self.exceeded


class Guard(Protocol):
    """Watches a command while it runs."""

    def started(self) -> None:
        """Called once the process exists; it is killed when this raises."""
        ...

    def exceeded(self) -> str:
        """The reason why the command has to end; "" while there is none."""
        ...


def dies_with_parent() -> Callable[[], None]:
    """Return a `preexec_fn` that makes the kernel kill the child when the thread that started it ends.

    Start the child from a thread that waits for it: the kernel watches the thread, not the process. The hook also
    restores the default handling of SIGINT, which background jobs of a shell ignore.
    """
    # loaded before the fork: between fork and exec of a threaded process only system calls are safe
    prctl, parent = _prctl(), os.getpid()

    def arm() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before prctl took effect
            os._exit(1)

    return arm


def die_with_parent() -> None:
    """Ask the kernel to kill the calling process when its parent thread ends."""
    _prctl()(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants (a subreaper), so that all of them can be found."""
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
    """Interrupt the child's group, and kill it after `grace_s` seconds."""
    if child.poll() is not None:
        return
    try:
        signal_group(child, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=grace_s)
    finally:  # a second Ctrl-C cuts the wait short, but the child is killed all the same
        if child.poll() is None:
            signal_group(child, signal.SIGKILL)
            child.wait()


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    limit_bytes: int,
    stdin: bytes = b"",
    stop_event: threading.Event | None = None,
    guard: Guard | None = None,
    **popen: Any,
) -> ExecResult:
    """Run a command until it ends or exceeds a limit, and kill it then.

    Args:
        argv: the command line.
        timeout_s: time limit.
        limit_bytes: limit on stdout. Exceeding it ends the command; stderr beyond it is dropped.
        stdin: standard input.
        stop_event: cancels the command when it is set.
        guard: is told of the start, and asked a few times a second whether the command has to end.
        popen: further arguments of `subprocess.Popen`. With `start_new_session=True`, processes that the
            command leaves behind are killed as well.

    Raises:
        InfraError: `stop_event` was set.
    """
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | popen
    # not a pipe, which would have to be written to while output is read
    with TemporaryFile() if stdin else Path(os.devnull).open("rb+") as source:
        source.write(stdin)
        source.seek(0)
        process = subprocess.Popen(argv, stdin=source, preexec_fn=dies_with_parent(), **options)
    with process:
        try:
            if guard:
                guard.started()
            return _collect(process, time.monotonic() + timeout_s, limit_bytes, stop_event, guard)
        finally:
            process.kill()
            if options.get("start_new_session"):
                signal_group(process, signal.SIGKILL)


def _collect(
    process: subprocess.Popen[bytes],
    deadline: float,
    limit_bytes: int,
    stop_event: threading.Event | None,
    guard: Guard | None,
) -> ExecResult:
    """Read a child's output up to its end, a limit, or the deadline (monotonic)."""
    buffers = {pipe: bytearray() for pipe in (process.stdout, process.stderr) if pipe}
    output, *others = buffers.values()
    limit: dict[str, Any] = {}
    next_look = 0.0
    for pipe, chunk in _until_end(process, list(buffers), deadline):
        if stop_event and stop_event.is_set():
            raise InfraError("stopped")
        if pipe is not None:
            buffers[pipe].extend(chunk[: limit_bytes + 1 - len(buffers[pipe])])
        if len(output) > limit_bytes:
            limit = {"truncated": True}
        elif guard and time.monotonic() >= next_look:
            next_look = time.monotonic() + _POLL_S
            limit = {"exceeded": reason} if (reason := guard.exceeded()) else {}
        if limit:
            break
    else:
        limit = {} if process.poll() is not None else {"timed_out": True}
    return ExecResult(
        output=bytes(output[:limit_bytes]),
        returncode=-1 if limit else process.wait(),
        stderr=bytes(others[0][:limit_bytes]) if others else b"",
        **limit,
    )


def _until_end(
    process: subprocess.Popen[bytes], pipes: Sequence[IO[bytes]], deadline: float
) -> Iterator[tuple[IO[bytes] | None, bytes]]:
    """Yield (pipe, bytes) as they arrive, and (None, b"") meanwhile, until the child's end or the deadline."""
    with suppress(TimeoutError):
        for pipe, chunk in read_chunks(pipes, deadline):
            yield pipe, chunk
            if pipe is None and process.poll() is not None:
                return  # a background process may hold the pipe open
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                process.wait(min(_POLL_S, max(deadline - time.monotonic(), 0)))
            yield None, b""


def read_chunks(pipes: Sequence[IO[bytes]], deadline: float) -> Iterator[tuple[IO[bytes] | None, bytes]]:
    """Yield (pipe, bytes) as they arrive, and (None, b"") while nothing does, until all pipes are closed.

    Raises TimeoutError at `deadline` (monotonic seconds).
    """
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ, pipe)
        while selector.get_map():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            ready = selector.select(min(left_s, _POLL_S))
            if not ready:
                yield None, b""
            for key, _ in ready:
                if chunk := os.read(key.fd, _CHUNK_BYTES):
                    yield key.data, chunk
                else:
                    selector.unregister(key.fileobj)


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt, so that `finally` blocks run.

    No effect outside the main thread, or where SIGTERM has a handler already (a job launcher's).
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
