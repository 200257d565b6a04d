"""Read a group from disk: its runs, their rows, and the states of its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contexttune.errors import ConfigError
from contexttune.experiment.finished_work import unfinished
from contexttune.experiment.rows import Row, run_rows
from contexttune.paths import Layout
from contexttune.report import cell_states, shards
from contexttune.report.cell_states import CellState
from contexttune.report.registered_analysis import Analysis


@dataclass(frozen=True, kw_only=True)
class ArmRecords:
    """Runs and rows of one condition, or of one of its seeds, and descriptions of the unfinished cells."""

    name: str
    runs: list[dict[str, Any]]
    rows: list[Row]
    unfinished: list[str]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The records that a report is based on.

    Attributes:
        begun: records of its runs, shards separate.
        runs: the same with the shards of a cell merged into one run.
        rows: rows of `runs`; `part_id` names the run or shard that made the attempt.
        states: states of all cells, planned or begun.
    """

    group_id: str
    begun: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    rows: list[Row]
    states: list[CellState]

    @property
    def conditions(self) -> list[str]:
        return sorted({run["condition"] for run in self.runs})

    def arm(self, condition: str, analysis: Analysis, *, seed: int | None = None) -> ArmRecords:
        """Records of a condition with the seeds of `analysis`, or with one seed."""

        def belongs(one_condition: str, one_seed: int) -> bool:
            is_included = analysis.includes(one_seed) if seed is None else one_seed == seed
            return one_condition == condition and is_included

        return ArmRecords(
            name=condition,
            runs=[run for run in self.runs if belongs(run["condition"], run["seed"])],
            rows=[row for row in self.rows if belongs(row["condition"], row["seed"])],
            unfinished=[
                cell.description
                for cell in self.states
                if cell.is_open and belongs(cell.condition, cell.seed)
            ],
        )


def exists(layout: Layout, group_id: str) -> bool:
    """Whether the group has a run, begun or planned."""
    home = layout.group(group_id)
    return any(home.glob("runs/*/run.json")) or any(home.glob("runs/*/cell.json"))


def require(layout: Layout, group_id: str) -> None:
    """Raise ConfigError if the group has no run, begun or planned."""
    if not exists(layout, group_id):
        groups = sorted(path.parent.name for path in layout.results.glob("*/group.json"))
        raise ConfigError(
            f"group_id={group_id} has no run in {layout.results}; available groups: {', '.join(groups) or 'none'}"
        )


def read(layout: Layout, group_id: str) -> Group:
    """Read a group; raises ConfigError if it has no run, begun or planned."""
    require(layout, group_id)
    begun, planned = cell_states.read_runs(layout, group_id), cell_states.read_planned(layout, group_id)
    rows = {run["run_id"]: run_rows(layout, run) for run in begun}
    n_missing = {run["run_id"]: _n_unfinished(run, rows[run["run_id"]]) for run in begun}
    states = cell_states.states(layout, group_id, begun, planned, n_missing)
    runs, merged = shards.merge(begun, rows)
    return Group(group_id=group_id, begun=begun, runs=runs, rows=merged, states=states)


def _n_unfinished(run: Mapping[str, Any], rows: Sequence[Row]) -> int:
    grades = run.get("grades", run["harness"] != "none")  # early versions did not record it
    return len(unfinished(rows, ("inference", "evaluate"), grades=grades))
