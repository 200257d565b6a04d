"""task=report: a group's summary, rebuilt from disk."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig


@dataclass(frozen=True, kw_only=True)
class Report:
    """Rebuild summary.json and instances.csv of `group_id`; the tables follow at the end.

    With `reevaluate_flips`, instances that end differently in two arms are graded again before.
    """

    name: str = "report"

    def execute(self, cfg: DictConfig) -> int:
        from contexttune import session
        from contexttune.cell import layout_of
        from contexttune.config import check
        from contexttune.errors import ExitCode
        from contexttune.report import group
        from contexttune.report.registered import require_known

        config = check(cfg)
        layout, group_id, n_missing = layout_of(config), str(config.group_id), 0
        require_known(config.analysis, group.read(layout, group_id).states)
        if config.reevaluate_flips:
            from contexttune import flips

            n_missing = flips.reevaluate(layout, group_id, config.reevaluate_flips, config.analysis)
        rebuilt = session.current.summarize(layout, group_id, config.analysis)
        complete = not n_missing and all(cell["state"] == "finished" for cell in rebuilt["cells"])
        return ExitCode.DONE if complete else ExitCode.MISSING_UNITS
