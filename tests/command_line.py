"""The program as a user starts it: a process, in a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_LEFT_OUT = ("OPENAI_", "CONTEXTTUNE_CACHE", "HYDRA_")


def environment(**extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_LEFT_OUT)}
    return {**kept, "COLUMNS": "120", **extra}


def contexttune(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m contexttune *arguments` with nothing of the caller's endpoint in its environment."""
    command = [sys.executable, "-m", "contexttune", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=600, check=False
    )


def start(*arguments: str, cwd: Path, **env: str) -> subprocess.Popen[str]:
    """The same, not waited for, leading a process group of its own."""
    command = [sys.executable, "-m", "contexttune", *arguments]
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
