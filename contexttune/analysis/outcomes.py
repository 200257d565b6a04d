"""Outcome arrays: rows of a group -> arms, and pairs of arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contexttune.types import Outcome

Row = Mapping[str, Any]
Floats = npt.NDArray[np.float64]

MEASURES = (
    *("prompt_tokens", "completion_tokens", "n_calls", "n_steps", "cost_usd", "wall_s"),
    "steps_to_patch",  # steps until the agent first touches a file that its patch changes
)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Outcomes and costs of one condition.

    Attributes:
        resolved: (instances, seeds): 1 resolved, 0 not resolved, NaN missing.
        planned: (instances, seeds): whether a row exists, measured or not.
        amounts: measure -> (instances, seeds), NaN where not recorded or the result is missing.
    """

    name: str
    instances: Sequence[str]
    seeds: Sequence[int]
    resolved: Floats
    planned: npt.NDArray[np.bool_]
    amounts: Mapping[str, Floats]
    repos: Mapping[str, str]
    difficulties: Mapping[str, str]


def arms(
    rows: Sequence[Row], conditions: Sequence[str], seeds: Sequence[int] | None = None
) -> dict[str, Arm]:
    """One arm per condition, over all instances of `rows` sorted by name; `seeds` restricts them, None keeps all."""
    kept = [row for row in rows if seeds is None or row["seed"] in seeds]
    instances = sorted({row["instance_id"] for row in kept})
    return {
        name: _arm(name, instances, [row for row in kept if row["condition"] == name]) for name in conditions
    }


def _arm(name: str, instances: Sequence[str], rows: Sequence[Row]) -> Arm:
    seeds = sorted({row["seed"] for row in rows})
    at = {instance: number for number, instance in enumerate(instances)}
    column = {seed: number for number, seed in enumerate(seeds)}
    shape = (len(instances), len(seeds))
    resolved, planned = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    amounts = {measure: np.full(shape, np.nan) for measure in MEASURES}
    for row in rows:
        cell = at[row["instance_id"]], column[row["seed"]]
        planned[cell] = True
        if not Outcome(row["outcome"]).is_verdict:
            continue
        resolved[cell] = row["outcome"] == Outcome.RESOLVED
        for measure, values in amounts.items():
            if row.get(measure) is not None:
                values[cell] = row[measure]
    return Arm(
        name=name,
        instances=instances,
        seeds=seeds,
        resolved=resolved,
        planned=planned,
        amounts=amounts,
        repos={row["instance_id"]: row["repo"] for row in rows},
        difficulties={row["instance_id"]: row["difficulty"] for row in rows if row.get("difficulty")},
    )


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two arms, restricted to the seeds that both have. A result missing in one arm is excluded from both.

    Attributes:
        control, treatment: (instances, seeds), NaN in both wherever either is missing.
        raw_control, raw_treatment: the same before that exclusion, for the bounds.
        control_amounts, treatment_amounts: as `Arm.amounts`, NaN wherever the pair is incomplete.
    """

    instances: Sequence[str]
    seeds: Sequence[int]
    control: Floats
    treatment: Floats
    raw_control: Floats
    raw_treatment: Floats
    planned: npt.NDArray[np.bool_]
    control_amounts: Mapping[str, Floats]
    treatment_amounts: Mapping[str, Floats]
    repos: Mapping[str, str]
    difficulties: Mapping[str, str]

    @property
    def n_pairs(self) -> int:
        """Number of (instance, seed) pairs measured in both arms."""
        return int(np.count_nonzero(~np.isnan(self.control)))

    @property
    def measured(self) -> npt.NDArray[np.bool_]:
        """(instances,): whether an instance has a measured pair."""
        return np.asarray((~np.isnan(self.control)).any(axis=1))

    def shares(self) -> tuple[Floats, Floats]:
        """(control, treatment): resolved shares of the measured instances, seeds averaged."""
        return mean_over_seeds(self.control[self.measured]), mean_over_seeds(self.treatment[self.measured])


def pair(control: Arm, treatment: Arm) -> Pairs:
    """Pair two arms of one group."""
    seeds = sorted(set(control.seeds) & set(treatment.seeds))
    left, right = ([list(arm.seeds).index(seed) for seed in seeds] for arm in (control, treatment))
    planned = control.planned[:, left] & treatment.planned[:, right]
    raw = control.resolved[:, left], treatment.resolved[:, right]
    absent = np.isnan(raw[0]) | np.isnan(raw[1])
    return Pairs(
        instances=control.instances,
        seeds=seeds,
        control=np.where(absent, np.nan, raw[0]),
        treatment=np.where(absent, np.nan, raw[1]),
        raw_control=raw[0],
        raw_treatment=raw[1],
        planned=planned,
        control_amounts={k: np.where(absent, np.nan, v[:, left]) for k, v in control.amounts.items()},
        treatment_amounts={k: np.where(absent, np.nan, v[:, right]) for k, v in treatment.amounts.items()},
        repos={**treatment.repos, **control.repos},
        difficulties={**treatment.difficulties, **control.difficulties},
    )


def mean_over_seeds(values: Floats) -> Floats:
    """(instances, seeds) -> (instances,): mean without NaN; NaN for an instance without a value."""
    return np.asarray(np.ma.masked_invalid(values).mean(axis=1).filled(np.nan))
