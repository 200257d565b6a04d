"""Token usage and cost of one attempt, and limits on them."""

from __future__ import annotations

from dataclasses import dataclass, field

from contexttune.errors import InfraError
from contexttune.models.prices import Price, cost_usd
from contexttune.models.wire import add_usage, served_model_of, usage_of
from contexttune.types import Answered, Usage


@dataclass(frozen=True, kw_only=True)
class TokenLimits:
    """Token limits of an attempt; None: no limit."""

    completion_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: float | None = None  # enforced by the agent loop; known here because it needs token counts too

    def require_counts(self, usage: Usage) -> None:
        """Raise InfraError when there is a limit and the endpoint counts no tokens."""
        is_limited = (self.completion_tokens, self.total_tokens, self.cost_usd) != (None, None, None)
        if is_limited and (usage.prompt_tokens is None or usage.completion_tokens is None):
            raise InfraError(
                "the endpoint counts no tokens, so limits by tokens or cost cannot be enforced: remove the limits, or use an "
                "endpoint that counts and move calls.jsonl away"
            )

    def reached(self, used: Usage) -> bool:
        completion = used.completion_tokens or 0
        total = (used.prompt_tokens or 0) + completion
        return (self.completion_tokens is not None and completion >= self.completion_tokens) or (
            self.total_tokens is not None and total >= self.total_tokens
        )


@dataclass(kw_only=True)
class Meter:
    """Adds up the answers of one attempt."""

    price: Price | None
    n_calls: int = 0
    n_requests: int = 0
    usage: Usage = field(default_factory=lambda: Usage(prompt_tokens=0, completion_tokens=0))
    cost_usd: float | None = 0.0  # None once the cost of an answer is unknown
    waited_s: float = 0.0  # waiting for the endpoint to recover and for the rate limit
    replayed_s: float = 0.0  # original duration of replayed answers
    served_model: str = ""

    def count(self, answered: Answered) -> float | None:
        """Add one answer; return its cost in USD, None where it is unknown."""
        usage = usage_of(answered.completion)
        cost = cost_usd(self.price, usage)
        self.n_calls += 1
        self.n_requests += answered.n_requests
        self.usage = add_usage(self.usage, usage)
        self.cost_usd = None if self.cost_usd is None or cost is None else self.cost_usd + cost
        self.waited_s += answered.waited_s
        self.replayed_s += answered.replayed_s
        self.served_model = served_model_of(answered.completion)
        return cost
