"""task=clean: lists the content of the cache and deletes what is not needed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.config.validation import check
from contexttune.experiment.cell import layout_of
from contexttune.interfaces import Task, TaskResult
from contexttune.system.progress import console, plain_table
from contexttune.tasks import cache_contents
from contexttune.tasks.cache_contents import Section

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Clean(Task):
    """List what `paths.cache` contains and what can be deleted; `clean.apply=true` deletes it.

    Never deletes results, predictions, signals, contexts or complete mirrors.
    """

    name: str = "clean"

    def execute(self, cfg: DictConfig) -> TaskResult:
        config = check(cfg)
        sections = cache_contents.sections(
            layout_of(config),
            limit_bytes=config.workspace.cache_bytes,
            unused_days=config.clean.unused_days,
        )
        if config.clean.apply:
            for section in sections:
                for item in section.deletable:
                    item.delete()
        _show(sections, applied=config.clean.apply)
        return TaskResult()


def _show(sections: Sequence[Section], *, applied: bool) -> None:
    from rich.markup import escape

    table = plain_table("cache")
    for column in ("what", "n", "MB", "deletable", "MB of it"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for section in sections:
        n, freed = len(section.deletable), sum(item.n_bytes for item in section.deletable)
        table.add_row(escape(section.name), f"{section.n:,}", _mb(section.n_bytes), f"{n}", _mb(freed))
    out, items = console(), [item for section in sections for item in section.deletable]
    out.print(table)
    for item in items:
        line = f"{item.path}: {item.reason}, {_mb(item.n_bytes)} MB"
        out.print(line, highlight=False, soft_wrap=True, markup=False)
    total = f"{len(items)} items, {_mb(sum(item.n_bytes for item in items))} MB"
    line = f"deleted {total}" if applied else f"deleted nothing; clean.apply=true deletes {total}"
    out.print(line, highlight=False, soft_wrap=True, markup=False)


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f}"
