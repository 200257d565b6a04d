"""A model server as a child process: choose a port, start it, wait until it answers, stop it."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contexttune.errors import PreflightError
from contexttune.system import subprocesses
from contexttune.system.guardian import GRACE_S, KILL_S, STOPPED

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_GUARDIAN = (sys.executable, "-m", "contexttune.system.guardian")
_POLL_S = 0.2
_LOG_EVERY_S = 15.0
_PROBE_TIMEOUT_S = 5.0
_ALIVE_TIMEOUT_S = 2.0
_ANSWER_BYTES = 1_000_000
_TAIL_LINES, _TAIL_CHARS = 15, 3000
_NO_SUCH_ROUTE = (404, 405, 501)
_PORT_TAKEN = re.compile(r"in use|EADDRINUSE|(could ?n.t|cannot|failed to) bind", re.IGNORECASE)


def _bound_socket() -> socket.socket:
    """A socket bound to a free port, not listening."""
    bound = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        bound.setsockopt(socket.SOL_SOCKET, option, 1)
    bound.bind((HOST, 0))
    return bound


class PortTaken(Exception):
    """The server could not listen on the port chosen for it."""


@dataclass(frozen=True)
class Address:
    """Address of a server started by this job, for use by other processes."""

    base_url: str
    log_path: Path

    def exit_notice(self) -> str:
        """Addition to an outage's message if the server has exited; "" while it answers or is busy."""
        try:
            # a request, not only a connection: a dying server may still accept connections
            _request(urlsplit(self.base_url).netloc, "/v1/models", _ALIVE_TIMEOUT_S)
        except TimeoutError:
            return ""
        except (OSError, http.client.HTTPException):
            return f"; the model server of this job has exited: see its log {self.log_path}"
        return ""


@dataclass
class ServerProcess:
    """One server on one port."""

    argv: Callable[[int], list[str]]  # the command for a port
    log_path: Path
    startup_timeout_s: float
    reserve: bool = True
    facts: dict[str, Any] = field(default_factory=dict)
    # Bound as long as the server may live, so that the kernel gives the port to nobody else while ours loads, or after
    # it has died with requests in flight. Servers can still listen on it if they set SO_REUSEADDR; nearly all do.
    _reservation: socket.socket = field(default_factory=_bound_socket)
    _process: subprocess.Popen[bytes] | None = None
    _watcher: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.port = int(self._reservation.getsockname()[1])

    def start(self) -> None:
        """Return once it answers; call `stop` in any case. Raises PreflightError, or PortTaken where another port may work."""
        if not self.reserve:
            self._reservation.close()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as sink:
            self._log_begins = sink.tell()
            process = self._process = subprocess.Popen(
                [*_GUARDIAN, str(os.getpid()), *self.argv(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        loading_s = self._wait_until_ready(process)
        self.facts |= self._reported() | {"loading_s": round(loading_s, 2)}
        self._watcher = threading.Thread(
            target=self._watch, args=(process,), name="model-server", daemon=True
        )
        self._watcher.start()

    @property
    def address(self) -> Address:
        return Address(f"http://{HOST}:{self.port}/v1", self.log_path)

    def stop(self) -> None:
        """End it and all its descendants. If this is interrupted, the guardian does the rest."""
        if self._process:
            if self._watcher and self.address.exit_notice():  # it has exited: let the watcher log that
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(GRACE_S)
            _end(self._process)
        if self._watcher:
            self._watcher.join()
        self._reservation.close()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> float:
        """Return the seconds until it answered."""
        started = logged = time.monotonic()
        while not self._is_ready():
            now = time.monotonic()
            if (status := process.poll()) is not None:
                if self._is_port_taken():
                    raise PortTaken
                raise PreflightError(f"the model server {_ended(status)} while it loaded; {self._log()}")
            if now - started > self.startup_timeout_s:
                raise PreflightError(
                    "the model server was not ready within model.server.startup_timeout_s="
                    f"{self.startup_timeout_s:g}: raise it, or fix what delays the server; {self._log()}"
                )
            if now - logged > _LOG_EVERY_S:
                logged = now
                log.info(
                    "the model server has been loading for %.0f s: %s", now - started, self._tail(1).strip()
                )
            time.sleep(_POLL_S)
        return time.monotonic() - started

    def _is_ready(self) -> bool:
        status, _ = _get(self.port, "/health")
        if status in _NO_SUCH_ROUTE:
            status, _ = _get(self.port, "/v1/models")
        return status == http.client.OK

    def _is_port_taken(self) -> bool:
        """Whether it exited because it could not listen."""
        self._reservation.close()
        with suppress(OSError), socket.create_connection((HOST, self.port), _PROBE_TIMEOUT_S):
            return True
        return bool(_PORT_TAKEN.search(self._tail(_TAIL_LINES)))

    def _reported(self) -> dict[str, Any]:
        """The models and the version that the server reports."""
        listed = _json(_get(self.port, "/v1/models")[1]).get("data")
        models = [m.get("id") for m in listed if isinstance(m, Mapping)] if isinstance(listed, list) else []
        version = _json(_get(self.port, "/version")[1]).get("version")
        if version is None:  # llama_cpp.server: in its OpenAPI description
            described = _json(_get(self.port, "/openapi.json")[1]).get("info")
            version = described.get("version") if isinstance(described, Mapping) else None
        return {"models": models, "version": version}

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Log an unexpected exit of the server at once."""
        status = process.wait()
        if status != STOPPED:
            log.error("the model server %s; %s", _ended(status), self._log())

    def _log(self) -> str:
        return f"its log {self.log_path} ends:\n{self._tail(_TAIL_LINES)}"

    def _tail(self, n_lines: int) -> str:
        with self.log_path.open("rb") as source:
            size = source.seek(0, os.SEEK_END)
            source.seek(max(self._log_begins, size - _TAIL_CHARS))
            text = source.read().decode("utf-8", "replace")
        # our own probes, five a second, would push out everything else
        lines = [
            line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip() and "/health" not in line
        ]
        return "\n".join(f"  {line}" for line in lines[-n_lines:]) or "  (nothing)"


def _end(guardian: subprocess.Popen[bytes]) -> None:
    guardian.terminate()
    try:
        guardian.wait(GRACE_S + KILL_S + _PROBE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        guardian.kill()
        guardian.wait()
    if guardian.returncode < 0:  # killed: its children may still be alive
        subprocesses.signal_group(guardian, signal.SIGKILL)


def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body; (0, b"") without an answer."""
    try:
        return _request(f"{HOST}:{port}", path, _PROBE_TIMEOUT_S)
    except (OSError, http.client.HTTPException):
        return 0, b""


def _request(address: str, path: str, timeout_s: float) -> tuple[int, bytes]:
    """Status and body. Raises OSError or HTTPException without an answer."""
    with closing(http.client.HTTPConnection(address, timeout=timeout_s)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(_ANSWER_BYTES)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _ended(status: int) -> str:
    number = -status if status < 0 else status - 128
    try:
        return f"was killed by {signal.Signals(number).name}"
    except ValueError:
        return f"exited with status {status}"
