"""What this process has done so far, for its exit code and its closing table.

Hydra gives a sweep's results to nobody when one of its jobs fails, so jobs leave a note here instead.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback

from contexttune.errors import ExitCode

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from contexttune.paths import Layout

# The most telling code of several jobs wins.
_ORDER = (
    ExitCode.DONE,
    ExitCode.MISSING_UNITS,
    ExitCode.BUDGET,
    ExitCode.FAILED,
    ExitCode.PREFLIGHT,
    ExitCode.BAD_CONFIG,
    ExitCode.INTERRUPTED,
)


@dataclass
class Session:
    """One invocation of the program."""

    jobs: int = 0
    exit_codes: list[ExitCode] = field(default_factory=list)
    groups: dict[str, Layout] = field(default_factory=dict)  # group_id -> where its files are

    @property
    def exit_code(self) -> ExitCode:
        return max(self.exit_codes, key=_ORDER.index, default=ExitCode.DONE)

    def show_tables(self) -> None:
        """The tables of every group that this process worked on."""
        from contexttune.report import summary, tables

        for group_id, layout in self.groups.items():
            tables.show(layout, summary.rebuild(layout, group_id))


current = Session()


class Watch(Callback):
    """Hydra's callback: refuses what Hydra would do silently wrong."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        launcher = config.hydra.runtime.choices.get("hydra/launcher")
        if launcher != "basic":
            # Hydra would run it here, on the login node, and say nothing; and it swallows a callback's exceptions
            words = (
                f"hydra/launcher={launcher} needs -m: python -m contexttune -m hydra/launcher={launcher} ..."
            )
            sys.stderr.write(f"error: {words}\n")
            raise SystemExit(ExitCode.BAD_CONFIG)
