"""mini-swe-agent's model protocol over our own endpoint client: explicit parameters, counted requests, token limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contexttune.errors import InfraError
from contexttune.models.openai_compatible import OpenAICompatible, usage_of
from contexttune.prices import Price
from contexttune.types import Usage

_TOOLS = "toolcall"


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
            raise InfraError("the endpoint counts no tokens, so limits by tokens or cost cannot be held")

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

    endpoint: OpenAICompatible
    protocol: str  # toolcall or backticks
    templates: Mapping[str, str]  # observation_template, format_error_template, action_regex
    limits: TokenLimits
    price: Price | None
    on_answer: Callable[[AgentModel], None]
    on_wait: Callable[[float], None]  # gets the monotonic time at which the request that waits was begun
    usage: Usage = field(default_factory=lambda: Usage(prompt_tokens=0, completion_tokens=0))
    n_requests: int = 0
    n_calls: int = 0
    n_steps: int = 0  # calls that were answered with actions
    waited_s: float = 0.0
    cost_usd: float | None = 0.0
    served_model: str = ""
    config: Any = None  # the protocol has one; nothing of ours is in it

    def query(self, messages: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        """The assistant's message, with its actions. Raises mini-swe-agent's FormatError and LimitsExceeded."""
        self._check_limits()
        sent = [{k: v for k, v in message.items() if k != "extra"} for message in messages]
        began = time.monotonic()
        answer, n_requests, waited_s = self.endpoint.chat(
            sent, on_wait=lambda: self.on_wait(began), **self._parameters()
        )
        self.n_requests += n_requests
        self.waited_s += waited_s
        cost_usd = self._count(answer)
        self.on_answer(self)
        self.limits.require_counts(usage_of(answer))
        choice = answer.choices[0]
        # `cost` is mini-swe-agent's own key, which its cost limit adds up
        extra = {
            "response": answer.model_dump(mode="json"),
            "cost": cost_usd or 0.0,
            "timestamp": time.time(),
        }
        message = choice.message.model_dump(exclude_none=True) | {"content": choice.message.content}
        actions = self._actions(choice, extra)
        self.n_steps += 1
        return message | {"extra": extra | {"actions": actions}}

    def _count(self, answer: Any) -> float | None:
        """Add up what the answer took; what it cost, where that is known."""
        used = usage_of(answer)
        cost_usd = self.price.cost_usd(used) if self.price else None
        self.n_calls += 1
        self.served_model = answer.model or ""
        self.usage = _sum(self.usage, used)
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
        from minisweagent.models.utils import actions_text, actions_toolcall

        template = self.templates["observation_template"]
        if self.protocol != _TOOLS:
            found: list[dict[str, Any]] = actions_text.format_observation_messages(
                outputs, observation_template=template, template_vars=template_vars
            )
            return found
        called: list[dict[str, Any]] = actions_toolcall.format_toolcall_observation_messages(
            actions=message.get("extra", {}).get("actions", []),
            outputs=outputs,
            observation_template=template,
            template_vars=template_vars,
        )
        return called

    def get_template_vars(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def serialize(self) -> dict[str, Any]:
        shown = {
            "model_name": self.endpoint.name,
            "temperature": self.endpoint.temperature,
            "seed": self.endpoint.seed,
        }
        shown |= {
            "max_tokens": self.endpoint.max_tokens,
            "top_p": self.endpoint.top_p,
            "protocol": self.protocol,
        }
        return {"info": {"config": {"model": shown, "model_type": type(self).__name__}}}

    def _parameters(self) -> dict[str, Any]:
        if self.protocol != _TOOLS:
            return {}
        from minisweagent.models.utils.actions_toolcall import BASH_TOOL

        return {"tools": [BASH_TOOL], "parallel_tool_calls": True}

    def _actions(self, choice: Any, extra: dict[str, Any]) -> list[dict[str, Any]]:
        from minisweagent.exceptions import FormatError
        from minisweagent.models.utils import actions_text, actions_toolcall

        shown = {"format_error_template": self.templates["format_error_template"]}
        why = {"finish_reason": choice.finish_reason}
        try:
            if self.protocol == _TOOLS:
                calls = choice.message.tool_calls or []
                return list(actions_toolcall.parse_toolcall_actions(calls, template_kwargs=why, **shown))
            regex = self.templates["action_regex"]
            text = choice.message.content or ""
            return list(
                actions_text.parse_regex_actions(text, action_regex=regex, template_kwargs=why, **shown)
            )
        except FormatError as error:
            error.messages[0]["extra"].update(extra)
            raise

    def _check_limits(self) -> None:
        if self.limits.reached(self.usage):
            from minisweagent.exceptions import LimitsExceeded

            extra = {"exit_status": "TokenLimitExceeded", "submission": ""}
            raise LimitsExceeded({"role": "exit", "content": "TokenLimitExceeded", "extra": extra})


def _sum(a: Usage, b: Usage) -> Usage:
    def add(x: int | None, y: int | None) -> int | None:
        return None if x is None and y is None else (x or 0) + (y or 0)

    return Usage(
        prompt_tokens=add(a.prompt_tokens, b.prompt_tokens),
        completion_tokens=add(a.completion_tokens, b.completion_tokens),
        cached_tokens=add(a.cached_tokens, b.cached_tokens),
        reasoning_tokens=add(a.reasoning_tokens, b.reasoning_tokens),
    )
