"""What a run may spend in all, and has spent: by its journals and records, so that it remembers what was interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contexttune.config.schema import BudgetConfig
from contexttune.errors import ConfigError
from contexttune.models.journal import Paid
from contexttune.models.prices import Price
from contexttune.types import Usage

# A limit of the budget, and what counts towards it.
_COUNTED = {
    "calls": ("n_calls",),
    "completion_tokens": ("completion_tokens",),
    "total_tokens": ("prompt_tokens", "completion_tokens"),
    "cost_usd": ("cost_usd",),
    "wall_s": ("wall_s",),
}
SPENT = ("n_calls", "prompt_tokens", "completion_tokens", "cost_usd", "wall_s")
"""Fields of an attempt record that say what it took; `earlier` has the same of what was taken besides."""

Spent = Mapping[str, Any]
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens")


def spent_in(record: Spent | None) -> Spent:
    """What an instance has taken by its record: the attempt, and `earlier`."""
    if record is None:
        return {}
    earlier: Spent = record.get("earlier") or {}
    return {key: (record.get(key) or 0) + (earlier.get(key) or 0) for key in SPENT}


def spent_for(record: Spent | None, paid: Paid | None, price: Price | None) -> Spent:
    """What an instance has taken: by its journal, which a kill cannot hinder; without one, by its record."""
    by_record = spent_in(record)
    if paid is None:
        return by_record
    tokens = {key: getattr(paid.usage, key) for key in _TOKENS}
    return _spent(paid.n_calls, tokens, price, by_record.get("wall_s", 0))


def earlier_than(record: Spent, before: Spent | None, paid: Paid | None, price: Price | None) -> Spent:
    """What the instance took besides the attempt of `record`: {} for nothing.

    Its answers that the attempt was given again are the attempt's own: each was paid for once.

    Args:
        record: of the attempt that has just ended.
        before: the record that it replaces.
        paid: the sum of the journal as it is now.
        price: what the difference's tokens are priced by.
    """
    if paid is None:
        return spent_in(before)
    tokens = {key: max((getattr(paid.usage, key) or 0) - (record.get(key) or 0), 0) for key in _TOKENS}
    wall_s = spent_in(before).get("wall_s", 0)
    beyond = _spent(max(paid.n_calls - record["n_calls"], 0), tokens, price, wall_s)
    return beyond if any(beyond.values()) else {}


def _spent(n_calls: int, tokens: Mapping[str, int | None], price: Price | None, wall_s: float) -> Spent:
    cost_usd = price.cost_usd(Usage(**tokens)) if price else 0
    counted = {key: tokens[key] or 0 for key in ("prompt_tokens", "completion_tokens")}
    return {"n_calls": n_calls, **counted, "cost_usd": cost_usd or 0, "wall_s": wall_s}


class Budget:
    """Counts what a run's instances took; not safe to share between threads without a lock."""

    def __init__(self, limits: BudgetConfig, price: Price | None) -> None:
        """Raises ConfigError when a cost is limited that cannot be known."""
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
        """Say what an instance has taken until now, in all of its attempts; or a document that the run has paid for."""
        self._spent[name] = spent

    def exceeded(self) -> str | None:
        """Why no further attempt may begin, or None when one may."""
        for key, fields in _COUNTED.items():
            spent = sum(one.get(name) or 0 for one in self._spent.values() for name in fields)
            limit = self._limits[key]
            if limit is not None and spent >= limit:
                return f"budget.{key}={limit:g} is used up ({spent:g})"
        return None
