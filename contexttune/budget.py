"""What a run may spend in all. Added up from attempt records, so that an interrupted run remembers it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from contexttune.config import BudgetConfig
from contexttune.errors import ConfigError
from contexttune.prices import Price

# A limit of the budget, and the attempt record's fields that count towards it.
_COUNTED = {
    "calls": ("n_calls",),
    "completion_tokens": ("completion_tokens",),
    "total_tokens": ("prompt_tokens", "completion_tokens"),
    "cost_usd": ("cost_usd",),
    "wall_s": ("wall_s",),
}
SPENT = ("n_calls", "prompt_tokens", "completion_tokens", "cost_usd", "wall_s")
"""Fields of an attempt record that say what it took; `earlier` has the same of attempts that were outages."""


def spent_before(record: Mapping[str, Any] | None) -> dict[str, Any]:
    """What all attempts up to this record took: the next record's `earlier`."""
    if record is None:
        return {}
    earlier: Mapping[str, Any] = record.get("earlier") or {}
    return {key: (record.get(key) or 0) + (earlier.get(key) or 0) for key in SPENT}


class Budget:
    """Counts what a run's attempts took; not safe to share between threads without a lock."""

    def __init__(self, limits: BudgetConfig, price: Price | None) -> None:
        """Raises ConfigError when a cost is limited that cannot be known."""
        if limits.cost_usd is not None and price is None:
            raise ConfigError(
                "budget.cost_usd needs the model's price: set model.price={prompt: USD, completion: USD} per million tokens"
            )
        self._limits = {key: getattr(limits, key) for key in _COUNTED}
        self._spent: dict[str, float] = dict.fromkeys(SPENT, 0)

    def begin(self, records: Iterable[Mapping[str, Any] | None]) -> None:
        """Count what the run has taken before this process."""
        for record in records:
            self._count(spent_before(record))

    def add(self, record: Mapping[str, Any]) -> None:
        """Count an attempt that has just ended."""
        self._count(record)

    def exceeded(self) -> str | None:
        """Why no further attempt may begin, or None when one may."""
        for key, fields in _COUNTED.items():
            spent, limit = sum(self._spent[name] for name in fields), self._limits[key]
            if limit is not None and spent >= limit:
                return f"budget.{key}={limit:g} is used up ({spent:g})"
        return None

    def _count(self, taken: Mapping[str, Any]) -> None:
        for key in SPENT:
            self._spent[key] += taken.get(key) or 0
