"""The backend that grades nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from contexttune.types import GoldInstance, Outcome


@dataclass(frozen=True, kw_only=True)
class NoHarness:
    """Leaves predictions ungraded: for runs that are evaluated elsewhere or later."""

    version: ClassVar[int] = 1
    official: ClassVar[bool] = False
    grades: ClassVar[bool] = False

    name: str = "none"

    def preflight(self, instances: Sequence[GoldInstance]) -> None:
        """Needs nothing."""

    def evaluate(
        self, predictions: Path, instances: Sequence[GoldInstance], out_dir: Path
    ) -> dict[str, Outcome]:
        """No outcomes."""
        return {}
