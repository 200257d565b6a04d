"""Spending of a run, from its journals and records, and the limits on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contexttune.config.schema import BudgetConfig
from contexttune.errors import ConfigError
from contexttune.models.journal import Paid
from contexttune.models.prices import Price, cost_usd
from contexttune.types import Usage

SPENT = ("n_calls", "prompt_tokens", "completion_tokens", "cost_usd", "wall_s")
"""Fields of an attempt record with its usage; its `earlier` has the same for everything before the attempt."""
# limit of the budget -> the fields that count towards it
_COUNTED = {
    "calls": ("n_calls",),
    "completion_tokens": ("completion_tokens",),
    "total_tokens": ("prompt_tokens", "completion_tokens"),
    "cost_usd": ("cost_usd",),
    "wall_s": ("wall_s",),
}
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens")

Spent = Mapping[str, Any]


def spent_in(record: Spent | None) -> Spent:
    """Usage of an instance according to its record: the attempt and `earlier`."""
    if record is None:
        return {}
    earlier: Spent = record.get("earlier") or {}
    return {key: (record.get(key) or 0) + (earlier.get(key) or 0) for key in SPENT}


def spent_for(record: Spent | None, paid: Paid | None, price: Price | None) -> Spent:
    """Usage of an instance according to its journal, which survives a kill, or else to its record."""
    by_record = spent_in(record)
    if paid is None:
        return by_record
    return {
        "n_calls": paid.n_calls,
        "prompt_tokens": paid.usage.prompt_tokens or 0,
        "completion_tokens": paid.usage.completion_tokens or 0,
        "cost_usd": cost_usd(price, paid.usage) or 0,
        "wall_s": by_record.get("wall_s", 0),
    }


def earlier_than(record: Spent, before: Spent | None, paid: Paid | None, price: Price | None) -> Spent:
    """Usage of the instance besides the attempt of `record`; {} if there is none.

    Replayed answers belong to the attempt: each was paid for once.

    Args:
        record: of the attempt that has just ended.
        before: the record that it replaces.
        paid: the total of the journal now.
        price: of the tokens.
    """
    if paid is None:
        return spent_in(before)
    tokens = {key: max((getattr(paid.usage, key) or 0) - (record.get(key) or 0), 0) for key in _TOKENS}
    others = Paid(n_calls=max(paid.n_calls - record["n_calls"], 0), usage=Usage(**tokens))
    spent = spent_for(before, others, price)
    return spent if any(spent.values()) else {}


class Budget:
    """Adds up the usage of a run's instances and documents. Thread-safe."""

    def __init__(self, limits: BudgetConfig, price: Price | None) -> None:
        """Raises ConfigError when the cost is limited and the price unknown."""
        if limits.cost_usd is not None and price is None:
            raise ConfigError(
                "budget.cost_usd needs the model's price: set model.price={prompt: USD, completion: USD} per million tokens"
            )
        self._limits = {key: getattr(limits, key) for key in _COUNTED}
        self._spent: dict[str, Spent] = {}

    @property
    def limits_cost(self) -> bool:
        return self._limits["cost_usd"] is not None

    def note(self, name: str, spent: Spent) -> None:
        """Set the usage of an instance in all of its attempts, or of a document that the run has paid for."""
        self._spent[name] = spent

    def exceeded(self) -> str | None:
        """The reason why no further work may start, or None."""
        for key, fields in _COUNTED.items():
            spent = sum(one.get(name) or 0 for one in list(self._spent.values()) for name in fields)
            limit = self._limits[key]
            if limit is not None and spent >= limit:
                return f"budget.{key}={limit:g} is used up ({spent:g})"
        return None
