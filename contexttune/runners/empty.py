"""No patch: the baseline that a harness must grade as empty."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from contexttune.interfaces import Runner
from contexttune.types import Attempt, AttemptStatus, Instance


@dataclass(frozen=True, kw_only=True)
class Empty(Runner):
    """Submits the empty patch."""

    version: ClassVar[int] = 1
    name: str = "empty"

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        return Attempt(status=AttemptStatus.EMPTY_PATCH, exit_status="empty")
