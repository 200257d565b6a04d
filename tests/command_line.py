"""The program as a user starts it: a process, in a directory of its own."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.forked import Forked, ForkServer, can_fork

Program = subprocess.Popen[str] | Forked
_LEFT_OUT = ("OPENAI_", "CONTEXTTUNE_CACHE", "HYDRA_")
_TIMEOUT_S = 600
# What a fork server imports takes as long as a few fresh starts, and more tests come only in a run of many workers.
_FRESH_FIRST = 0 if "PYTEST_XDIST_WORKER" in os.environ else 4
_SERVERS: list[ForkServer] = []
_n_started = itertools.count()


def environment(**extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_LEFT_OUT)}
    return {**kept, "COLUMNS": "120", **extra}


def contexttune(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m contexttune *arguments` with nothing of the caller's endpoint in its environment.

    A fork of a process that has made all imports, unless CONTEXTTUNE_FRESH=1 asks for an interpreter of its own.
    """
    command, whole = _command(arguments), environment(**env)
    if (server := _fork_server(whole)) is None:
        return subprocess.run(
            command, cwd=cwd, env=whole, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    program = server.start(command, cwd, whole, errors_apart=True)
    try:
        out, err = program.communicate(timeout=_TIMEOUT_S)
    except BaseException:
        program.kill()
        program.wait()
        raise
    return subprocess.CompletedProcess(command, program.wait(), out, err)


def start(*arguments: str, cwd: Path, **env: str) -> Program:
    """The same, not waited for, leading a process group of its own."""
    command, whole = _command(arguments), environment(**env)
    if server := _fork_server(whole):
        return server.start(command, cwd, whole, leads=True)
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=whole,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "contexttune", *arguments]


def _fork_server(env: Mapping[str, str]) -> ForkServer | None:
    """The server for a process with `env`; None where it must be a fresh one, or would not be worth its imports."""
    if not can_fork(env) or next(_n_started) < _FRESH_FIRST:
        return None
    if not _SERVERS:
        _SERVERS.append(ForkServer())
    return _SERVERS[0]
