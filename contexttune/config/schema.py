"""The schema of a run. conf/ holds the values; Hydra checks them against this as it composes.

`runner`, `condition`, `model`, `harness`, `task` and `signal` are open: their schema is the class that their `_target_`
names (config/build.py), so that a new part defines its own keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from contexttune.errors import ConfigError
from contexttune.types import STAGES

LEAKS = ("fail", "warn", "off")
SPLITS = ("all", "development", "held_out")


@dataclass
class PathsConfig:
    root: str = "."
    cache: str = "cache"
    artifacts: str = "artifacts"
    results: str = "results"

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if not value:
                raise ConfigError(f"paths.{key} is empty: set it to a directory, such as '.'")


@dataclass
class WorkspaceConfig:
    remote: str = (
        "https://github.com/{repo}.git"  # or with {owner} and {name}: file:///mirrors/{owner}__{name}.git
    )
    cache_gb: float = 2.0  # limit of the cache of file facts, under paths.cache

    def __post_init__(self) -> None:
        if self.cache_gb <= 0:
            raise ConfigError(f"workspace.cache_gb must be above 0, got {self.cache_gb}")
        try:
            self.remote.format(repo="owner/name", owner="owner", name="name")
        except (KeyError, IndexError, ValueError):
            raise ConfigError(
                f"workspace.remote={self.remote!r} may contain only {{repo}}, {{owner}} and {{name}} in braces"
            ) from None

    @property
    def cache_bytes(self) -> int:
        return int(self.cache_gb * 1e9)


@dataclass
class SliceConfig:
    name: str = "custom"
    dataset: Any = None  # a location, or a part with a `_target_`
    revision: str | None = None
    split: str = "test"
    instance_ids: list[str] | None = None
    ids_file: str | None = None
    filter: str | None = None
    repos: list[str] | None = None
    healthy_only: bool = False  # exclude, from all arms, instances that experiment=health found unhealthy
    limit: int | None = None
    shard_index: int = 0
    shard_count: int = 1

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"slice.limit must be at least 1, got {self.limit}")
        if not 0 <= self.shard_index < self.shard_count:
            raise ConfigError(
                f"slice.shard_index must be from 0 to slice.shard_count - 1, got {self.shard_index} of {self.shard_count}"
            )


@dataclass
class BudgetConfig:
    """Limits on the sum over a run's attempts; null: no limit. Not part of run_id."""

    calls: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: float | None = None
    wall_s: float | None = None  # summed over attempts, also over those that run at once

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if value is not None and value < 0:
                raise ConfigError(f"budget.{key} must be at least 0, got {value}")


@dataclass
class AnalysisConfig:
    """Analysis settings of a group, registered by its first run before any outcome is known."""

    control: str = "no_context"  # the condition that all others are compared with
    margin: float = 0.05  # equivalence margin: smaller differences, either way, do not matter in practice
    seeds: list[int] | None = None  # null: all

    def __post_init__(self) -> None:
        if not 0.001 <= self.margin < 1:  # no design detects less, and far smaller margins overflow
            raise ConfigError(
                f"analysis.margin must be at least 0.001 and below 1 (0.05: five points), got {self.margin}"
            )
        if self.seeds is not None and not self.seeds:
            raise ConfigError("analysis.seeds=[] selects no seed; null selects all")


@dataclass
class ReportConfig:
    """Settings of report.html."""

    trajectories: bool = True
    max_mb: float = 5.0  # trajectories are shortened to keep the file below this

    def __post_init__(self) -> None:
        if self.max_mb <= 0:
            raise ConfigError(f"report.max_mb must be above 0, got {self.max_mb}")


@dataclass
class AuditConfig:
    """task=audit. `leaks` also applies to every run: what to do when a context reveals the answer."""

    conditions: list[str] | None = None  # null: the condition of the command
    reference: str | None = None  # the condition that the others are compared with; null: the first
    budgets_chars: list[int] = field(default_factory=lambda: [3200, 4000, 8000, 16000, 32000])
    split: str = "all"  # development: instances of development_repos; held_out: all others
    development_repos: list[str] = field(default_factory=lambda: ["sphinx-doc/sphinx", "sympy/sympy"])
    leaks: str = "fail"
    name: str | None = None  # directory under results/audits; null: derived from the settings

    def __post_init__(self) -> None:
        if not self.budgets_chars or min(self.budgets_chars) < 1:
            raise ConfigError(f"audit.budgets_chars={self.budgets_chars} must be numbers of at least 1")
        if self.leaks not in LEAKS:
            raise ConfigError(f"audit.leaks={self.leaks!r} must be one of {', '.join(LEAKS)}")
        if self.split not in SPLITS:
            raise ConfigError(f"audit.split={self.split!r} must be one of {', '.join(SPLITS)}")


