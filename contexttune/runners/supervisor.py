"""Runs attempts in worker processes, and ends them at the wall-clock limit or when the run stops."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any, NoReturn, TypeVar

from contexttune.errors import InfraError, RequestRejected
from contexttune.runners.agent_report import DONE, INFRA, SUBMITTED, TIME_EXCEEDED, Report
from contexttune.system import subprocesses

Job = TypeVar("Job")

SOCKETS = "CONTEXTTUNE_SOCKETS"  # the variable with the directory that the fork server removes when it ends
_POLL_S = 0.2
_GRACE_S = 3.0  # time for a worker to write its trajectory; the run may wait twice as long
_LAST_WORDS_S = 2.0
_FOLDER_BYTES = 40  # longest directory of a socket: its path may have 107 bytes, including the name
# What a terminal, `timeout`, or Slurm may send to all processes of the program.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_folders: list[str] = []  # of sockets


@cache
def fork_server(preload: str) -> ForkServerContext:
    """Start the process that workers are forked from, which imports the module `preload` in the background.

    Call it before starting threads. Later calls return the same context.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    os.environ[SOCKETS] = _socket_folder()
    with _signals_blocked():
        resource_tracker.ensure_running()  # unblocks two of them
    with _signals_blocked():
        forkserver.ensure_running()
    return context


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Let a child start with signals blocked, and so live until this process ends; those that come meanwhile wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def remove_sockets() -> None:
    """Remove the fork server's directory, which the server itself does later."""
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


def supervise(
    work: Callable[[Job, Connection], None],
    job: Job,
    *,
    preload: str,
    wall_limit_s: float,
    stop: threading.Event,
    on_report: Callable[[Report], None],
) -> Report:
    """Run `work(job, connection)` in a worker, which sends Reports, and return the last one.

    Raises InfraError when the attempt was an outage, its process died, or `stop` was set.
    """
    context = fork_server(preload)
    source, sink = context.Pipe(duplex=False)
    worker = context.Process(target=_run_worker, args=(work, job, sink), daemon=True)
    worker.start()
    sink.close()  # so that the end of the worker closes the pipe
    started = time.monotonic()
    report = Report()
    try:
        while report.kind == "":
            if stop.is_set():
                raise InfraError("the run was interrupted")
            if _is_over(report, started, wall_limit_s):
                return _cut_short(worker, source, report)
            try:
                if source.poll(_POLL_S):
                    on_report(report := source.recv())
            except (EOFError, OSError):
                break
    finally:
        _end(worker, is_done=report.kind != "")
        source.close()
    if report.kind == "":
        raise InfraError(f"the worker died (exit {worker.exitcode})")
    if report.exit_status == TIME_EXCEEDED:  # not by us: the signal went to all processes
        raise InfraError("the worker was ended by a signal")
    if report.kind == INFRA:
        kind = RequestRejected if report.exit_status == RequestRejected.__name__ else InfraError
        raise kind(f"{report.exit_status}: {report.error}")
    return report


def _is_over(report: Report, started: float, wall_limit_s: float) -> bool:
    """Whether the attempt has used its time, not counting outages of the endpoint.

    A replayed answer counts with its original duration, so that a repeated attempt gets no more time.

    Raises InfraError when a single outage lasts as long as the time limit of an attempt.
    """
    now = time.monotonic()
    since = report.waiting_since_s
    if since is not None:
        if now - since > wall_limit_s:
            raise InfraError(f"the endpoint has not answered for {now - since:.0f} s")
        return False
    return now > started + wall_limit_s + report.waited_s - report.replayed_s


def _cut_short(worker: Any, source: Any, report: Report) -> Report:
    """End the worker, and return the report that it sends then, or else its last one.

    A submission under way at the limit counts. An outage does not, because the time was used up anyway.
    """
    with suppress(ProcessLookupError):
        os.kill(worker.pid, signal.SIGTERM)
    ends = time.monotonic() + _GRACE_S
    while time.monotonic() < ends and report.kind == "":
        try:
            if source.poll(_POLL_S):
                report = source.recv()
        except (EOFError, OSError):
            break
    if report.exit_status != SUBMITTED:
        report.kind, report.exit_status = DONE, TIME_EXCEEDED
    return report


def _end(worker: Any, *, is_done: bool) -> None:
    """End the worker and its process group. SIGTERM first: only the worker can end processes that have left its group."""
    if not is_done:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(worker.pid, signal.SIGTERM)
    worker.join(_GRACE_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    if worker.is_alive():
        worker.kill()
        worker.join(_GRACE_S)


class Stopped(BaseException):
    """SIGTERM in a worker. Not an Exception, so that it is not mistaken for an error of the agent."""


def _run_worker(work: Callable[[Job, Connection], None], job: Job, sink: Connection) -> None:
    os.setsid()  # the supervisor kills the group, with the commands in it
    subprocesses.die_with_parent()
    try:
        for number in _SIGNALS:  # not SIG_IGN, which commands would inherit
            signal.signal(number, _raise_stopped if number == signal.SIGTERM else _ignore)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        threading.Thread(target=_end_with_program, daemon=True).start()
        work(job, sink)
    except (Stopped, BrokenPipeError):
        pass  # the report is no longer awaited


def _raise_stopped(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, _ignore)  # once: the trajectory is being written
    raise Stopped


def _ignore(*_: object) -> None:
    """Leave the end of the worker to its supervisor."""


def _end_with_program() -> None:
    """End this worker when the program has ended, even by kill -9. Its own parent is the fork server."""
    program = multiprocessing.parent_process()
    assert program is not None
    program.join()
    os.kill(os.getpid(), signal.SIGTERM)  # the main thread ends what it has started
    time.sleep(_LAST_WORDS_S)
    os.killpg(0, signal.SIGKILL)


@cache
def _socket_folder() -> str:
    """Make the fork server listen in a new directory, in /tmp if the temporary one's path is too long for a socket.

    The server removes the directory after this process has ended, however it ended.
    """
    parent = tempfile.gettempdir()
    if len(os.fsencode(parent)) > _FOLDER_BYTES:
        parent = "/tmp"  # noqa: S108 - the directory in it is ours
    folder = f"{parent}/contexttune-sockets-{uuid.uuid4().hex[:8]}"
    _folders.append(folder)  # first, so that an interrupt does not lose it
    os.mkdir(folder, 0o700)  # noqa: PTH102
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        util.get_temp_dir()  # multiprocessing asks for it once and remembers it
    finally:
        tempfile.tempdir = before
    return folder
