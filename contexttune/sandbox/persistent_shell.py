"""A shell that stays open in a container and runs one command after another.

Starting a client of the engine for each command would take several times as long as most commands do.
"""

from __future__ import annotations

import re
import secrets
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from subprocess import PIPE

from contexttune.errors import InfraError
from contexttune.system import subprocesses
from contexttune.system.subprocesses import ExecResult

_LAST_WORDS_S = 5.0
_KILLED = 137
_CLIENT_LOST = 255  # docker's exit status when its engine ends; a shell that a command kills has another
_TAIL_BYTES = 64
_SLACK_BYTES = 65_536
_NOT_RUN = b"none"
# Output goes to a file, see shells.py. The file of the next command is made after the answer, while the model thinks.
_FILE = "ct_out=$({ mktemp -p /dev/shm || mktemp; } 2>/dev/null) || ct_out="
# cd each time, because a command may have replaced the directory
_COMMAND = r"""
if [ -n "$ct_out" ] && cd {cwd}; then
    unset OLDPWD
    timeout -k 2 {timeout_s} bash {flag} {command} >"$ct_out" 2>&1 </dev/null
    ct_status=$?
    head -c {limit_bytes} "$ct_out"
    printf '\n%s %s\n' {mark} "$ct_status"
    rm -f "$ct_out"
else
    printf '\n%s none\n' {mark}
fi
"""


class PersistentShell:
    """Feeds commands to `argv`, which runs `sh`. Commands do not see the pipe that they come through."""

    def __init__(self, argv: Sequence[str], cwd: str, flag: str = "-c") -> None:
        self._cwd, self._flag = cwd, flag
        # busy with a command, it would not notice that its input has ended
        hook = subprocesses.dies_with_parent()
        self._process = subprocess.Popen(argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, preexec_fn=hook)
        self._send(f"exec 2>/dev/null; {_FILE}\n")

    @property
    def is_open(self) -> bool:
        return self._process.poll() is None

    def run(self, command: str, timeout_s: int, limit_bytes: int, grace_s: float) -> ExecResult | None:
        """Run a command in bash; None when it was not run, because no file could be made for its output.

        `timed_out` means that the shell gave no answer `grace_s` seconds after the command's own time limit.
        When it prints more than `limit_bytes` all the same, the client is killed and the result is `truncated`.
        When the shell itself ends, returncode and stderr are those of its client, and returncode is not 0.
        Raises InfraError when the client has lost its engine.
        """
        mark = secrets.token_hex(16)  # no command can know it, so that no output contains it
        words = {
            "cwd": shlex.quote(self._cwd),
            "command": shlex.quote(command),
            "mark": mark,
            "flag": self._flag,
        }
        script = _COMMAND.format(timeout_s=timeout_s, limit_bytes=limit_bytes, **words)
        if not self._send(f"{script}{_FILE}\n"):
            return None
        answer = re.compile(rb"\n%s (\w+)\n\Z" % mark.encode())
        output, deadline = bytearray(), time.monotonic() + timeout_s + grace_s
        assert self._process.stdout is not None
        try:
            for _, chunk in subprocesses.read_chunks([self._process.stdout], deadline):
                output += chunk
                if found := answer.search(output, max(0, len(output) - _TAIL_BYTES)):
                    if found[1] == _NOT_RUN:
                        return None
                    return ExecResult(output=bytes(output[: found.start()]), returncode=int(found[1]))
                if len(output) > limit_bytes + _SLACK_BYTES:  # a command may have replaced `head`
                    self._process.kill()
                    return ExecResult(output=bytes(output), returncode=-signal.SIGKILL, truncated=True)
        except TimeoutError:
            return ExecResult(output=bytes(output), returncode=-1, timed_out=True)
        return self._client_result(bytes(output))

    def close(self) -> None:
        """Kill it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _send(self, script: str) -> bool:
        """Send a script; return whether the client took all of it. An incomplete script is not run."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(script.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def _client_result(self, output: bytes) -> ExecResult:
        """The result of a client that has closed its output."""
        assert self._process.stderr is not None
        try:
            returncode = self._process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return ExecResult(output=output, returncode=_KILLED)
        if returncode == _CLIENT_LOST:
            raise InfraError("the container is gone (its engine has closed the connection)")
        stderr = self._process.stderr.read()
        return ExecResult(output=output, returncode=returncode or _KILLED, stderr=stderr)
