"""A Docker engine that a test may kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def own_engine(build_images: Callable[..., None]) -> Iterator[tuple[Path, dict[str, str]]]:
    """A Docker engine that may be killed: its directory and its environment."""
    if os.getuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("needs root and dockerd")
    folder = Path(tempfile.mkdtemp(prefix="ct", dir="/tmp"))  # a socket's path must be short
    env = start_engine(folder)
    saved = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        build_images()
        yield folder, env
    finally:
        for name, value in saved.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        subprocess.run([_ci("dockerd_down.sh"), folder], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _ci(name: str) -> Path:
    return Path(__file__).parents[2] / ".ci" / name


def start_engine(folder: Path) -> dict[str, str]:
    said = subprocess.run([_ci("dockerd_up.sh"), folder], check=True, capture_output=True, text=True).stdout
    return dict(word.split("=", 1) for word in said.split() if "=" in word)


def stop_engine(folder: Path) -> None:
    pid = int((folder / "dockerd.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.1)
