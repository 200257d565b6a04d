"""The files of a group, read for the checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from contexttune.experiment.rows import require_name
from contexttune.instances.row_checks import SHAPES
from contexttune.paths import Layout
from contexttune.report import cell_states
from contexttune.system.files import read_json, read_jsonl

Run = Mapping[str, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Records:
    """The records of one group. `more` are further directories with files of the group."""

    layout: Layout
    group_id: str
    more: tuple[Path, ...] = ()

    @cached_property
    def runs(self) -> list[dict[str, Any]]:
        """One record for each run; shards are separate."""
        return cell_states.read_runs(self.layout, self.group_id)

    def home(self, run: Run) -> Path:
        return self.layout.run(self.group_id, run["run_id"])

    def attempts(self, run: Run) -> Iterator[tuple[Path, Record]]:
        """(directory, attempt.json) of each attempt, read lazily.

        Raises DamagedFile, and ConfigError for an instance id that is not a valid file name.
        """
        for instance in run["instances"]:
            name = require_name(instance["instance_id"], run)
            home = self.layout.instance(self.group_id, run["run_id"], name)
            record = read_json(home / "attempt.json")
            if record:
                yield home, record

    def predictions(self, run: Run) -> dict[str, Record]:
        """instance_id -> line of preds.jsonl."""
        return {
            row["instance_id"]: row
            for row in read_jsonl(self.layout.predictions(self.group_id, run["run_id"]))
        }

    def contexts(self, run: Run) -> dict[str, Path]:
        """instance_id -> directory of the contexts of its commit."""
        problems = read_jsonl(self.layout.problems(self.group_id, run["run_id"]))
        return {
            row["instance_id"]: self.layout.contexts(row["repo"], row["base_commit"])
            for row in problems
            # records are untrusted, and these become a path
            if all(re.fullmatch(SHAPES[column], row[column]) for column in ("repo", "base_commit"))
        }
