"""task=compare: compares two groups, or the seeds of one group with each other."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.config.schema import Config
from contexttune.config.validation import check
from contexttune.errors import ConfigError
from contexttune.experiment.cell import layout_of
from contexttune.interfaces import Task, TaskResult
from contexttune.report import comparison, group, tables
from contexttune.report.comparison import Comparison
from contexttune.report.registered_analysis import analysis_of, require_known


@dataclass(frozen=True, kw_only=True)
class Compare(Task):
    """Compare b with a (`groups=[a,b]`), which may differ only in condition, or report a noise floor (`groups=[a]`)."""

    name: str = "compare"

    def execute(self, cfg: DictConfig) -> TaskResult:
        config = check(cfg)
        found = _compare(config)
        path = comparison.write(layout_of(config), found)
        tables.show_comparison(found, path)
        return TaskResult()


def _compare(config: Config) -> Comparison:
    names, layout = config.groups or [], layout_of(config)
    if len(names) not in (1, 2) or len(set(names)) != len(names):
        raise ConfigError(
            f"groups={names} must name two groups, or one whose seeds are compared: groups=[a,b]"
        )
    found = [group.read(layout, name) for name in names]
    if waiting := [one.group_id for one in found if not one.begun]:
        raise ConfigError(f"groups: no run of {waiting[0]} has begun: run it first, or name another group")
    require_known(config.analysis, [vars(state) for one in found for state in one.states])
    analysis = analysis_of(layout, names[0], config.analysis)
    if len(found) == 1:
        return comparison.compare_seeds(found[0], analysis)
    margin = analysis_of(layout, names[1], config.analysis).margin
    return comparison.compare_groups(
        found[0], found[1], analysis, force=config.compare.force, margin_of_b=margin
    )
