"""What a group's answer is judged by: as its first run registered it, or as somebody asked afterwards."""

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
    """The choices that an answer depends on.

    Attributes:
        control: the condition that all others are compared with.
        margin: of equivalence, a difference of shares.
        seeds: those that are looked at; null for all.
        registered: control and margin as they were before an outcome was seen; null in a group of an older version.
        changed: keys that are not as registered.
    """

    control: str
    margin: float
    seeds: list[int] | None
    registered: dict[str, Any] | None
    changed: list[str]

    def looks_at(self, seed: int) -> bool:
        return self.seeds is None or seed in self.seeds


def analysis_of(
    layout: Layout, group_id: str, config: AnalysisConfig | None, typed: Sequence[str] | None = None
) -> Analysis:
    """What was said now wins over what was registered, and that over the defaults.

    `typed` are the overrides that say it; None for those of the Hydra job that this process is in.
    """
    asked, default = config or AnalysisConfig(), AnalysisConfig()
    registered = (read_json(layout.group(group_id) / "group.json") or {}).get("analysis")
    said = _said(_typed() if typed is None else typed) if config else set()
    chosen = asdict(asked)
    for key, value in (registered or {}).items():
        if key not in said and chosen[key] == getattr(default, key):
            chosen[key] = value
    changed = sorted(key for key, value in (registered or {}).items() if chosen[key] != value)
    return Analysis(**chosen, registered=registered, changed=changed)


def require_known(config: AnalysisConfig, cells: Sequence[Mapping[str, Any]]) -> None:
    """Raise ConfigError when somebody asks for a control or a seed that no run has and none is planned with."""
    conditions, seeds = {cell["condition"] for cell in cells}, {cell["seed"] for cell in cells}
    asked = config.control
    if asked != AnalysisConfig.control and asked not in conditions:
        raise ConfigError(
            f"analysis.control={asked} is no condition here; there are {', '.join(sorted(conditions))}"
        )
    unknown = sorted(set(config.seeds or ()) - seeds)
    if unknown:
        raise ConfigError(f"analysis.seeds: no run has seed {unknown[0]}; there are {sorted(seeds)}")


def _said(typed: Sequence[str]) -> set[str]:
    """Keys of `analysis` among them: also a default may be meant."""
    keys = [text.lstrip("+").partition("=")[0] for text in typed]
    return {key.removeprefix("analysis.") for key in keys if key.startswith("analysis.")}


def _typed() -> Sequence[str]:
    from hydra.core.hydra_config import HydraConfig

    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
