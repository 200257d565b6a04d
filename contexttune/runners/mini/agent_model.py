"""mini-swe-agent's model interface over the endpoint client, with counted requests and token limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contexttune.interfaces import RecordedModel
from contexttune.models.metering import Meter, TokenLimits
from contexttune.models.wire import response_of, usage_of
from contexttune.runners.mini.protocols import AgentProtocol


@dataclass(kw_only=True)
class AgentModel(Meter):
    """One attempt's conversation with the endpoint, metered."""

    endpoint: RecordedModel
    protocol: AgentProtocol
    templates: Mapping[str, str]  # the protocol's, such as observation_template
    limits: TokenLimits
    on_answer: Callable[[AgentModel], None]
    on_wait: Callable[[float], None]  # called with the monotonic time at which the waiting request began
    n_steps: int = 0  # calls whose answer had actions
    config: Any = None  # required by mini-swe-agent, unused

    def query(self, messages: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        """Return the assistant's message with its actions. Raises mini-swe-agent's FormatError and LimitsExceeded."""
        self._check_limits()
        sent = [{k: v for k, v in message.items() if k != "extra"} for message in messages]
        began = time.monotonic()
        answered = self.endpoint.chat(sent, on_wait=lambda: self.on_wait(began), **self.protocol.parameters())
        answer = answered.completion
        cost_usd = self.count(answered)
        self.on_answer(self)
        self.limits.require_counts(usage_of(answer))
        choice = answer.choices[0]
        # mini-swe-agent's cost limit sums up `cost`
        extra = {"response": response_of(answer), "cost": cost_usd or 0.0, "timestamp": time.time()}
        actions = self._actions(choice, extra)
        self.n_steps += 1
        return self.protocol.turn(choice.message) | {"extra": extra | {"actions": actions}}

    def format_message(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def format_observation_messages(
        self,
        message: dict[str, Any],
        outputs: list[dict[str, Any]],
        template_vars: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Render observations with mini-swe-agent's templates."""
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
