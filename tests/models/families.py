"""The stand-in server's command, and what has become of its processes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

STAND_IN = [sys.executable, str(Path(__file__).with_name("stand_in_server.py")), "--port", "{port}"]


def pids(path: Path) -> list[int]:
    """The server, its child and its daemon; waits until they are there."""
    assert comes_true(path.exists, 120)
    found: list[int] = json.loads(path.read_text())
    return found


def alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(family: list[int], within_s: float) -> bool:
    return comes_true(lambda: not any(map(alive, family)), within_s)


def comes_true(what: Callable[[], bool], within_s: float) -> bool:
    until = time.monotonic() + within_s
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
