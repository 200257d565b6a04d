"""Where an agent's commands run: a container, or bubblewrap over a checkout. Described by values that pickle."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contexttune.errors import InfraError
from contexttune.sandbox.bubblewrap import system_flags
from contexttune.sandbox.engine import HOSTNAME, TESTBED, Container
from contexttune.sandbox.persistent_shell import StandingShell
from contexttune.system import subprocesses

COMMAND_FILE = "command.sh"
_OUTPUT_BYTES = 10_000_000
_GRACE_S = 15.0  # what a client of the engine may take beyond the command's own limit
_KILLED = 137  # a shell's word for a command that ended by SIGKILL
_DYING_S = 1.0
_ARGUMENT_BYTES = 100_000  # the kernel takes arguments of up to 128 KiB each
_PIPED_BYTES = 30_000  # quoted, it still fits into a pipe: writing it never waits

# Runs in the container. Output goes to a file, so that a process left behind cannot hold us by the pipe. The file is
# in memory (64 MB by default), so that neither a full disk loses it nor endless output fills the disk; without such a
# place it is the pipe after all. sh, because bash would read BASH_ENV once more than the command itself does.
_FILE = "{ mktemp -p /dev/shm || mktemp; } 2>/dev/null"
_TAKEN = '>"$o" 2>&1 </dev/null; r=$?; head -c "$2" "$o"; rm -f "$o" "$c"; exit $r'
_RUN = f'c=; o=$({_FILE}) || exec timeout -k 2 "$1" bash "$4" "$3" 2>&1 </dev/null; timeout -k 2 "$1" bash "$4" "$3" {_TAKEN}'
_RUN_FROM_STDIN = (
    f'c=$({_FILE}) && o=$({_FILE}) && cat >"$c" || '
    '{ echo "no space left for the command"; exit 125; }; '
    f'timeout -k 2 "$1" bash $3 "$c" {_TAKEN}'
)
# Runs in bubblewrap, which makes these directories anew for each command: a listing of /testbed shows the first.
_COMMAND = "/run/command.sh"
_RUN_DATED = 'touch -cd "$0" / /home 2>/dev/null; exec bash "$1"'


class Shell(Protocol):
    """Runs one command at a time."""

    def run(self, command: str, timeout_s: int) -> subprocesses.Ended:
        """Output (stdout and stderr as they came) and exit status. Raises InfraError when the place is gone."""
        ...


@dataclass(frozen=True, kw_only=True)
class ContainerShell:
    """Commands by the engine's `exec` in a container that is already running, one at a time."""

    container: Container
    variables: Mapping[str, str]
    login: bool = False  # each command in a login shell, which reads /etc/profile and ~/.profile
    # none or one; made by the process that runs commands
    _standing: list[StandingShell] = field(default_factory=list, init=False, repr=False, compare=False)

    def run(self, command: str, timeout_s: int) -> subprocesses.Ended:
        raw = command.encode("utf-8", "replace")
        return self._ended(
            lambda: self._in_standing(raw, timeout_s) or self._alone(raw, timeout_s), timeout_s
        )

    def _in_standing(self, raw: bytes, timeout_s: int) -> subprocess.CompletedProcess[bytes] | None:
        """By the shell that stays; None when it has not run the command."""
        if len(shlex.quote(raw.decode()).encode()) > _PIPED_BYTES or b"\0" in raw:
            return None
        if self._standing and not self._standing[0].is_open:  # a command may end all that it finds
            self._close()
        if not self._standing:
            self._standing.append(StandingShell(self._client("sh", stdin=True), TESTBED, self._flag))
        return self._standing[0].run(raw.decode(), timeout_s, _OUTPUT_BYTES + 1, _GRACE_S)

    def _alone(self, raw: bytes, timeout_s: int) -> subprocess.CompletedProcess[bytes]:
        """By a client of its own: for what no pipe holds, and where there is no space for output."""
        large = len(raw) > _ARGUMENT_BYTES or b"\0" in raw  # no argument holds a NUL; bash leaves it out
        limits = (str(timeout_s), str(_OUTPUT_BYTES + 1))
        if large:
            script = [_RUN_FROM_STDIN, "ct", *limits, "-l" if self.login else ""]
        else:
            script = [_RUN, "ct", *limits, raw.decode(), self._flag]
        argv = self._client("sh", "-c", *script, stdin=large)
        stdin = raw if large else b""
        return subprocesses.bounded(
            argv, stdin=stdin, timeout_s=timeout_s + _GRACE_S, limit_bytes=_OUTPUT_BYTES + 1
        )

    @property
    def _flag(self) -> str:
        return "-lc" if self.login else "-c"

    def _client(self, *command: str, stdin: bool) -> list[str]:
        return self.container.client(*command, variables=self.variables, stdin=stdin)

    def _ended(
        self, run: Callable[[], subprocess.CompletedProcess[bytes]], timeout_s: int
    ) -> subprocesses.Ended:
        started = time.monotonic()
        try:
            done = run()
        except subprocess.TimeoutExpired:
            self.require_running("does not answer")
            self._kill_strays()
            return subprocesses.Ended(output=b"", status=-1, timed_out=True)
        if done.returncode in (125, 126, 127, _KILLED) or (done.returncode and done.stderr):
            self.require_running(done.stderr.decode(errors="replace").strip())
        timed_out = done.returncode in (124, _KILLED) and time.monotonic() - started >= timeout_s
        flooded = done.returncode == -signal.SIGKILL  # its client was killed, and not the command
        if timed_out or flooded:
            self._kill_strays()
        elif done.returncode == _KILLED:  # of a container that is being killed, a command may go first
            time.sleep(_DYING_S)
            self.require_running("killed during a command")
        too_long = len(done.stdout) > _OUTPUT_BYTES
        output = done.stdout[:_OUTPUT_BYTES]
        return subprocesses.Ended(
            output=output, status=done.returncode, timed_out=timed_out, too_long=too_long
        )

    def require_running(self, why: str) -> None:
        """Raise InfraError when the container has ended or its engine does not answer."""
        try:
            trouble = self.container.trouble(_GRACE_S)
        except subprocess.TimeoutExpired:
            raise InfraError("the engine of the container does not answer") from None
        if trouble is not None:
            raise InfraError(f"the container is gone ({why or trouble})")

    def _kill_strays(self) -> None:
        """End all that the command left behind; the container's first process is out of kill's reach."""
        self._close()
        argv = self.container.client("sh", "-c", "kill -s KILL -- -1")
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_GRACE_S)

    def _close(self) -> None:
        while self._standing:
            self._standing.pop().close()


