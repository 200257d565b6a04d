"""Starts `python -m contexttune` without its imports: a process that has made them once forks one for each command.

The test's side of it; the other is `fork_server.py`.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).parent.parent
# Beginnings of the names of variables that an interpreter, the C library or an imported package reads as it starts.
_STARTUP = (
    *("PYTHON", "LANG", "LC_", "LD_", "TZ", "PATH", "HOME", "XDG_", "SSL_"),
    *("COVERAGE_", "GIT_PYTHON_", "HF_", "OMP_", "OPENBLAS_", "MSWEA_", "LITELLM_", "TIKTOKEN_", "SWEBENCH_"),
)
_READ_LATER = ("HF_TOKEN",)  # by the packages whose other variables are read at the start
# Set by what a test imports or calls in its own process; a fork sets them for itself.
_SET_BY_IMPORTS = ("TIKTOKEN_CACHE_DIR", "MSWEA_GLOBAL_CONFIG_DIR", "MSWEA_SILENT_STARTUP")
_AT_START = dict(os.environ)


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether a fork is what a fresh process would be: on Linux, where `env` changes nothing that is read at the start.

    CONTEXTTUNE_FRESH=1 makes every process a fresh one.
    """
    return hasattr(os, "pidfd_open") and not env.get("CONTEXTTUNE_FRESH") and not changed_at_start(env)


def changed_at_start(env: Mapping[str, str]) -> set[str]:
    """Names of variables that are read at the start and have another value in `env`."""
    changed = {name for name, _ in env.items() ^ _AT_START.items()}
    changed -= {name for name in _SET_BY_IMPORTS if env.get(name) == os.environ.get(name)}
    if "PYTHONPATH" not in _AT_START and not _has_the_program(env.get("PYTHONPATH", "")):
        changed.discard("PYTHONPATH")
    return {name for name in changed - {*_READ_LATER} if name.startswith(_STARTUP)}


def _has_the_program(search_path: str) -> bool:
    """Whether a directory of PYTHONPATH may have what is imported already."""
    return any((Path(folder) / "contexttune").exists() for folder in search_path.split(os.pathsep) if folder)


class ForkServer:
    """A process with everything imported, for as long as this one lives."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            theirs.set_inheritable(True)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
                cwd=_ROOT,
                env=_AT_START,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # as a child has it: what can be sought in is written otherwise
                start_new_session=True,  # a terminal's Ctrl-C is not for it
            )
        atexit.register(self._stop)

    def _stop(self) -> None:
        self._requests.close()
        self._process.wait()

    def start(
        self,
        command: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        *,
        errors_apart: bool = False,
        leads: bool = False,
    ) -> Forked:
        """A process that runs `python -m contexttune`; `leads`: a session of its own."""
        request = {"words": command[3:], "cwd": str(cwd), "env": dict(env), "leads": leads}
        told, theirs = socket.socketpair()
        out, out_end = os.pipe()
        err, err_end = os.pipe() if errors_apart else (None, out_end)
        ends = [out_end, err_end] if errors_apart else [out_end]
        try:
            socket.send_fds(
                self._requests, [json.dumps(request).encode()], [0, out_end, err_end, theirs.fileno()]
            )
        finally:
            theirs.close()
            for end in ends:
                os.close(end)
        return Forked(command, told, open(out), None if err is None else open(err))  # noqa: PTH123


class Forked:
    """What `subprocess.Popen` is for a process that another one started."""

    def __init__(
        self, command: Sequence[str], told: socket.socket, stdout: IO[str], stderr: IO[str] | None
    ) -> None:
        self.args, self.stdout, self.stderr = command, stdout, stderr
        self.returncode: int | None = None
        self._told = told
        self.pid = self._number(None)
        self._readers: list[_Reader] = []

    def _number(self, timeout: float | None) -> int:
        self._told.settimeout(timeout)
        told = self._told.recv(4)
        if not told:
            raise RuntimeError("the server that forks processes is gone: see its standard error")
        return int.from_bytes(told, signed=True)

    def poll(self) -> int | None:
        """The exit status, minus the signal's number if one ended it; None while it runs."""
        try:
            return self.wait(timeout=0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        if self.returncode is None:
            try:
                self.returncode = self._number(timeout)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._told.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str | None]:
        """Everything printed, once it has ended. Raises TimeoutExpired."""
        ends = None if timeout is None else time.monotonic() + timeout
        if not self._readers:
            self._readers = [_Reader(stream) for stream in (self.stdout, self.stderr) if stream is not None]
        for reader in self._readers:
            reader.join(None if ends is None else max(0, ends - time.monotonic()))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(None if ends is None else max(0, ends - time.monotonic()))
        out, *err = [reader.text for reader in self._readers]
        return out, err[0] if err else None

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _Reader(threading.Thread):
    def __init__(self, stream: IO[str]) -> None:
        super().__init__(daemon=True)
        self._stream, self.text = stream, ""
        self.start()

    def run(self) -> None:
        with self._stream:
            self.text = self._stream.read()
