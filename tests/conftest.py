"""Parts of the machine that tests need, and what happens when they are not there.

A test marked `docker`, `podman`, `slurm`, `bwrap`, `llama` or `chromium` is skipped where that part is missing. Where
CONTEXTTUNE_REQUIRE names the part (comma-separated), it fails instead: CI must not pass by skipping.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.agents.scripted import Agent
from tests.command_line import contexttune, start

pytest_plugins = ["tests.agents.fixtures"]  # agents that tests of runners and sandboxes share

ROOT = Path(__file__).resolve().parent.parent
LLAMA_PYTHON = os.environ.get("CONTEXTTUNE_LLAMA_PYTHON", sys.executable)  # .ci/llama.sh makes one


def _answers(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


# as containers of attempts are started, over this machine's own files
_PODMAN = ("podman", "run", "--rm", "--network=none", "--memory=1g", "--pids-limit=64")
PARTS: dict[str, Callable[[], bool]] = {
    "docker": lambda: _answers("docker", "version"),
    "podman": lambda: _answers(*_PODMAN, "--rootfs", "/:O", "true"),
    "slurm": lambda: _answers("sinfo") and _answers("squeue"),
    "bwrap": lambda: _answers("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"),
    "llama": lambda: _answers(LLAMA_PYTHON, "-c", "import llama_cpp.server, gguf"),
    "chromium": lambda: _answers("chromium", "--version"),
}


@functools.cache
def is_there(part: str) -> bool:
    """Whether this machine has a part that works."""
    return PARTS[part]()


def required() -> set[str]:
    """Parts that must not be missing. Raises UsageError for a name that is no part."""
    named = {name.strip() for name in os.environ.get("CONTEXTTUNE_REQUIRE", "").split(",") if name.strip()}
    if unknown := sorted(named - set(PARTS)):
        raise pytest.UsageError(
            f"CONTEXTTUNE_REQUIRE names {', '.join(unknown)}; it knows {', '.join(PARTS)}"
        )
    return named


def pytest_configure(config: pytest.Config) -> None:
    required()
    # no test is about how long one example takes, and a busy machine would make it so
    settings.register_profile("here", deadline=None)
    settings.load_profile("here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, then those that start the program: none of them must be the last to begin."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    starting = {item.path for item in items if isinstance(item, pytest.Function) and _starts(item.module)}
    items.sort(key=lambda item: (item.path not in slow, item.path not in starting))


def _starts(module: ModuleType) -> bool:
    return any(value is contexttune or value is start or value is Agent for value in vars(module).values())


def pytest_runtest_setup(item: pytest.Item) -> None:
    for part in PARTS:
        if item.get_closest_marker(part) is None or is_there(part):
            continue
        if part in required():
            pytest.fail(f"CONTEXTTUNE_REQUIRE names {part}, which does not work here", pytrace=False)
        pytest.skip(f"no working {part} here")


@pytest.fixture(scope="session")
def build_images(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Runs scripts/demo_images.py, one test process at a time. Ask for it in tests marked `docker` only."""
    lock = tmp_path_factory.getbasetemp().parent / "demo_images.lock"

    def build(*arguments: str) -> None:
        script = [sys.executable, str(ROOT / "scripts" / "demo_images.py")]
        with FileLock(lock):
            done = subprocess.run([*script, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return build


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> tuple[Path, str]:
    """(directory, what was printed) of the demo's sweep, done once for all test processes: leave it as it is."""
    home = tmp_path_factory.getbasetemp()
    home = (home if worker_id == "master" else home.parent) / "demo-run"
    said = home / "said.txt"
    with FileLock(f"{home}.lock"):
        if not said.exists():
            (home / "root").mkdir(parents=True)
            begun = time.monotonic()
            done = contexttune("-m", "experiment=demo", cwd=home / "root")
            assert done.returncode == 0, done.stdout + done.stderr
            (home / "seconds.txt").write_text(str(time.monotonic() - begun))  # how long one takes here
            said.write_text(done.stdout, encoding="utf-8")
    return home / "root", said.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def podman_images(build_images: Callable[..., None]) -> None:
    """The same in podman's store. Ask for it in tests marked `podman` only."""
    build_images("--engine", "podman")


@pytest.fixture(scope="session")
def demo_images(build_images: Callable[..., None]) -> None:
    """Images of the bundled tasks in the Docker engine."""
    build_images()
