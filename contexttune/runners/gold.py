"""The reference patch, to check images and harness before money is spent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from contexttune.interfaces import Runner
from contexttune.types import Attempt, AttemptStatus, GoldInstance, Instance


@dataclass(frozen=True, kw_only=True)
class Gold(Runner):
    """Submits the reference patch."""

    version: ClassVar[int] = 1
    needs_gold: ClassVar[bool] = True
    name: str = "gold"

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        assert isinstance(instance, GoldInstance)
        return Attempt(status=AttemptStatus.SUBMITTED, exit_status="gold", model_patch=instance.patch)
