"""States of a group's cells, derived from disk."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from contexttune.errors import ExitCode
from contexttune.experiment import job_record
from contexttune.paths import Layout
from contexttune.system.files import read_json
from contexttune.system.run_lock import holder_of

_STARTING_S = 120.0  # a job on another host counts as starting for so long, without its run's lock
_SHARD = re.compile(r"-shard(\d+)of(\d+)$")


class State(StrEnum):
    """State of one cell."""

    FINISHED = "finished"
    INCOMPLETE = "incomplete"  # ended with results missing, because of outages
    RUNNING = "running"
    FAILED = "failed"  # rejected, interrupted or killed
    MISSING = "missing"  # planned, never started


@dataclass(frozen=True, kw_only=True)
class CellState:
    """State of one cell, condition x seed x shard, and the reason if it is not finished."""

    run_id: str
    condition: str
    seed: int
    state: State
    reason: str

    @property
    def is_open(self) -> bool:
        """Whether results are still to come; an incomplete cell has ended, its lost results are missing data."""
        return self.state not in (State.FINISHED, State.INCOMPLETE)

    @property
    def description(self) -> str:
        return f"seed {self.seed} is {self.state.value}"


def run_of(run_id: str) -> str:
    """The run_id without the shard."""
    return _SHARD.sub("", run_id)


def shard_of(run_id: str) -> tuple[int, int]:
    """(index, count) of a shard; (0, 1) for an unsharded run."""
    found = _SHARD.search(run_id)
    return (int(found[1]), int(found[2])) if found else (0, 1)


def read_runs(layout: Layout, group_id: str) -> list[dict[str, Any]]:
    """Records of all runs that have begun, shards separate."""
    return [_record(path, group_id) for path in sorted(layout.group(group_id).glob("runs/*/run.json"))]


def read_planned(layout: Layout, group_id: str) -> list[dict[str, Any]]:
    """Cells planned by sweeps."""
    return [_record(path, group_id) for path in sorted(layout.group(group_id).glob("runs/*/cell.json"))]


def _record(path: Path, group_id: str) -> dict[str, Any]:
    """A record with the ids of its directories: the recorded ids are not trusted, because ids become paths."""
    record: dict[str, Any] = read_json(path)
    return record | {"run_id": path.parent.name, "group_id": group_id}


def states(
    layout: Layout,
    group_id: str,
    runs: Sequence[Mapping[str, Any]],
    planned: Sequence[Mapping[str, Any]],
    n_missing: Mapping[str, int],
) -> list[CellState]:
    """States of all cells, planned or begun; `n_missing` maps run_id to the number of missing results."""
    begun = {run["run_id"]: run for run in runs}
    wanted = {cell["run_id"]: cell for cell in planned}
    found = []
    for run_id in sorted(begun.keys() | wanted.keys()):
        run, cell = begun.get(run_id), wanted.get(run_id)
        note = job_record.read(Path(cell["job_dir"])) if cell else None
        if run is None and note and note.get("exit_code") == ExitCode.BAD_CONFIG:
            continue  # rejected as invalid: running it again would fail, too
        holder = holder_of(layout.run_lock(group_id, run_id))
        if holder is not None:
            state, reason = State.RUNNING, str(holder)
        elif run is None:
            state, reason = _not_begun(note)
        else:
            state, reason = _begun(run, note, n_missing[run_id])
        known = run or cell or {}
        found.append(
            CellState(
                run_id=run_id, condition=known["condition"], seed=known["seed"], state=state, reason=reason
            )
        )
    return found


def _not_begun(note: Mapping[str, Any] | None) -> tuple[State, str]:
    if note is None:
        return State.MISSING, "no job has started it"
    if "exit_code" not in note:
        process = job_record.process_of(note)
        is_young = time.time() - note["started_s"] < _STARTING_S
        if is_young if process.is_running is None else process.is_running:
            return State.RUNNING, f"starting: {process}"
    return State.FAILED, job_record.words(note)


def _begun(run: Mapping[str, Any], note: Mapping[str, Any] | None, n_missing: int) -> tuple[State, str]:
    if run["status"] == "finished":
        if n_missing:
            return State.INCOMPLETE, f"{n_missing} of {len(run['instances'])} results are missing"
        return State.FINISHED, ""
    if note and note.get("error"):
        return State.FAILED, note["error"]
    return State.FAILED, "interrupted" if run["status"] == "interrupted" else "killed"
