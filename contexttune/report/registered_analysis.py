"""Analysis choices of a group: as registered by its first run, or as overridden later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from contexttune.config.schema import AnalysisConfig
from contexttune.errors import ConfigError
from contexttune.paths import Layout
from contexttune.system.files import read_json


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Choices that a verdict depends on.

    Attributes:
        control: the condition that all others are compared with.
        margin: equivalence margin, a difference of shares.
        seeds: seeds to analyse; null for all.
        registered: control and margin as registered before any outcome was seen; null in groups of older versions.
        changed: keys whose values differ from the registered ones.
    """

    control: str
    margin: float
    seeds: list[int] | None
    registered: dict[str, Any] | None
    changed: list[str]

    def includes(self, seed: int) -> bool:
        return self.seeds is None or seed in self.seeds


def analysis_of(
    layout: Layout, group_id: str, config: AnalysisConfig | None, typed: Sequence[str] | None = None
) -> Analysis:
    """Resolve the analysis: typed overrides take precedence over registered values, and these over defaults.

    `typed` are Hydra overrides; None for those of the current Hydra job.
    """
    asked, default = config or AnalysisConfig(), AnalysisConfig()
    registered = (read_json(layout.group(group_id) / "group.json") or {}).get("analysis")
    explicit = _analysis_keys(job_overrides() if typed is None else typed) if config else set()
    chosen = asdict(asked)
    for key, value in (registered or {}).items():
        if key not in explicit and chosen[key] == getattr(default, key):
            chosen[key] = value
    changed = sorted(key for key, value in (registered or {}).items() if chosen[key] != value)
    return Analysis(**chosen, registered=registered, changed=changed)


def require_known(config: AnalysisConfig, cells: Sequence[Mapping[str, Any]]) -> None:
    """Raise ConfigError for a control or seed that no cell has, begun or planned."""
    conditions, seeds = {cell["condition"] for cell in cells}, {cell["seed"] for cell in cells}
    control = config.control
    if control != AnalysisConfig.control and control not in conditions:
        raise ConfigError(
            f"analysis.control={control} is not a condition of this group; choose one of {', '.join(sorted(conditions))}"
        )
    unknown = sorted(set(config.seeds or ()) - seeds)
    if unknown:
        raise ConfigError(f"analysis.seeds: no run has seed {unknown[0]}; choose from {sorted(seeds)}")


def _analysis_keys(overrides: Sequence[str]) -> set[str]:
    """Keys of `analysis` that are overridden, even with their defaults."""
    keys = [text.lstrip("+").partition("=")[0] for text in overrides]
    return {key.removeprefix("analysis.") for key in keys if key.startswith("analysis.")}


def job_overrides() -> Sequence[str]:
    """Overrides of the current Hydra job, parameters of a sweep included; [] outside of one."""
    from hydra.core.hydra_config import HydraConfig

    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
