"""Tests that a patch turns against the machine: the harness sets no limits for its containers, so we do."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from contexttune.errors import ConfigError
from contexttune.harness.swebench_docker import SwebenchDocker
from contexttune.types import GoldInstance, Outcome
from tests.harness import toy_tasks
from tests.harness.conftest import instances, no_containers_left, toy_images, toy_repo

__all__ = ["instances", "no_containers_left", "toy_images", "toy_repo"]

# at most 300 processes, wherever there is no limit
FORK = """\
import subprocess
started = []
try:
    for _ in range(300):
        started.append(subprocess.Popen(["sleep", "30"]))
except OSError:
    pass
print("started", len(started), "processes", flush=True)
for process in started:
    process.kill()
"""
ALLOCATE = """\
print("allocating", flush=True)
filled = b"x" * 600_000_000
print("allocated", len(filled), flush=True)
"""


def graded(out_dir: Path, instances: list[GoldInstance], patch: str, **limits: Any) -> tuple[Outcome, str]:
    """The outcome of a patch, and what its tests printed."""
    name = instances[0].instance_id
    out_dir.mkdir(exist_ok=True)
    predictions = toy_tasks.write_predictions(out_dir / "preds.jsonl", {name: patch})
    harness = SwebenchDocker(timeout_s=60, attempts=1, **limits)
    outcome = harness.evaluate(predictions, instances[:1], out_dir)[name]
    (output,) = out_dir.glob("ct-*/logs/**/test_output.txt")
    return outcome, output.read_text()


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("CONTEXTTUNE_SIGNALS"),
    reason="other tests look for containers of the same tasks: set CONTEXTTUNE_SIGNALS=3",
)
@pytest.mark.usefixtures("toy_images", "no_containers_left")
class TestLimits:
    def test_processes_are_limited(self, instances, tmp_path):
        outcome, printed = graded(tmp_path, instances, toy_tasks.core_patch(preamble=FORK), pids_limit=100)
        found = re.search(r"^started (\d+) processes", printed, re.MULTILINE)
        assert found
        assert 50 < int(found[1]) < 100
        assert outcome is Outcome.RESOLVED

    def test_memory_is_limited(self, instances, tmp_path):
        patch = toy_tasks.core_patch(preamble=ALLOCATE)
        outcome, printed = graded(tmp_path / "a", instances, patch, memory_gb=0.2)
        assert "allocating" in printed
        assert "allocated 6" not in printed
        assert outcome is Outcome.UNRESOLVED
        outcome, printed = graded(tmp_path / "b", instances, patch)
        assert "allocated 6" in printed
        assert outcome is Outcome.RESOLVED

    def test_no_limit_can_be_asked_for(self, instances, tmp_path):
        outcome, printed = graded(
            tmp_path, instances, toy_tasks.core_patch(preamble=FORK), pids_limit=None, memory_gb=None
        )
        assert "started 300 processes" in printed
        assert outcome is Outcome.RESOLVED

    def test_the_log_says_what_is_limited_and_what_is_not(self, instances, tmp_path, caplog):
        caplog.set_level("INFO")
        graded(tmp_path, instances, toy_tasks.GOLD)
        assert "network" in caplog.text
        assert "memory_gb=16.0, pids_limit=4096" in caplog.text
        assert "without limits" not in caplog.text
        assert [thread.name for thread in threading.enumerate() if "_limit" in thread.name] == []


@pytest.mark.parametrize("limits", [{"pids_limit": 0}, {"memory_gb": 0}])
def test_a_limit_of_nothing_is_refused(limits):
    with pytest.raises(ConfigError, match=r"harness\.\w+ must be"):
        SwebenchDocker(**limits)
