"""task=clean: what lies in the cache, and what of it nobody needs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from contexttune.interfaces import Task, TaskResult

if TYPE_CHECKING:
    from contexttune.tasks.cache_contents import Holding

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Clean(Task):
    """List what lies under `paths.cache` and what can go; delete that with `clean.apply=true`.

    Results, predictions, signals and contexts are never touched, nor are mirrors.
    """

    name: str = "clean"

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.config.validation import check
        from contexttune.experiment.cell import layout_of
        from contexttune.tasks import cache_contents

        config = check(cfg)
        found = cache_contents.holdings(
            layout_of(config),
            limit_bytes=config.workspace.cache_bytes,
            unused_days=config.clean.unused_days,
        )
        if config.clean.apply:
            for holding in found:
                for one in holding.surplus:
                    one.delete()
        _show(found, applied=config.clean.apply)
        return TaskResult()


def _show(found: Sequence[Holding], *, applied: bool) -> None:
    from rich.markup import escape

    from contexttune.system.progress import console, plain_table

    table = plain_table("cache")
    for column in ("what", "n", "MB", "to go", "MB of it"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for holding in found:
        freed = sum(one.n_bytes for one in holding.surplus)
        numbers = (f"{holding.n:,}", _mb(holding.n_bytes), f"{len(holding.surplus)}", _mb(freed))
        table.add_row(escape(holding.what), *numbers)
    out, gone = console(), [one for holding in found for one in holding.surplus]
    out.print(table)
    for one in gone:
        out.print(
            f"{one.path}: {one.what}, {_mb(one.n_bytes)} MB", highlight=False, soft_wrap=True, markup=False
        )
    total = f"{len(gone)} things, {_mb(sum(one.n_bytes for one in gone))} MB"
    words = f"deleted: {total}" if applied else f"nothing was deleted; clean.apply=true deletes {total}"
    out.print(words, highlight=False, soft_wrap=True, markup=False)


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f}"