@dataclass
class CompareConfig:
    """task=compare."""

    force: bool = False  # compare groups that differ in more than the condition


@dataclass
class CleanConfig:
    """task=clean."""

    apply: bool = False  # delete what is listed


@dataclass
class PlanConfig:
    """task=plan: the effect to detect, and assumptions, which `group` replaces by measurements."""

    effect: float = 0.05  # the difference to detect with 80 % power
    seeds: list[int] = field(default_factory=lambda: [1, 3, 5])
    conditions: int = 2
    group: str | None = None  # an earlier group whose rates, variances and costs are used
    instances: int | None = None  # how many, if that is unknown without loading the dataset
    resolve_rate: float = 0.5
    icc: float = 0.5  # correlation of two seeds of an instance
    tau: float = 0.7  # SD of the effect between instances, in logits

    def __post_init__(self) -> None:
        for key in ("effect", "resolve_rate", "icc"):
            if not 0 < getattr(self, key) < 1:
                raise ConfigError(f"plan.{key} must be between 0 and 1, got {getattr(self, key)}")
        if not self.seeds or min(self.seeds) < 1 or self.conditions < 2 or self.tau < 0:
            raise ConfigError("plan needs seeds >= 1, conditions >= 2 and tau >= 0")
        if self.instances is not None and self.instances < 1:
            raise ConfigError(f"plan.instances must be at least 1, got {self.instances}")


@dataclass
class Config:
    task: dict[str, Any] = field(default_factory=dict)
    runner: dict[str, Any] = field(default_factory=dict)
    condition: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    harness: dict[str, Any] = field(default_factory=dict)
    signal: dict[str, Any] = field(default_factory=dict)
    slice: SliceConfig = field(default_factory=SliceConfig)
    prices: dict[str, Any] = field(default_factory=dict)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    workspace: WorkspaceConfig = field(default_factory=WorkspaceConfig)
    seed: int = 0
    group_id: str | None = None
    reproduced_from: str | None = None  # set by reproduce=: the directory of the reproduced run
    reproduce_trusted: bool = False  # whether reproduce= obeys recorded settings that could do harm
    dry_run: bool = False
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    plan: PlanConfig = field(default_factory=PlanConfig)
    compare: CompareConfig = field(default_factory=CompareConfig)
    audit: AuditConfig = field(default_factory=AuditConfig)
    clean: CleanConfig = field(default_factory=CleanConfig)
    show: str | None = None  # for task=audit: the instance whose blocks are printed
    groups: list[str] | None = None  # for task=compare
    reevaluate_flips: int = 0  # for task=report: how often to grade discordant instances again
    stages: list[str] = field(default_factory=lambda: list(STAGES))
    workers: int = 4
    jobs_at_once: int | None = 2

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0, got {self.seed}")
        if self.workers < 1:
            raise ConfigError(f"workers must be at least 1, got {self.workers}")
        if self.reevaluate_flips < 0:
            raise ConfigError(f"reevaluate_flips must be at least 0, got {self.reevaluate_flips}")
        if self.jobs_at_once is not None and self.jobs_at_once < 1:
            raise ConfigError(f"jobs_at_once must be at least 1, got {self.jobs_at_once}")
        for key, name in (
            ("group_id", self.group_id),
            ("plan.group", self.plan.group),
            ("audit.name", self.audit.name),
            *(("groups", one) for one in self.groups or ()),
        ):
            if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
                raise ConfigError(
                    f"{key}={name!r} must consist of at most 100 letters, digits, '.', '_' and '-'"
                )
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if unknown or not self.stages:
            raise ConfigError(f"stages={self.stages} must be a list of {', '.join(STAGES)}")
