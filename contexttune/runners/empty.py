"""No patch at all: the floor that every harness must show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from contexttune.types import Attempt, AttemptStatus, Instance


@dataclass(frozen=True, kw_only=True)
class Empty:
    """Submits the empty patch."""

    version: ClassVar[int] = 1
    needs_gold: ClassVar[bool] = False
    name: str = "empty"

    def preflight(self) -> None:
        """Nothing is needed."""

    def stop(self) -> None:
        """Nothing of its own is under way."""

    def rehearse(self, instance: Instance, block: str) -> str:
        return ""

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        return Attempt(status=AttemptStatus.EMPTY_PATCH, exit_status="empty")
