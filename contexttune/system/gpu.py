"""GPU use beside a run: gpu.csv in its directory, where this machine has GPUs; nothing where it has none.

nvidia-smi and not pynvml: it comes with the driver, so there is nothing to install, and a driver that hangs
holds a process of its own and not the run.
"""

from __future__ import annotations

import csv
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import fmean
from typing import Any

from contexttune.system import subprocesses

log = logging.getLogger(__name__)

_FILE = "gpu.csv"
_EVERY_S = 5
_PROBE_TIMEOUT_S = 30
_STOP_S = 5
# what nvidia-smi calls it -> our column
_COLUMNS = {
    "timestamp": "timestamp",
    "index": "index",
    "name": "name",
    "utilization.gpu": "utilization_percent",
    "memory.used": "memory_used_mib",
    "power.draw": "power_w",
}


@contextmanager
def sampled(run_dir: Path) -> Iterator[None]:
    """Add a line a GPU to gpu.csv every few seconds, for as long as the block lasts."""
    command = _query()
    if not _answers(command):
        yield
        return
    path = run_dir / _FILE
    run_dir.mkdir(parents=True, exist_ok=True)
    with path.open("a") as sink:
        if not sink.tell():
            sink.write(",".join(_COLUMNS.values()) + "\n")
        elif not path.read_bytes().endswith(b"\n"):  # the last session was killed in mid-line
            sink.write("\n")
        sink.flush()
        sampler = subprocess.Popen(
            [*command, f"--loop={_EVERY_S}"],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=subprocesses.dies_with_parent(),
        )
    try:
        yield
    finally:
        if (status := sampler.poll()) is not None:
            log.warning("nvidia-smi ended before the run, with status %d: %s is not complete", status, path)
        subprocesses.stop(sampler, _STOP_S)


def summary(run_dir: Path) -> dict[str, Any]:
    """`gpu` for the run's record, over all its sessions; {} when nothing was sampled."""
    rows = []
    with suppress(FileNotFoundError), (run_dir / _FILE).open(newline="") as source:
        rows = list(csv.DictReader(source, skipinitialspace=True))
    if not rows:
        return {}
    utilization, memory, power = (
        _numbers(rows, column) for column in ("utilization_percent", "memory_used_mib", "power_w")
    )
    return {
        "gpu": {
            "names": {row["index"]: row["name"] for row in rows if row["name"]},
            "samples": len(rows),
            "utilization_percent_mean": round(fmean(utilization), 1) if utilization else None,
            "utilization_percent_max": max(utilization, default=None),
            "memory_used_mib_max": max(memory, default=None),
            "power_w_mean": round(fmean(power), 1) if power else None,
        }
    }


def _query() -> list[str]:
    """The command, for the GPUs that this job was given: a batch system's node may have more."""
    command = ["nvidia-smi", f"--query-gpu={','.join(_COLUMNS)}", "--format=csv,noheader,nounits"]
    ours = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    # its other forms (MIG devices) are none that nvidia-smi takes
    return (
        [*command, f"--id={ours}"] if re.fullmatch(r"(\d+|GPU-[\w-]+)(,(\d+|GPU-[\w-]+))*", ours) else command
    )


def _answers(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    try:
        probe = subprocess.run(command, capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("nvidia-smi does not answer, GPUs are not sampled: %s", error)
        return False
    return probe.returncode == 0 and bool(probe.stdout.strip())


def _numbers(rows: list[dict[str, str]], column: str) -> list[float]:
    """What was measured; a GPU may say [N/A], and the last line of a killed run may be torn."""
    found = []
    for row in rows:
        with suppress(TypeError, ValueError):
            found.append(float(row[column]))
    return found
