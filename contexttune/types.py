"""Data that stages exchange, all frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

STAGES = ("signals", "context", "inference", "evaluate", "summarize")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A SWE-bench row without gold fields, as runners and context generators may see it."""

    instance_id: str
    repo: str
    base_commit: str
    problem_statement: str
    version: str = ""
    image: str = ""


@dataclass(frozen=True, kw_only=True)
class GoldInstance(Instance):
    """An instance with its answer. Functions that need the answer declare this type."""

    patch: str
    test_patch: str
    row: Mapping[str, Any]  # the dataset's own row, which the harness reads

    def public(self) -> Instance:
        """The same instance without the answer."""
        return Instance(**{one.name: getattr(self, one.name) for one in fields(Instance)})


@dataclass(frozen=True, kw_only=True)
class CardText:
    """One rendered section of a context."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Document:
    """A model's answer about a commit, and its cost. Commit, `model_id` and `document_id` identify it.

    Attributes:
        document_id: derived from the prompt, the document seed and the other parameters, but not from the model.
        model_id: derived from the model and its settings.
        refusal: the model's message when it refused to answer, or None.
        cost_usd: None when the model has no price.
        paid_by: `<group_id>/<run_id>` that asked for it; other runs use it without paying.
    """

    document_id: str
    model_id: str
    repo: str
    base_commit: str
    model: str
    served_model: str
    document_seed: int
    text: str
    finish_reason: str
    refusal: str | None
    n_calls: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    paid_by: str


@dataclass(frozen=True, kw_only=True)
class Context:
    """A condition's text about a repository, as an agent reads it."""

    text: str
    cards: Sequence[CardText] = ()
    documents: Sequence[Document] = ()  # the documents that the text was made from


class Message(dict[str, str]):
    """A chat message with `role` and `content`: a dict, as the API expects."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens as counted by the endpoint; None when it did not report them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class Completion:
    """One answer of a model."""

    text: str
    finish_reason: str
    usage: Usage = field(default_factory=Usage)
    refusal: str | None = None
    n_requests: int = 1  # HTTP requests, including retries
    served_model: str = ""


class Answered(NamedTuple):
    """An endpoint's answer, which has at least one choice, with its requests and times."""

    completion: ChatCompletion
    n_requests: int  # HTTP requests, including retries; 0 for an answer from the journal
    waited_s: float  # waiting for the rate limit and for outages to end; not the model's time
    replayed_s: float = 0.0  # original duration of an answer that now comes from the journal


class AttemptStatus(StrEnum):
    """How an attempt ended. All except `infra_error` are measurements."""

    SUBMITTED = "submitted"
    LIMIT = "limit"
    AGENT_ERROR = "agent_error"
    EMPTY_PATCH = "empty_patch"
    INFRA_ERROR = "infra_error"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The result of a runner on one instance."""

    status: AttemptStatus
    exit_status: str
    model_patch: str = ""
    n_calls: int = 0  # answers of the model
    n_steps: int = 0  # turns of an agent whose commands ran
    usage: Usage = field(default_factory=Usage)
    error: str | None = None
    recovered_patch: str = ""  # the diff when a limit was reached; not the submission
    recovered_submitted: bool = False  # whether runner.submit_recovered made it the prediction
    prompts_sha256: str = ""  # digest of the runner's own prompts, which are the same in every arm
    uptake: Mapping[str, Any] | None = None  # how the agent used the block, if there is a trajectory
    details: Mapping[str, Any] = field(default_factory=dict)  # the runner's: image digest, sandbox, requests


class Outcome(StrEnum):
    """The result of one instance of a run. The first four are the harness's own terms."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    EMPTY_PATCH = "empty_patch"
    ERROR = "error"
    INFRA_ERROR = "infra_error"
    MISSING = "missing"

    @property
    def is_verdict(self) -> bool:
        """Whether it is a measurement rather than missing data."""
        return self not in (Outcome.INFRA_ERROR, Outcome.MISSING)
