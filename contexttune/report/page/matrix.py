"""Outcome matrix, instances x conditions x seeds, as read by the page's script."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from contexttune.experiment.finished_work import is_missing
from contexttune.experiment.rows import paired_shares
from contexttune.paths import Layout
from contexttune.report.page.details import Row, part_of
from contexttune.report.page.escape import visible
from contexttune.types import Outcome

_AMOUNTS = ("prompt_tokens", "completion_tokens", "cost_usd", "n_steps", "wall_s")


def by_instance(rows: Sequence[Row], conditions: Sequence[str]) -> dict[str, list[Row]]:
    """instance_id -> its rows, sorted by condition (in the order given) and seed."""
    place = {name: number for number, name in enumerate(conditions)}
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["instance_id"], place[row["condition"]], row["seed"])):
        found.setdefault(str(row["instance_id"]), []).append(row)
    return found


def shares(rows: Sequence[Row], conditions: Sequence[str]) -> list[float | None]:
    """Resolved share of the measured attempts per condition; None if there is none."""
    resolved: dict[str, list[bool]] = {name: [] for name in conditions}
    for row in rows:
        if row["condition"] in resolved and not is_missing(row):
            resolved[row["condition"]].append(row["outcome"] == Outcome.RESOLVED)
    return [sum(own) / len(own) if own else None for own in resolved.values()]


def changes(rows: Sequence[Row], conditions: Sequence[str]) -> list[float | None]:
    """Difference in resolved share between each condition and the first, over the seeds measured in both."""
    pairs = [paired_shares(rows, conditions[0], name) for name in conditions]
    return [None if pair is None else pair[1] - pair[0] for pair in pairs]


def is_discordant(rows: Sequence[Row], conditions: Sequence[str]) -> bool:
    """Whether any condition differs from the first; with a single condition, whether its seeds differ."""
    if len(conditions) == 1:
        return not set(shares(rows, conditions)) <= {None, 0.0, 1.0}
    return any(changes(rows, conditions))


def index(
    layout: Layout,
    group_id: str,
    instances: Mapping[str, Sequence[Row]],
    conditions: Sequence[str],
    control: str,
    flaky: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The page's index of all instances, without details; the control, if present, is the first condition."""
    again: dict[str, list[str]] = {}
    for entry in flaky:
        again.setdefault(str(entry["instance_id"]), []).append(_graded_again(entry))
    home = layout.group(group_id)
    preds = layout.predictions(group_id, "run").parent.parent
    return {
        "group_id": visible(group_id),
        "conditions": [visible(name) for name in conditions],
        "has_control": control in conditions,
        "outcomes": [outcome.value for outcome in Outcome],
        "trajectories_in": visible(os.path.relpath(preds, home)),
        "instances": [
            _instance(name, rows, conditions, again.get(name, [])) for name, rows in instances.items()
        ],
    }


def _instance(
    name: str, rows: Sequence[Row], conditions: Sequence[str], flaky: Sequence[str]
) -> dict[str, Any]:
    place = {condition: number for number, condition in enumerate(conditions)}
    return {
        "id": visible(name),
        "repo": visible(str(rows[0].get("repo") or "")),
        "difficulty": visible(str(next((r["difficulty"] for r in rows if r.get("difficulty")), ""))),
        "shares": shares(rows, conditions),
        "changes": changes(rows, conditions),
        "is_discordant": is_discordant(rows, conditions),
        "flaky": flaky,
        "attempts": [
            [place[row["condition"]], row["seed"], row["outcome"], part_of(row)]
            + [row.get(amount) for amount in _AMOUNTS]
            for row in rows
        ],
    }


def _graded_again(entry: Mapping[str, Any]) -> str:
    later = ", ".join(map(str, entry.get("again") or []))
    return visible(
        f"{entry.get('condition')}, seed {entry.get('seed')}: {entry.get('outcome')}, then {later}"
    )
