"""The nouns that cross stages, all frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

STAGES = ("signals", "context", "inference", "evaluate", "summarize")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One SWE-bench row as a runner or a context generator may see it: no gold fields."""

    instance_id: str
    repo: str
    base_commit: str
    problem_statement: str
    version: str = ""
    image: str = ""


@dataclass(frozen=True, kw_only=True)
class GoldInstance(Instance):
    """An instance with its answer. What takes one says so in its signature."""

    patch: str
    test_patch: str
    row: Mapping[str, Any]  # the dataset's own row, untouched: what the harness reads

    def public(self) -> Instance:
        """The same instance without the answer."""
        return Instance(
            instance_id=self.instance_id,
            repo=self.repo,
            base_commit=self.base_commit,
            problem_statement=self.problem_statement,
            version=self.version,
            image=self.image,
        )


@dataclass(frozen=True, kw_only=True)
class CardText:
    """One rendered section of a context."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a model once answered about a commit, and what that took.

    Attributes:
        document_id: made of the prompt, the document seed and the other parameters, but not of the model.
        model_id: names the model and its settings; with the commit and `document_id`, it says which document this is.
        refusal: the model's own words for not answering, or None.
        cost_usd: None where the model has no price.
        paid_by: `<group_id>/<run_id>` that asked for it; others use it without paying.
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
    """What a condition tells about a repository; `text` is what an agent gets to read."""

    text: str
    cards: Sequence[CardText] = ()
    documents: Sequence[Document] = ()  # of models, that it was made from


class Message(dict[str, str]):
    """A chat message, `role` and `content`: a dict, because that is what the wire takes."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens as the endpoint counted them; None where it did not say."""

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
    n_requests: int = 1  # HTTP requests it took, retries included
    served_model: str = ""


class Answered(NamedTuple):
    """An endpoint's answer, which has a choice, and what it took to get it."""

    completion: ChatCompletion
    n_requests: int  # over HTTP, retries included; 0 for one that was read back
    waited_s: float  # for the endpoint to be well and for the rate limit: no time of the model's
    replayed_s: float = 0.0  # what the model took when an answer that was read back was given


class AttemptStatus(StrEnum):
    """How an attempt ended. All but `infra_error` are measurements."""

    SUBMITTED = "submitted"
    LIMIT = "limit"
    AGENT_ERROR = "agent_error"
    EMPTY_PATCH = "empty_patch"
    INFRA_ERROR = "infra_error"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a runner did on one instance."""

    status: AttemptStatus
    exit_status: str
    model_patch: str = ""
    n_calls: int = 0  # answers of the model
    n_steps: int = 0  # turns of an agent whose commands ran
    usage: Usage = field(default_factory=Usage)
    error: str | None = None
    recovered_patch: str = ""  # what the tree held when a limit struck: kept apart from the submission
    recovered_submitted: bool = False  # ... unless runner.submit_recovered made it the prediction
    prompts_sha256: str = ""  # of all that the runner says itself: the same in every arm
    uptake: Mapping[str, Any] | None = None  # what became of the block, where there is a trajectory
    details: Mapping[str, Any] = field(
        default_factory=dict
    )  # the runner's own: image digest, sandbox, requests


class Outcome(StrEnum):
    """What became of one instance of a run. The first four are the harness's own words."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    EMPTY_PATCH = "empty_patch"
    ERROR = "error"
    INFRA_ERROR = "infra_error"
    MISSING = "missing"

    @property
    def is_verdict(self) -> bool:
        """Whether it is a measurement and not missing data."""
        return self not in (Outcome.INFRA_ERROR, Outcome.MISSING)
