"""The reference patch: proves images and harness before money is spent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from contexttune.types import Attempt, AttemptStatus, GoldInstance, Instance


@dataclass(frozen=True, kw_only=True)
class Gold:
    """Submits what the instance's authors did."""

    version: ClassVar[int] = 1
    needs_gold: ClassVar[bool] = True
    name: str = "gold"

    def preflight(self) -> None:
        """Nothing is needed."""

    def stop(self) -> None:
        """Nothing of its own is under way."""

    def rehearse(self, instance: Instance, block: str) -> str:
        return ""

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        assert isinstance(instance, GoldInstance)
        return Attempt(status=AttemptStatus.SUBMITTED, exit_status="gold", model_patch=instance.patch)
