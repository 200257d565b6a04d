"""Prices of tokens. A model without a price has an unknown cost (None), which is not a cost of 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contexttune.errors import ConfigError
from contexttune.types import Usage

_PER_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Price:
    """USD per million tokens."""

    prompt: float
    completion: float
    cached: float | None = None  # prompt tokens read from the endpoint's cache; None: priced like the others

    def cost_usd(self, usage: Usage) -> float | None:
        """The cost of `usage`, or None where the endpoint did not count tokens.

        Endpoints count cached tokens as part of the prompt, and reasoning tokens as part of the completion.
        """
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
        cached_price = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt_tokens - cached
        return (
            fresh * self.prompt + cached * cached_price + usage.completion_tokens * self.completion
        ) / _PER_MILLION


def cost_usd(price: Price | None, usage: Usage, *, n_calls: int = 1) -> float | None:
    """The cost of `n_calls` calls that took `usage`; None without a price or without token counts."""
    if price is None:
        return None
    return price.cost_usd(usage) if n_calls else 0.0


def price_of(model: Mapping[str, Any], table: Mapping[str, Mapping[str, Any]]) -> Price | None:
    """The price of the configured model: its own `price`, else the row of `table` with its name, else None.

    Raises ConfigError when `model.price` is not a price.
    """
    own = model.get("price")
    row = table.get(str(model.get("name"))) if own is None else own
    if row is None:
        return None
    try:
        numbers: dict[str, Any] = {key: value and float(value) for key, value in row.items()}
        price = Price(**numbers)
        if min(price.prompt, price.completion, price.cached or 0.0) < 0:
            raise ValueError
    except (TypeError, ValueError):
        raise ConfigError(
            f"model.price={dict(row)} must be {{prompt: USD, completion: USD}} per million tokens, with cached if it differs"
        ) from None
    return price
