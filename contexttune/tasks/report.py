"""task=report: a group's summary, rebuilt from disk."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig


@dataclass(frozen=True, kw_only=True)
class Report:
    """Rebuild summary.json and instances.csv of `group_id`; the tables follow at the end."""

    name: str = "report"

    def execute(self, cfg: DictConfig) -> int:
        from contexttune import session
        from contexttune.cell import layout_of
        from contexttune.config import check
        from contexttune.errors import ExitCode

        config = check(cfg)
        rebuilt = session.current.summarize(layout_of(config), str(config.group_id))
        complete = all(cell["state"] == "finished" for cell in rebuilt["cells"])
        return ExitCode.DONE if complete else ExitCode.MISSING_UNITS
