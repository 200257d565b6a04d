"""Any endpoint that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast
from urllib.parse import urlsplit

from contexttune.errors import ConfigError, InfraError, PreflightError
from contexttune.models.rate import RateLimit
from contexttune.models.retry import MalformedAnswer, call_with_retries
from contexttune.parts import NO_EFFECT
from contexttune.secret_values import without_passwords
from contexttune.store import fingerprint
from contexttune.types import Completion, Message, Usage

if TYPE_CHECKING:
    from ssl import SSLContext

    from openai import OpenAI
    from openai.types.chat import ChatCompletion

log = logging.getLogger(__name__)

_PROBE_TIMEOUT_S = 10.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CONTEXT_WORDS = (
    "context length",
    "context_length",
    "context window",
    "maximum model length",
    "too many tokens",
)


_CHARS_PER_TOKEN = 4  # a guess, until the endpoint has counted


class ContextWindowExceeded(Exception):
    """The prompt is longer than the model reads: a limit of the model, not an outage."""


class Answered(NamedTuple):
    """An endpoint's answer, which has a choice, and what it took to get it."""

    completion: ChatCompletion
    n_requests: int  # over HTTP, retries included
    waited_s: float  # for the endpoint to be well and for the rate limit: no time of the model's


@dataclass(frozen=True, kw_only=True)
class OpenAICompatible:
    """One chat completion at a time; threads may share it.

    `base_url` null means OPENAI_BASE_URL, and without that OpenAI itself; `api_key_env` names the variable
    that holds the key, null for a server that checks none; a null sampling parameter is not sent.
    """

    seed: int
    name: str | None
    base_url: str | None = None
    api_key_env: str | None = field(default="OPENAI_API_KEY", metadata=NO_EFFECT)
    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int | None = 4096
    timeout_s: float = field(default=600.0, metadata=NO_EFFECT)
    attempts: int = field(default=5, metadata=NO_EFFECT)
    requests_per_minute: int | None = field(default=None, metadata=NO_EFFECT)
    tokens_per_minute: int | None = field(default=None, metadata=NO_EFFECT)
    price: Mapping[str, float | None] | None = field(default=None, metadata=NO_EFFECT)
    rates: Path | None = None  # where the rate limits' windows are kept

    def __post_init__(self) -> None:
        if self.timeout_s <= 0:
            raise ConfigError(f"model.timeout_s must be above 0, got {self.timeout_s}")
        if self.attempts < 1:
            raise ConfigError(f"model.attempts must be at least 1, got {self.attempts}")
        for key in ("requests_per_minute", "tokens_per_minute"):
            if (getattr(self, key) or 1) < 1:
                raise ConfigError(f"model.{key} must be at least 1, got {getattr(self, key)}")

    def preflight(self) -> None:
        """Raise ConfigError without a name, PreflightError without a key or an endpoint that answers."""
        import httpx  # not openai, whose import takes seconds and 50 MB: an agent's worker is what asks

        if not self.name:
            raise ConfigError("model.name is not set: name the model that the endpoint serves")
        headers, models = {"Authorization": f"Bearer {self._key}"}, f"{self._where.rstrip('/')}/models"
        try:
            with httpx.Client(**self._transport, timeout=_PROBE_TIMEOUT_S, follow_redirects=True) as client:
                answer = client.get(models, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise PreflightError(
                f"{without_passwords(self._where)} does not answer ({_cause(error)}): set OPENAI_BASE_URL or model.base_url to a running endpoint"
            ) from None
        # any other answer will do: not every server lists its models
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise PreflightError(f"{without_passwords(self._where)} refuses the key in {self.api_key_env}")

    def complete(self, messages: Sequence[Message]) -> Completion:
        """One answer. Raises as `chat` does."""
        answer, n_requests, _ = self.chat(messages)
        choice = answer.choices[0]
        return Completion(
            text=_printable(choice.message.content or ""),
            finish_reason=choice.finish_reason or "unknown",
            usage=usage_of(answer),
            refusal=choice.message.refusal,
            n_requests=n_requests,
            served_model=answer.model or "",
        )

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        on_wait: Callable[[], None] = lambda: None,
        **parameters: Any,
    ) -> Answered:
        """The endpoint's answer to messages and further parameters of the wire.

        `on_wait` is called whenever a wait begins that is not the model's own time.

        Raises:
            ContextWindowExceeded: the endpoint says that the prompt is too long.
            InfraError: no answer after `attempts` requests, or one that no retry would change.
        """
        import openai

        try:
            began = time.monotonic()
            (answer, sent), n_requests = call_with_retries(
                lambda: self._limited(messages, parameters, on_wait), self.attempts, on_wait
            )
            return Answered(answer, n_requests, sent - began)
        except openai.BadRequestError as error:
            if any(words in str(error).lower() for words in _CONTEXT_WORDS):
                raise ContextWindowExceeded(self._harmless(str(error))) from None
            raise InfraError(self._harmless(f"{self._where}: {error}")) from None
        except (openai.OpenAIError, MalformedAnswer, ValueError) as error:
            raise InfraError(self._harmless(f"{self._where}: {_cause(error)}")) from None

    def _harmless(self, words: str) -> str:
        """Words for a record and a log. Servers quote the key that they refuse, and a URL may hold a password."""
        for secret in (self._client.api_key if self.api_key_env else "", urlsplit(self._where).password):
            words = words.replace(secret, "***") if secret else words
        return words

    def endpoint(self) -> OpenAICompatible:
        """The same endpoint without its open connections, as another process may use it."""
        return replace(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    @property
    def _where(self) -> str:
        return self.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"

    @property
    def _key(self) -> str:
        key = "none" if self.api_key_env is None else os.environ.get(self.api_key_env)
        if not key:
            raise PreflightError(
                f"no usable endpoint: {self.api_key_env} is not set; export it, and OPENAI_BASE_URL for an endpoint other "
                "than OpenAI's, or say model.api_key_env=null for a server that checks no key"
            )
        return key

    @property
    def _transport(self) -> dict[str, Any]:
        # a proxy of the environment must not be asked for a server on this machine
        is_remote = urlsplit(self._where).hostname not in _LOOPBACK
        return {"trust_env": is_remote, "verify": _certificates()}

    @cached_property
    def _client(self) -> OpenAI:
        from openai import DefaultHttpxClient, OpenAI

        client = DefaultHttpxClient(**self._transport)
        return OpenAI(
            base_url=self._where, api_key=self._key, timeout=self.timeout_s, max_retries=0, http_client=client
        )

    def _limited(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        on_wait: Callable[[], None],
    ) -> tuple[ChatCompletion, float]:
        """(the answer, when its request went out), within the rate limits."""
        if self._limit is None:
            sent = time.monotonic()
            return self._request(messages, parameters), sent
        guess = len(json.dumps(messages, default=str)) // _CHARS_PER_TOKEN
        ticket = self._limit.acquire(guess, on_wait)
        sent, tokens = time.monotonic(), 0
        try:
            answer = self._request(messages, parameters)
            tokens = answer.usage.total_tokens if answer.usage else guess
            return answer, sent
        finally:
            self._limit.settle(ticket, tokens)

    @cached_property
    def _limit(self) -> RateLimit | None:
        """Shared by all that ask this endpoint for this model, so that providers' limits are held."""
        if self.rates is None or (self.requests_per_minute is None and self.tokens_per_minute is None):
            return None
        return RateLimit(
            path=self.rates / f"{fingerprint([self._where, self.name, self.api_key_env])}.json",
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
        )

    def _request(
        self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
    ) -> ChatCompletion:
        sampling = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
        }
        set_ones: dict[str, Any] = {name: value for name, value in sampling.items() if value is not None}
        answer: ChatCompletion = self._client.chat.completions.create(
            model=str(self.name), messages=cast("Any", [dict(m) for m in messages]), **set_ones, **parameters
        )
        try:
            _ = answer.choices[0].message.content
        except (AttributeError, IndexError, TypeError) as error:
            raise MalformedAnswer(f"an answer without choices: {str(answer)[:200]}") from error
        return answer


@cache
def _certificates() -> SSLContext:
    """Whom to trust: made once, because it takes longer than a request, and megabytes that forked processes share."""
    import httpx

    return httpx.create_ssl_context()


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # JSON can carry lone surrogates, files cannot


def usage_of(answer: ChatCompletion) -> Usage:
    """Tokens as the endpoint counted them."""
    usage = answer.usage
    if usage is None:
        return Usage()
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=prompt.cached_tokens if prompt else None,
        reasoning_tokens=completion.reasoning_tokens if completion else None,
    )


def _cause(error: BaseException) -> str:
    """The innermost reason: the client's own message is only 'Connection error.'"""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
