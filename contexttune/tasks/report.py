"""task=report: rebuilds a group's summary and page from disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from contexttune.config.schema import Config
from contexttune.config.validation import check
from contexttune.errors import ExitCode
from contexttune.experiment.cell import layout_of
from contexttune.experiment.rows import Row
from contexttune.interfaces import Task, TaskResult
from contexttune.paths import Layout
from contexttune.report import cell_states, group, summary
from contexttune.report.page import document
from contexttune.report.registered_analysis import require_known

log = logging.getLogger(__name__)

_QUIET_S = 2.0  # if writing the page takes longer, a log line says so


@dataclass(frozen=True, kw_only=True)
class Report(Task):
    """Rebuild summary.json, summary.md, instances.csv and report.html of `group_id`, and print its tables.

    `reevaluate_flips=N` first grades instances that differ between two arms N more times, to find flaky gradings.
    """

    name: str = "report"

    def execute(self, cfg: DictConfig) -> TaskResult:
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
    notice = threading.Timer(_QUIET_S, log.info, ("report: reading the files of %d attempts", len(rows)))
    notice.daemon = True
    notice.start()
    try:
        keys = config.report
        path = document.write(
            layout, rebuilt["group_id"], rebuilt, rows, trajectories=keys.trajectories, max_mb=keys.max_mb
        )
    finally:
        notice.cancel()
    log.info("report: %s", path)
