"""Shells that run an agent's commands, in a container or in a checkout. They can be pickled."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contexttune.errors import InfraError
from contexttune.sandbox.engine import TESTBED, Container
from contexttune.sandbox.local_sandbox import LocalSandbox
from contexttune.sandbox.persistent_shell import PersistentShell
from contexttune.system import subprocesses
from contexttune.system.subprocesses import ExecResult

COMMAND_FILE = "command.sh"
_OUTPUT_BYTES = 10_000_000
_GRACE_S = 15.0  # what the engine's client may take beyond the command's own time limit
_KILLED = 137  # a shell's exit status for SIGKILL
_TIMED_OUT = 124  # exit status of `timeout` at its limit
_CLIENT_FAILED = (125, 126, 127, _KILLED, 255)
_DYING_S = 1.0
_ARGUMENT_BYTES = 100_000  # the kernel takes arguments of up to 128 KiB each
_PIPED_BYTES = 30_000  # quoted, it still fits into a pipe, so that writing it never blocks

# Runs in the container. Output goes to a file, because a background process would keep a pipe open; and to memory (64
# MB by default), because a full disk must not lose it and endless output must not fill the disk. Without such a place
# it goes to the pipe after all. sh, because bash would read BASH_ENV once more than the command itself does.
_FILE = "{ mktemp -p /dev/shm || mktemp; } 2>/dev/null"
_TAKEN = '>"$o" 2>&1 </dev/null; r=$?; head -c "$2" "$o"; rm -f "$o" "$c"; exit $r'
_RUN = f'c=; o=$({_FILE}) || exec timeout -k 2 "$1" bash "$4" "$3" 2>&1 </dev/null; timeout -k 2 "$1" bash "$4" "$3" {_TAKEN}'
_RUN_FROM_STDIN = (
    f'c=$({_FILE}) && o=$({_FILE}) && cat >"$c" || '
    '{ echo "no space left for the command"; exit 125; }; '
    f'timeout -k 2 "$1" bash $3 "$c" {_TAKEN}'
)
# Runs in bubblewrap, which creates these directories anew for each command, and a listing shows their dates.
_RUN_DATED = 'touch -cd "$0" / /home 2>/dev/null; exec bash "$1"'


class Shell(Protocol):
    """Runs one command at a time."""

    def run(self, command: str, timeout_s: int) -> ExecResult:
        """Run a command in the testbed, stderr merged. Raises InfraError when the testbed is gone."""
        ...


@dataclass(frozen=True, kw_only=True)
class ContainerShell:
    """Runs commands in a container by the `exec` of its engine."""

    container: Container
    variables: Mapping[str, str]
    login: bool = False  # a login shell for each command: reads /etc/profile and ~/.profile
    # at most one, started by the process that runs commands
    _persistent: list[PersistentShell] = field(default_factory=list, init=False, repr=False, compare=False)

    def run(self, command: str, timeout_s: int) -> ExecResult:
        raw = command.encode("utf-8", "replace")
        started = time.monotonic()
        result = self._run_in_persistent_shell(raw, timeout_s) or self._run_in_own_client(raw, timeout_s)
        if result.timed_out:  # the client itself does not answer
            self.require_running("does not answer")
            self._kill_strays()
            return ExecResult(output=b"", returncode=-1, timed_out=True)
        if result.returncode in _CLIENT_FAILED or (result.returncode and result.stderr):
            self.require_running(result.stderr.decode(errors="replace").strip())
        waited = time.monotonic() - started >= timeout_s
        timed_out = waited and result.returncode in (_TIMED_OUT, _KILLED)
        client_killed = result.truncated or result.returncode == -signal.SIGKILL
        if timed_out or client_killed:
            self._kill_strays()
        elif result.returncode == _KILLED:  # in a container that is being killed, the command may die first
            time.sleep(_DYING_S)
            self.require_running("killed during a command")
        return ExecResult(
            output=result.output[:_OUTPUT_BYTES],
            returncode=result.returncode,
            timed_out=timed_out,
            truncated=len(result.output) > _OUTPUT_BYTES,
        )

    def _run_in_persistent_shell(self, raw: bytes, timeout_s: int) -> ExecResult | None:
        """The result; None if the command was not run, because it is too long or there is no space for its output."""
        if len(shlex.quote(raw.decode()).encode()) > _PIPED_BYTES or b"\0" in raw:
            return None
        if self._persistent and not self._persistent[0].is_open:  # a command may have killed it
            self._close()
        if not self._persistent:
            self._persistent.append(PersistentShell(self._argv("sh", stdin=True), TESTBED, self._flag))
        return self._persistent[0].run(raw.decode(), timeout_s, _OUTPUT_BYTES + 1, _GRACE_S)

    def _run_in_own_client(self, raw: bytes, timeout_s: int) -> ExecResult:
        limits = (str(timeout_s), str(_OUTPUT_BYTES + 1))
        from_stdin = len(raw) > _ARGUMENT_BYTES or b"\0" in raw  # no argument can contain a NUL
        if from_stdin:
            script = [_RUN_FROM_STDIN, "ct", *limits, "-l" if self.login else ""]
        else:
            script = [_RUN, "ct", *limits, raw.decode(), self._flag]
        return subprocesses.run(
            self._argv("sh", "-c", *script, stdin=from_stdin),
            stdin=raw if from_stdin else b"",
            timeout_s=timeout_s + _GRACE_S,
            limit_bytes=_OUTPUT_BYTES + 1,
        )

    @property
    def _flag(self) -> str:
        return "-lc" if self.login else "-c"

    def _argv(self, *command: str, stdin: bool) -> list[str]:
        return self.container.exec_argv(*command, variables=self.variables, stdin=stdin)

    def require_running(self, why: str) -> None:
        """Raise InfraError when the container has ended or its engine does not answer."""
        if (problem := self.container.problem(_GRACE_S)) is not None:
            raise InfraError(f"the container is gone ({why or problem})")

    def _kill_strays(self) -> None:
        self._close()
        self.container.kill_all(_GRACE_S)

    def _close(self) -> None:
        while self._persistent:
            self._persistent.pop().close()


@dataclass(frozen=True, kw_only=True)
class CheckoutShell:
    """Runs commands in a checkout on this machine."""

    sandbox: LocalSandbox
    date: int = 0  # date of the files in seconds since 1970: see file_dates

    def run(self, command: str, timeout_s: int) -> ExecResult:
        # a file, because an argument has a limit of 128 KiB
        self.sandbox.write(COMMAND_FILE, command.encode("utf-8", "replace"))
        script = self.sandbox.path(COMMAND_FILE)
        dated = ("sh", "-c", _RUN_DATED, f"@{self.date}", script)
        argv = dated if self.sandbox.bwrap else ("bash", script)
        return self.sandbox.run(*argv, timeout_s=timeout_s, limit_bytes=_OUTPUT_BYTES)
