"""task=report: a group's summary and its page, rebuilt from disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from contexttune.interfaces import Task, TaskResult

if TYPE_CHECKING:
    from contexttune.config.schema import Config
    from contexttune.experiment.rows import Row
    from contexttune.paths import Layout

log = logging.getLogger(__name__)

_QUIET_S = 2.0  # what the page may take without a word


@dataclass(frozen=True, kw_only=True)
class Report(Task):
    """Rebuild summary.json, summary.md, instances.csv and report.html of `group_id`; the tables follow at the end.

    With `reevaluate_flips`, instances that end differently in two arms are graded again before.
    """

    name: str = "report"

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.config.validation import check
        from contexttune.errors import ExitCode
        from contexttune.experiment.cell import layout_of
        from contexttune.report import cell_states, group, summary
        from contexttune.report.registered_analysis import require_known

        config = check(cfg)
        layout, group_id, n_missing = layout_of(config), str(config.group_id), 0
        group.require(layout, group_id)
        known = [*cell_states.read_runs(layout, group_id), *cell_states.read_planned(layout, group_id)]
        require_known(config.analysis, known)
        if config.reevaluate_flips:
            from contexttune.tasks import reevaluate

            n_missing = reevaluate.reevaluate(layout, group_id, config.reevaluate_flips, config.analysis)
        rebuilt, found = summary.write(layout, group_id, config.analysis)
        _write_page(layout, config, rebuilt, found.rows)
        complete = not n_missing and all(cell["state"] == "finished" for cell in rebuilt["cells"])
        return TaskResult(
            exit_code=ExitCode.DONE if complete else ExitCode.MISSING_UNITS,
            groups={group_id: layout},
            summaries={group_id: rebuilt},
        )


def _write_page(layout: Layout, config: Config, rebuilt: Mapping[str, Any], rows: Sequence[Row]) -> None:
    from contexttune.report import page

    words = "report: reading what %d attempts left behind"
    patience = threading.Timer(_QUIET_S, log.info, (words, len(rows)))
    patience.daemon = True
    patience.start()
    try:
        keys = config.report
        path = page.write(
            layout, rebuilt["group_id"], rebuilt, rows, trajectories=keys.trajectories, max_mb=keys.max_mb
        )
    finally:
        patience.cancel()
    log.info("report: %s", path)
