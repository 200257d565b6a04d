"""A group as it lies on disk: its runs, their rows, the state of its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contexttune.errors import ConfigError
from contexttune.experiment.finished_work import is_missing
from contexttune.experiment.rows import Row, run_rows
from contexttune.paths import Layout
from contexttune.report import cell_states, shards
from contexttune.report.cell_states import CellState


@dataclass(frozen=True, kw_only=True)
class Group:
    """Everything that a report says is made of this.

    Attributes:
        begun: the records of its runs, shards apart.
        runs: the same with the shards of a cell as one run.
        rows: of `runs`; `part_id` names the run or shard that made the attempt.
        states: of every cell that was planned or has begun.
    """

    group_id: str
    begun: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    rows: list[Row]
    states: list[CellState]

    @property
    def conditions(self) -> list[str]:
        return sorted({run["condition"] for run in self.runs})


def exists(layout: Layout, group_id: str) -> bool:
    """Whether there is anything to report: a run, or the plan of one."""
    home = layout.group(group_id)
    return any(home.glob("runs/*/run.json")) or any(home.glob("runs/*/cell.json"))


def require(layout: Layout, group_id: str) -> None:
    """Raise ConfigError when the group has no run and none was planned."""
    if not exists(layout, group_id):
        groups = sorted(path.parent.name for path in layout.results.glob("*/group.json"))
        raise ConfigError(
            f"group_id={group_id} has no run under {layout.results}; groups there: {', '.join(groups) or 'none'}"
        )


def read(layout: Layout, group_id: str) -> Group:
    """Raises ConfigError when the group has no run and none was planned."""
    require(layout, group_id)
    begun, planned = cell_states.read_runs(layout, group_id), cell_states.read_planned(layout, group_id)
    rows = {run["run_id"]: run_rows(layout, run) for run in begun}
    n_missing = {run_id: sum(map(is_missing, own)) for run_id, own in rows.items()}
    states = cell_states.states(layout, group_id, begun, planned, n_missing)
    runs, merged = shards.merge(begun, rows)
    return Group(group_id=group_id, begun=begun, runs=runs, rows=merged, states=states)
