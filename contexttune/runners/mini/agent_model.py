"""mini-swe-agent's model protocol over our own endpoint client: explicit parameters, counted requests, token limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contexttune.errors import InfraError
from contexttune.interfaces import RecordedModel
from contexttune.models.prices import Price
from contexttune.models.wire import add_usage, response_of, served_model_of, usage_of
from contexttune.runners.mini.protocols import AgentProtocol
from contexttune.types import Usage


@dataclass(frozen=True, kw_only=True)
class TokenLimits:
    """Ends of an attempt by tokens; None: no limit."""

    completion_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: float | None = None  # held by the agent loop; here for the check of what the endpoint counts

    def require_counts(self, answered: Usage) -> None:
        """Raise InfraError when a limit cannot be held, because the endpoint counts no tokens."""
        limited = any(
            limit is not None for limit in (self.completion_tokens, self.total_tokens, self.cost_usd)
        )
        if limited and (answered.prompt_tokens is None or answered.completion_tokens is None):
            raise InfraError(
                "the endpoint counts no tokens, so limits by tokens or cost cannot be held: remove them, or have it count, and calls.jsonl away"
            )

    def reached(self, used: Usage) -> bool:
        completion, total = (
            used.completion_tokens or 0,
            (used.prompt_tokens or 0) + (used.completion_tokens or 0),
        )
        return (self.completion_tokens is not None and completion >= self.completion_tokens) or (
            self.total_tokens is not None and total >= self.total_tokens
        )


@dataclass(kw_only=True)
class AgentModel:
    """One attempt's conversation with the endpoint."""

    endpoint: RecordedModel
    protocol: AgentProtocol
    templates: Mapping[str, str]  # the protocol's own: observation_template and others
    limits: TokenLimits
    price: Price | None
    on_answer: Callable[[AgentModel], None]
    on_wait: Callable[[float], None]  # gets the monotonic time at which the request that waits was begun
    usage: Usage = field(default_factory=lambda: Usage(prompt_tokens=0, completion_tokens=0))
    n_requests: int = 0
    n_calls: int = 0
    n_steps: int = 0  # calls that were answered with actions
    waited_s: float = 0.0
    replayed_s: float = 0.0  # what answers that were read back took when they were given
    cost_usd: float | None = 0.0
    served_model: str = ""
    config: Any = None  # the protocol has one; nothing of ours is in it

    def query(self, messages: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        """The assistant's message, with its actions. Raises mini-swe-agent's FormatError and LimitsExceeded."""
        self._check_limits()
        sent = [{k: v for k, v in message.items() if k != "extra"} for message in messages]
        began = time.monotonic()
        answered = self.endpoint.chat(sent, on_wait=lambda: self.on_wait(began), **self.protocol.parameters())
        answer = answered.completion
        self.n_requests += answered.n_requests
        self.waited_s += answered.waited_s
        self.replayed_s += answered.replayed_s
        cost_usd = self._count(answer)
        self.on_answer(self)
        self.limits.require_counts(usage_of(answer))
        choice = answer.choices[0]
        # `cost` is mini-swe-agent's own key, which its cost limit adds up
        extra = {
            "response": response_of(answer),
            "cost": cost_usd or 0.0,
            "timestamp": time.time(),
        }
        actions = self._actions(choice, extra)
        self.n_steps += 1
        return self.protocol.turn(choice.message) | {"extra": extra | {"actions": actions}}

    def _count(self, answer: Any) -> float | None:
        """Add up what the answer took; what it cost, where that is known."""
        used = usage_of(answer)
        cost_usd = self.price.cost_usd(used) if self.price else None
        self.n_calls += 1
        self.served_model = served_model_of(answer)
        self.usage = add_usage(self.usage, used)
        self.cost_usd = None if self.cost_usd is None or cost_usd is None else self.cost_usd + cost_usd
        return cost_usd

    def format_message(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def format_observation_messages(
        self,
        message: dict[str, Any],
        outputs: list[dict[str, Any]],
        template_vars: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Observations as the protocol wants them, by mini-swe-agent's own templates."""
        return self.protocol.observations(message, outputs, self.templates, template_vars or {})

    def get_template_vars(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def serialize(self) -> dict[str, Any]:
        sent = dict(self.endpoint.sampling)
        shown = {"model_name": sent.pop("model", None), **sent, "protocol": self.protocol.name}
        return {"info": {"config": {"model": shown, "model_type": type(self).__name__}}}

    def _actions(self, choice: Any, extra: dict[str, Any]) -> list[dict[str, Any]]:
        from minisweagent.exceptions import FormatError

        try:
            return self.protocol.actions(choice.message, choice.finish_reason, self.templates)
        except FormatError as error:
            error.messages[0]["extra"].update(extra)
            raise

    def _check_limits(self) -> None:
        if self.limits.reached(self.usage):
            from minisweagent.exceptions import LimitsExceeded

            extra = {"exit_status": "TokenLimitExceeded", "submission": ""}
            raise LimitsExceeded({"role": "exit", "content": "TokenLimitExceeded", "extra": extra})
