"""A shell that stays in a container and runs one command after the other.

Starting a client of the engine for each command would take several times as long as most commands do.
"""

from __future__ import annotations

import os
import re
import secrets
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from subprocess import PIPE, CompletedProcess, TimeoutExpired

from contexttune.system import subprocesses

_CHUNK_BYTES = 65_536
_LAST_WORDS_S = 5.0
_KILLED = 137
_TAIL_BYTES = 64
_NOT_RUN = b"none"
# Where output goes: see shells.py. The next command's file is made after the answer, while the model thinks.
_FILE = "ct_out=$({ mktemp -p /dev/shm || mktemp; } 2>/dev/null) || ct_out="
# cd each time: the agent may have put another directory in the place of its own.
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


class StandingShell:
    """`argv` runs `sh` somewhere with our pipe as its input. Commands see nothing of that pipe."""

    def __init__(self, argv: Sequence[str], cwd: str, flag: str = "-c") -> None:
        self._cwd, self._flag = cwd, flag
        # busy with a command, it would not see that its input has ended
        dies = subprocesses.dies_with_parent()
        self._process = subprocess.Popen(argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, preexec_fn=dies)
        self._send(f"exec 2>/dev/null; {_FILE}\n")

    @property
    def is_open(self) -> bool:
        return self._process.poll() is None

    def run(
        self, command: str, timeout_s: int, limit_bytes: int, grace_s: float
    ) -> CompletedProcess[bytes] | None:
        """Output and status of bash with the command, or None when it was not run, because no file could be made for it.

        Where it prints more than the limit for all that, the client is killed, and the status is that of a kill.
        When the shell itself ends meanwhile, the status is its client's, never 0, and `stderr` is the client's.
        Raises subprocess.TimeoutExpired when there is no answer `grace_s` seconds after the command's own limit.
        """
        mark = secrets.token_hex(16)  # no output holds it: a command cannot know it
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
        while chunk := self._chunk(deadline):
            output += chunk
            if found := answer.search(output, max(0, len(output) - _TAIL_BYTES)):
                if found[1] == _NOT_RUN:
                    return None
                return CompletedProcess([], int(found[1]), bytes(output[: found.start()]), b"")
            if len(output) > limit_bytes + _CHUNK_BYTES:  # `head` in there is the agent's to replace
                self._process.kill()
                return CompletedProcess([], -signal.SIGKILL, bytes(output), b"")
        return self._gone(bytes(output))

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _send(self, script: str) -> bool:
        """Whether the client took it; what it takes in part is not run."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(script.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def _chunk(self, deadline: float) -> bytes:
        """What has come; b"" at the end."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not selector.select(left_s):
                raise TimeoutExpired(self._process.args, left_s)
        return os.read(self._process.stdout.fileno(), _CHUNK_BYTES)

    def _gone(self, output: bytes) -> CompletedProcess[bytes]:
        assert self._process.stderr is not None
        try:
            status = self._process.wait(_LAST_WORDS_S)
        except TimeoutExpired:
            self._process.kill()
            return CompletedProcess([], _KILLED, output, b"")
        return CompletedProcess([], status or _KILLED, output, self._process.stderr.read())
