"""task=clean: lists the content of the cache and deletes what is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.config.validation import check
from contexttune.experiment.cell import layout_of
from contexttune.interfaces import Task, TaskResult
from contexttune.report.tables import print_lines, print_table
from contexttune.tasks import cache_contents
from contexttune.tasks.cache_contents import Section


@dataclass(frozen=True, kw_only=True)
class Clean(Task):
    """List what `paths.cache` contains and what can be deleted; `clean.apply=true` deletes it.

    Never deletes results, predictions, signals, contexts or complete mirrors.
    """

    name: str = "clean"

    def execute(self, cfg: DictConfig) -> TaskResult:
        config = check(cfg)
        sections = cache_contents.sections(layout_of(config), limit_bytes=config.workspace.cache_bytes)
        if config.clean.apply:
            for item in (item for section in sections for item in section.deletable):
                item.delete()
        _show(sections, applied=config.clean.apply)
        return TaskResult()


def _show(sections: Sequence[Section], *, applied: bool) -> None:
    rows = [
        {
            "what": section.name,
            "n": f"{section.n:,}",
            "MB": _mb(section.n_bytes),
            "deletable": str(len(section.deletable)),
            "MB of it": _mb(sum(item.n_bytes for item in section.deletable)),
        }
        for section in sections
    ]
    print_table("cache", rows, text=("what",))
    items = [item for section in sections for item in section.deletable]
    total = f"{len(items)} items, {_mb(sum(item.n_bytes for item in items))} MB"
    print_lines(
        [
            *(f"{item.path}: {item.reason}, {_mb(item.n_bytes)} MB" for item in items),
            f"deleted {total}" if applied else f"deleted nothing; clean.apply=true deletes {total}",
        ]
    )


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f}"
