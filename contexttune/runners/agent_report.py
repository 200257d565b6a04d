"""Progress reports of a supervised agent, and the classification of its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from contexttune.errors import InfraError
from contexttune.types import AttemptStatus, Usage

INFRA = "infra"  # the final kind of an attempt that measured nothing
DONE = "done"
SUBMITTED = "Submitted"  # exit statuses are mini-swe-agent's
TIME_EXCEEDED = "TimeExceeded"
REFUSAL = "refusal"
_AGENT_ERRORS = ("RepeatedFormatError", REFUSAL)
_LIMITS = ("LimitsExceeded", TIME_EXCEEDED, "TokenLimitExceeded", "ContextWindowExceededError")


@dataclass(kw_only=True)
class Report:
    """Progress of an attempt; the last report says how it ended."""

    kind: str = ""  # DONE or INFRA in the last report
    exit_status: str = ""
    submission: str = ""
    error: str | None = None
    n_calls: int = 0
    n_steps: int = 0
    n_requests: int = 0
    cost_usd: float | None = None
    waited_s: float = 0.0  # spent on outages of the endpoint, which the agent is not charged for
    replayed_s: float = 0.0  # original duration of replayed answers
    waiting_since_s: float | None = None  # monotonic; None: not waiting now
    mentions: list[list[str]] | None = None  # step -> what its commands name that looks like a path
    served_model: str = ""
    usage: Usage = field(default_factory=Usage)

    def columns(self) -> dict[str, str]:
        """The columns of the live table for a running attempt."""
        waits = self.waiting_since_s is not None
        tokens = (self.usage.prompt_tokens or 0) + (self.usage.completion_tokens or 0)
        return {
            "step": str(self.n_calls),
            "tokens": f"{tokens:,}",
            "cost": "-" if self.cost_usd is None else f"${self.cost_usd:.2f}",
            "status": "waits for the endpoint" if waits else self.exit_status or "works",
        }

    def classify(self, patch: str) -> tuple[AttemptStatus, str | None]:
        """(status, error) of an attempt with this patch. Raises InfraError for an unknown exit status."""
        if self.exit_status == SUBMITTED:
            return (AttemptStatus.SUBMITTED if patch.strip() else AttemptStatus.EMPTY_PATCH), None
        if self.exit_status in _AGENT_ERRORS:
            return AttemptStatus.AGENT_ERROR, self.error
        if self.exit_status.endswith(_LIMITS):
            return AttemptStatus.LIMIT, self.error
        raise InfraError(f"the agent ended with an unknown exit status: {self.exit_status or 'none'}")
