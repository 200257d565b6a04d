"""The schema of a run. conf/ holds the values; Hydra checks them against this as it composes.

`runner`, `condition`, `model`, `harness`, `task` and `signal` are open here: their schema is the class that
their `_target_` names (see parts.py), so that a new part brings its own keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from contexttune.errors import ConfigError

STAGES = ("signals", "context", "inference", "evaluate", "summarize")


@dataclass
class PathsConfig:
    root: str = "."
    cache: str = "cache"
    artifacts: str = "artifacts"
    results: str = "results"


@dataclass
class WorkspaceConfig:
    remote: str = (
        "https://github.com/{repo}.git"  # {owner} and {name} too; file:///mirrors/{owner}__{name}.git works
    )

    def __post_init__(self) -> None:
        try:
            self.remote.format(repo="owner/name", owner="owner", name="name")
        except (KeyError, IndexError, ValueError):
            raise ConfigError(
                f"workspace.remote={self.remote!r} may hold only {{repo}}, {{owner}} and {{name}} in braces"
            ) from None


@dataclass
class SliceConfig:
    name: str = "custom"
    dataset: str | None = None
    revision: str | None = None
    split: str = "test"
    instance_ids: list[str] | None = None
    ids_file: str | None = None
    filter: str | None = None
    repos: list[str] | None = None
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
    """What a run may take in all, over its attempts; null: no limit. Holds no result, so it is not part of run_id."""

    calls: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: float | None = None
    wall_s: float | None = None  # of attempts, added up: eight at once take eight seconds a second

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if value is not None and value < 0:
                raise ConfigError(f"budget.{key} must be at least 0, got {value}")


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
    reproduced_from: str | None = (
        None  # the directory of the run whose overrides these are; set by reproduce=
    )
    dry_run: bool = False
    stages: list[str] = field(default_factory=lambda: list(STAGES))
    workers: int = 4
    jobs_at_once: int | None = 2

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0, got {self.seed}")
        if self.workers < 1:
            raise ConfigError(f"workers must be at least 1, got {self.workers}")
        if self.jobs_at_once is not None and self.jobs_at_once < 1:
            raise ConfigError(f"jobs_at_once must be at least 1, got {self.jobs_at_once}")
        if self.group_id is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.group_id):
            raise ConfigError(
                f"group_id={self.group_id!r} must be letters, digits, '.', '_' and '-', at most 100"
            )
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if unknown or not self.stages:
            raise ConfigError(f"stages={self.stages} must be a list of {', '.join(STAGES)}")


def slug(text: object) -> str:
    """Letters, digits, dots, dashes and underscores: safe as a path component and on a command line."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(text)).strip("-._") or "none"


def register() -> None:
    """Tell Hydra about the schema. Idempotent; called by the entry point, not on import."""
    from hydra.core.config_store import ConfigStore

    from contexttune.identity import default_group_id, reproduced_group_id

    ConfigStore.instance().store("schema", Config)
    OmegaConf.register_new_resolver("default_group_id", default_group_id, replace=True)
    OmegaConf.register_new_resolver("reproduced_group_id", reproduced_group_id, replace=True)


def check(cfg: DictConfig) -> Config:
    """The configuration as typed objects. Raises ConfigError with the key in its sentence."""
    try:
        config = OmegaConf.to_object(cfg)
    except MissingMandatoryValue as error:
        key = error.full_key
        raise ConfigError(f"{key} is not set and has no default: say {key}=...") from None
    except OmegaConfBaseException as error:
        raise ConfigError(" ".join(str(error).split())) from None
    assert isinstance(config, Config)
    return config
