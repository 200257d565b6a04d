"""Starts workers and ends them: by their own end, by the wall clock, or because the run stops."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import forkserver, util
from multiprocessing.context import ForkServerContext
from typing import Any

from contexttune.errors import InfraError
from contexttune.runners.mini.worker import DONE, INFRA, SOCKETS, SUBMITTED, Job, Report, work

_POLL_S = 0.2
_GRACE_S = 3.0  # what a worker may take to write its trajectory; twice this, and the run ends in time
# What a worker imports is imported once, by the server that they are forked from.
_PRELOAD = ["contexttune.runners.mini.preload"]
_STARTING = threading.Lock()
_FOLDERS: list[str] = []  # one at the most
_ROOM_BYTES = 40  # of the 107 that a socket's path may have, what our names leave


def warm_up() -> None:
    """Start the process that workers are forked from, which takes seconds to import what they need; no waiting."""
    _context()


def attend(
    job: Job, wall_limit_s: float, stop: threading.Event, on_report: Callable[[Report], None]
) -> Report:
    """Run `job` in a worker and return its last report, which is final.

    Raises InfraError when the attempt was an outage, its process died, or `stop` was set.
    """
    context = _context()
    source, sink = context.Pipe(duplex=False)
    worker = context.Process(target=work, args=(job, sink), daemon=True)
    worker.start()
    sink.close()  # ours: the worker has its own, and its end shows as the pipe's
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
                    report = source.recv()
                    on_report(report)
            except (EOFError, OSError):
                break
    finally:
        _end(worker, is_done=report.kind != "")
        source.close()
    if report.kind == "":
        raise InfraError(f"the worker died (exit {worker.exitcode})")
    if report.kind == INFRA:
        raise InfraError(f"{report.exit_status}: {report.error}")
    return report


def _is_over(report: Report, started: float, wall_limit_s: float) -> bool:
    """Whether the attempt has had its time; what it waited for the endpoint is not its own.

    An answer that was read back counts with what it took when it was given: an attempt that was cut off and is made
    again must not get more time than another.

    Raises InfraError when a single wait takes as long as an attempt may.
    """
    now = time.monotonic()
    since = report.waiting_since_s
    if since is not None:
        if now - since > wall_limit_s:
            raise InfraError(f"the endpoint has not answered for {now - since:.0f} s")
        return False
    return now > started + wall_limit_s + report.waited_s - report.replayed_s


def _cut_short(worker: Any, source: Any, report: Report) -> Report:
    """The worker's last words after SIGTERM, or what it had reported before.

    A submission that was under way when the clock struck counts; an outage then does not, for time was over.
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
        report.kind, report.exit_status = DONE, "TimeExceeded"
    return report


def _end(worker: Any, *, is_done: bool) -> None:
    """End the worker and whatever it started; it is told first, because only it can end what left its group."""
    if not is_done:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(worker.pid, signal.SIGTERM)
    worker.join(_GRACE_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    if worker.is_alive():
        worker.kill()
        worker.join(_GRACE_S)


def _context() -> ForkServerContext:
    """The server is up, or will be in a moment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    with _STARTING:
        if not _FOLDERS:  # not by the variable: the program that started this one may have set it
            _FOLDERS.append(_socket_folder())
            os.environ[SOCKETS] = _FOLDERS[0]
        forkserver.ensure_running()
    return context


def _socket_folder() -> str:
    """Where the server listens: below the temporary directory, unless a socket's path would be too long for the kernel.

    The server removes it when we are gone, however we went.
    """
    here = tempfile.gettempdir()
    short = here if len(os.fsencode(here)) <= _ROOM_BYTES else "/tmp"  # noqa: S108 - a folder of our own in it
    folder = tempfile.mkdtemp(prefix="contexttune-sockets-", dir=short)
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        util.get_temp_dir()  # multiprocessing asks for it once and remembers it
    finally:
        tempfile.tempdir = before
    return folder
