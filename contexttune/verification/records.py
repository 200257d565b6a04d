"""A group's files, as the checks read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from contexttune.paths import Layout
from contexttune.report import cells
from contexttune.store import read_json, read_jsonl

Run = Mapping[str, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Records:
    """Of one group. `more` are further directories that hold files of it."""

    layout: Layout
    group_id: str
    more: tuple[Path, ...] = ()

    @cached_property
    def runs(self) -> list[dict[str, Any]]:
        """Shards apart."""
        return cells.read_runs(self.layout, self.group_id)

    def home(self, run: Run) -> Path:
        return self.layout.run(self.group_id, run["run_id"])

    def attempts(self, run: Run) -> Iterator[tuple[Path, Record]]:
        """(its directory, attempt.json) of each that was made, one in memory at a time.

        Raises DamagedFile.
        """
        for instance in run["instances"]:
            home = self.layout.instance(self.group_id, run["run_id"], instance["instance_id"])
            record = read_json(home / "attempt.json")
            if record:
                yield home, record

    def predictions(self, run: Run) -> dict[str, Record]:
        """instance_id -> line of preds.jsonl."""
        return {
            row["instance_id"]: row
            for row in read_jsonl(self.layout.predictions(self.group_id, run["run_id"]))
        }

    def base_commits(self, run: Run) -> dict[str, tuple[str, str]]:
        """instance_id -> (repo, base_commit)."""
        problems = read_jsonl(self.layout.problems(self.group_id, run["run_id"]))
        return {row["instance_id"]: (row["repo"], row["base_commit"]) for row in problems}
