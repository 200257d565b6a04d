"""Detectable effect and cost of a study, by its number of seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contexttune.tasks.plan.assumptions import Range

if TYPE_CHECKING:
    from contexttune.analysis.power import Design


@dataclass(frozen=True, kw_only=True)
class SeedPlan:
    """A study with one number of seeds, over all instances and conditions.

    Attributes:
        mde80: the smallest improvement detected with 80 % power; None if no improvement is.
        mde80_range: the same at both ends of the range of icc, if icc is assumed.
        hours: duration of the attempts, run after run, without grading.
        usd: None if the model has no price.
    """

    n_seeds: int
    mde80: float | None
    mde80_range: tuple[float | None, float | None] | None
    runs: int
    attempts: int
    calls: Range
    tokens: Range
    usd: Range | None
    hours: Range
    disk_gb: Range


@dataclass(frozen=True, kw_only=True)
class Study:
    """A planned study and its assumptions.

    Attributes:
        facts: ranges of resolve_rate, icc, tau, image_gb and AMOUNTS; of `usd` if the price is known.
        icc_range: (low, high) if icc is assumed; None if it is measured.
        images: whether instances need their container images on this machine.
    """

    n_instances: int
    n_conditions: int
    effect: float
    workers: int
    images: bool
    facts: Mapping[str, Range]
    icc_range: tuple[float, float] | None

    def with_seeds(self, n_seeds: int) -> SeedPlan:
        """Detectable effect and cost with this number of seeds."""
        runs, facts, iccs = self.n_conditions * n_seeds, self.facts, self.icc_range
        attempts = runs * self.n_instances
        disk = facts["disk_mb"] * (attempts / 1000)
        return SeedPlan(
            n_seeds=n_seeds,
            mde80=self.design(n_seeds).mde80(),
            # a higher icc detects smaller effects
            mde80_range=iccs
            and (self.design(n_seeds, iccs[1]).mde80(), self.design(n_seeds, iccs[0]).mde80()),
            runs=runs,
            attempts=attempts,
            calls=facts["calls"] * attempts,
            tokens=(facts["prompt_tokens"] + facts["completion_tokens"]) * attempts,
            usd=facts["usd"] * attempts if "usd" in facts else None,
            hours=facts["wall_s"] * (attempts / self.workers / 3600),
            disk_gb=disk + facts["image_gb"] * self.n_instances if self.images else disk,
        )

    def design(self, n_seeds: int, icc: float | None = None) -> Design:
        """The statistical design, optionally with another icc than the planned one."""
        from contexttune.analysis.power import Design

        return Design(
            n_instances=self.n_instances,
            n_seeds=n_seeds,
            resolve_rate=self.facts["resolve_rate"].low,
            icc=icc or self.facts["icc"].low,
            tau=self.facts["tau"].low,
        )
