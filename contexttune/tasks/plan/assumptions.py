"""The assumptions of a plan: configured ranges, or measurements of an earlier group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contexttune.errors import ConfigError
from contexttune.models.prices import Price
from contexttune.paths import Layout
from contexttune.types import Outcome, Usage

AMOUNTS = ("calls", "prompt_tokens", "cached_share", "completion_tokens", "wall_s", "disk_mb")
"""Costs of one attempt. `cached_share` is the part of its prompt tokens that the endpoint reads from its cache."""

_COLUMNS = {
    **{"calls": "n_calls", "prompt_tokens": "prompt_tokens", "completion_tokens": "completion_tokens"},
    **{"wall_s": "wall_s", "usd": "cost_usd"},
}
# more extreme measurements are luck, and would make any effect look detectable
_RATES, _ICCS = (0.02, 0.98), (0.05, 0.95)
_MIN_INSTANCES = 20  # with fewer, rate and correlation are less certain than the assumptions

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Range:
    """A range and its source: "assumed: <key>" or "from group <group_id>"."""

    low: float
    high: float
    source: str

    @classmethod
    def exactly(cls, value: float, source: str) -> Range:
        return cls(low=value, high=value, source=source)

    def __mul__(self, factor: float) -> Range:
        return replace(self, low=self.low * factor, high=self.high * factor)

    def __add__(self, other: Range) -> Range:
        return replace(self, low=self.low + other.low, high=self.high + other.high)


NO_MODEL = {
    name: Range.exactly(0.0, "the runner asks no model")
    for name in ("calls", "prompt_tokens", "cached_share", "completion_tokens", "usd")
}


def assumed(ranges: Mapping[str, Sequence[float]], key: str) -> dict[str, Range]:
    """The ranges in a node of the configuration, one for each of AMOUNTS.

    Raises ConfigError for a missing or unknown name, and for a value that is not [low, high].
    """
    if set(ranges) != set(AMOUNTS):
        raise ConfigError(f"{key} must have the keys {', '.join(AMOUNTS)}")
    return {name: range_of(ranges[name], f"{key}.{name}") for name in AMOUNTS}


def range_of(values: Sequence[float], key: str) -> Range:
    """[low, high] as a range. Raises ConfigError."""
    if len(values) != 2 or not 0 <= values[0] <= values[1]:
        raise ConfigError(f"{key}={list(values)} must be [low, high], at least 0")
    return Range(low=float(values[0]), high=float(values[1]), source=f"assumed: {key}")


def measured(layout: Layout, group_id: str, control: str) -> dict[str, Range]:
    """`resolve_rate`, `icc`, `usd` and AMOUNTS as measured in a group; those that it does not determine are absent.

    The rate is that of the control, if the group has it; amounts are means over all results. Rate and icc need
    20 instances, and icc two seeds. Raises ConfigError if there is no such group, or it has no results.
    """
    rows = [row for row in _rows(layout, group_id) if Outcome(row["outcome"]).is_verdict]
    if not rows:
        raise ConfigError(f"plan.group={group_id} has no results yet: name another group, or none")
    source = f"from group {group_id}"
    found = {}
    for name, column in _COLUMNS.items():
        if values := [row[column] for row in rows if row.get(column) is not None]:
            found[name] = Range.exactly(sum(values) / len(values), source)
    counted = [row for row in rows if row.get("prompt_tokens") and row.get("cached_tokens") is not None]
    if counted:
        share = sum(row["cached_tokens"] for row in counted) / sum(row["prompt_tokens"] for row in counted)
        found["cached_share"] = Range.exactly(share, source)
    return found | _outcomes(rows, control, source)


def usd_of(attempt: Mapping[str, Range], price: Price) -> Range:
    """Cost range of an attempt: from few, mostly cached tokens to many uncached ones."""

    def cost(end: str, share: float) -> float:
        prompt, completion = (getattr(attempt[f"{kind}_tokens"], end) for kind in ("prompt", "completion"))
        used = Usage(
            prompt_tokens=round(prompt),
            cached_tokens=round(prompt * share),
            completion_tokens=round(completion),
        )
        return price.cost_usd(used) or 0.0

    cached = attempt["cached_share"]
    return Range(
        low=cost("low", cached.high), high=cost("high", cached.low), source="tokens by the model's price"
    )


def _rows(layout: Layout, group_id: str) -> list[Row]:
    """The rows of a group's instances.csv, with numbers parsed, and None for an empty field."""
    import pandas as pd

    path = layout.group(group_id) / "instances.csv"
    if not path.is_file():
        groups = sorted(found.parent.name for found in layout.results.glob("*/instances.csv"))
        raise ConfigError(
            f"plan.group={group_id} has no instances.csv under {layout.results}; groups that have one: {', '.join(groups) or 'none'}"
        )
    texts = dict.fromkeys(("condition", "instance_id", "repo", "outcome"), str)
    frame = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
    rows: Any = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return list(rows)


def _outcomes(rows: Sequence[Row], control: str, source: str) -> dict[str, Range]:
    from contexttune.analysis.outcomes import arms, mean_over_seeds
    from contexttune.analysis.seed_noise import repeats

    names = sorted({row["condition"] for row in rows})
    by_name = arms(rows, names)
    arm = by_name.get(control, by_name[names[0]])
    shares = mean_over_seeds(arm.resolved)
    shares = shares[shares >= 0]  # drops NaN, where this arm has no result
    found = {}
    if len(shares) >= _MIN_INSTANCES:
        counted = f"{source}: {len(shares)} instances of {arm.name}"
        found["resolve_rate"] = _clamped(float(shares.mean()), _RATES, counted)
    enough = [r for r in map(repeats, by_name.values()) if r.n_instances >= _MIN_INSTANCES]
    correlations = [r.icc for r in enough if r.icc is not None]
    if correlations:
        mean = sum(correlations) / len(correlations)
        found["icc"] = _clamped(mean, _ICCS, f"{source}: {enough[0].n_instances} instances")
    return found


def _clamped(value: float, bounds: tuple[float, float], source: str) -> Range:
    clamped = min(max(value, bounds[0]), bounds[1])
    if clamped != value:
        source += f", which has {value:.2f}"
    return Range.exactly(clamped, source)
