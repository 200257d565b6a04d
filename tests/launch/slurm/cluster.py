"""A sweep on the real Slurm of this machine, and what a test needs to see of it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.command_line import Program, start

SLURM = ("hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1")
OFTEN = {
    "CONTEXTTUNE_TEST_SET": "contexttune.launch.slurm._POLL_S=1"
}  # jobs of a busy cluster end minutes later
PATIENCE_S = 300


def until(true: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait for a condition, and return what it was."""
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not in {patience_s} s: {what}")


@dataclass
class Sweep:
    """A launching process and the jobs that it has queued."""

    root: Path
    process: Program

    @property
    def directory(self) -> Path:
        return max(self.root.glob("multirun/*/*"), key=lambda path: path.name)

    def note(self, number: int) -> dict[str, Any]:
        """What job `number` has written of itself; waits until it has begun."""

        def read() -> Any:
            found = list(self.root.glob(f"multirun/*/*/{number}/job.json"))
            return found and json.loads(max(found).read_text())

        return dict(until(read, f"job {number} has begun"))

    def job_id(self, number: int) -> str:
        return str(self.note(number)["process"]["slurm_job"])

    def ended(self, patience_s: float = PATIENCE_S) -> str:
        """All that the launching process said, once it is gone."""
        said, _ = self.process.communicate(timeout=patience_s)
        return said

    def queued(self) -> list[str]:
        """States of this sweep's jobs that the controller still works on."""
        submitted = [
            p.name.partition("_")[0] for p in self.root.glob("multirun/*/*/.submitit/*") if p.is_dir()
        ]
        asked = ("squeue", "--noheader", "--array", "--format=%F|%A|%T")
        lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
        return [line.rpartition("|")[2] for line in lines if set(line.split("|")[:2]) & set(submitted)]

    def drained(self) -> None:
        until(lambda: not self.queued(), "no job of the sweep is left")


@contextmanager
def sweeping(root: Path, *arguments: str, **env: str) -> Iterator[Sweep]:
    """Launch a sweep; nothing of it is left in the queue afterwards."""
    process = start("-m", *SLURM, *arguments, cwd=root, **OFTEN, **env)
    sweep = Sweep(root, process)
    try:
        yield sweep
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        for folder in root.glob("multirun/*/*/.submitit/*"):
            if folder.is_dir():
                subprocess.run(["scancel", folder.name.partition("_")[0]], capture_output=True, check=False)
        sweep.drained()


def cells(root: Path) -> dict[tuple[str, int], str]:
    """State of each cell by condition and seed, from the one summary there is."""
    (path,) = root.glob("results/*/summary.json")
    return {(c["condition"], c["seed"]): c["state"] for c in json.loads(path.read_text())["cells"]}


def outcomes(root: Path) -> dict[tuple[str, str], list[str]]:
    """Outcomes, in the instances' order, by condition and seed."""
    (path,) = root.glob("results/*/instances.csv")
    found: dict[tuple[str, str], list[str]] = {}
    with path.open(newline="") as source:
        for row in csv.DictReader(source):
            found.setdefault((row["condition"], row["seed"]), []).append(row["outcome"])
    return found


def attempts(root: Path) -> dict[str, int]:
    """When each attempt was written, by its path."""
    return {str(p): p.stat().st_mtime_ns for p in root.glob("artifacts/preds/*/*/*/attempt.json")}