@dataclass(frozen=True, kw_only=True)
class CheckoutShell:
    """Commands over a checkout that they see as /testbed: in bubblewrap, or, when asked for, on the bare machine."""

    bwrap: str | None
    scratch: Path  # holds testbed/, tmp/, home/, bin/ and passwd
    variables: Mapping[str, str]
    date: int = 0  # of the files, see dates.py

    def run(self, command: str, timeout_s: int) -> subprocesses.Ended:
        raw = command.encode("utf-8", "replace")
        script = self.scratch / COMMAND_FILE
        script.write_bytes(raw)  # a file, because an argument has a limit of 128 KiB
        argv = self._sandboxed() if self.bwrap else ["bash", str(script)]
        return subprocesses.run(
            argv,
            cwd=self.scratch / "testbed",
            env={} if self.bwrap else self._environment(),
            timeout_s=timeout_s,
            limit_bytes=_OUTPUT_BYTES,
        )

    def _environment(self) -> dict[str, str]:
        home = "/home/agent" if self.bwrap else str(self.scratch / "home")
        commands = "/run/bin" if self.bwrap else str(self.scratch / "bin")
        return {
            "PATH": f"{commands}:/usr/local/bin:/usr/bin:/bin",
            "HOME": home,
            "LANG": "C.UTF-8",
            "USER": "agent",
            **self.variables,
        }

    def _sandboxed(self) -> list[str]:
        flags = [
            str(self.bwrap),
            "--unshare-all",
            "--hostname",
            HOSTNAME,
            "--die-with-parent",
            "--new-session",
            "--clearenv",
            *system_flags(self.scratch / "tmp"),
        ]
        for name, value in self._environment().items():
            flags += ["--setenv", name, value]
        for inside, outside in ((TESTBED, "testbed"), ("/home/agent", "home")):
            flags += ["--bind", str(self.scratch / outside), inside]
        for name, inside in (
            (COMMAND_FILE, _COMMAND),
            ("bin", "/run/bin"),
            ("passwd", "/etc/passwd"),
        ):
            flags += ["--ro-bind", str(self.scratch / name), inside]
        flags += ["--chdir", TESTBED]
        return [*flags, "sh", "-c", _RUN_DATED, f"@{self.date}", _COMMAND]
