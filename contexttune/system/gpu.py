"""Samples GPU use during a run into gpu.csv; does nothing on a machine without GPUs.

Uses nvidia-smi instead of pynvml: it comes with the driver, and a driver that hangs blocks a process of its own.
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
# nvidia-smi's name -> our column
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
    """Append one line for each GPU to gpu.csv every few seconds while the block runs."""
    command = _query()
    if not _answers(command):
        yield
        return
    path = run_dir / _FILE
    run_dir.mkdir(parents=True, exist_ok=True)
    with path.open("a") as sink:
        if not sink.tell():
            sink.write(",".join(_COLUMNS.values()) + "\n")
        elif not path.read_bytes().endswith(b"\n"):  # the last session was killed while writing
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
            log.warning("nvidia-smi ended before the run, with status %d: %s is incomplete", status, path)
        subprocesses.stop(sampler, _STOP_S)


def summary(run_dir: Path) -> dict[str, Any]:
    """`gpu` for the run's record, over all its sessions; {} if nothing was sampled."""
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
    """The nvidia-smi command for the GPUs of this job; its node may have more."""
    command = ["nvidia-smi", f"--query-gpu={','.join(_COLUMNS)}", "--format=csv,noheader,nounits"]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if re.fullmatch(
        r"(\d+|GPU-[\w-]+)(,(\d+|GPU-[\w-]+))*", visible
    ):  # nvidia-smi takes no other forms (MIG)
        command.append(f"--id={visible}")
    return command


def _answers(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    try:
        probe = subprocess.run(command, capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("nvidia-smi does not answer, so GPUs are not sampled: %s", error)
        return False
    return probe.returncode == 0 and bool(probe.stdout.strip())


def _numbers(rows: list[dict[str, str]], column: str) -> list[float]:
    """The numbers in a column, without [N/A] and a torn last line."""
    found = []
    for row in rows:
        with suppress(TypeError, ValueError):
            found.append(float(row[column]))
    return found
