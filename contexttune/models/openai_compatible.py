"""Any endpoint that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError, PreflightError
from contexttune.models.deadline import ends_within
from contexttune.models.journal import Journaled
from contexttune.models.rate import RateLimit
from contexttune.models.retry import call_with_retries
from contexttune.models.server import NoServer, RunningServer, Server
from contexttune.models.wire import (
    IMPORTING,
    ContextWindowExceeded,
    MalformedAnswer,
    completion_of,
    request_body,
    require_shape,
    usage_of,
)
from contexttune.system.files import fingerprint
from contexttune.system.redaction import without_passwords
from contexttune.types import Answered, Completion

if TYPE_CHECKING:
    from ssl import SSLContext

    from openai import OpenAI
    from openai.types.chat import ChatCompletion

log = logging.getLogger(__name__)

_PROBE_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 60.0
_QUESTION = "Print the word ready."
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CONTEXT_WORDS = (
    "context length",
    "context_length",
    "context window",
    "maximum model length",
    "too many tokens",
)


_WORDS_CHARS = 500  # of an endpoint's, which may quote the whole prompt
_CHARS_PER_TOKEN = 4  # a guess, until the endpoint has counted


@dataclass(frozen=True, kw_only=True)
class OpenAICompatible(Journaled):
    """One chat completion at a time; threads may share it.

    `base_url` null means OPENAI_BASE_URL, and without that OpenAI itself; `api_key_env` names the variable
    that holds the key, null for a server that checks none; a null sampling parameter is not sent.
    """

    version: ClassVar[int] = 1
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
    server: Server = field(default_factory=NoServer)
    rates: Path | None = None  # where the rate limits' windows are kept

    def __post_init__(self) -> None:
        if self.server.starts:
            if self.base_url:
                raise ConfigError(
                    f"model.base_url={self.base_url} is set, and model.server starts a server: choose model/server=none, or unset it"
                )
            object.__setattr__(self, "api_key_env", None)  # our own server checks no key
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
        if self.server.starts:
            self.server.preflight(self.name)
            return
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

    def probe(self, parameters: Mapping[str, Any]) -> Completion | None:
        """The answer to a question of few tokens, asked once; None where a job starts the server.

        `parameters` are what a runner's requests carry besides. Raises InfraError with the endpoint's words.
        """
        if self.server.starts:
            return None
        with replace(self, attempts=1, timeout_s=min(self.timeout_s, _ANSWER_TIMEOUT_S)) as once:
            return completion_of(once.chat([{"role": "user", "content": _QUESTION}], **parameters))

    @property
    def sampling(self) -> dict[str, Any]:
        """Model and sampling parameters as they are sent: null ones are not."""
        chosen = {
            "model": str(self.name),
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
        }
        return {name: value for name, value in chosen.items() if value is not None}

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
        with IMPORTING:
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
        shown: str = without_passwords(words)
        return shown[:_WORDS_CHARS] + (self.server.address.last_words() if self.server.address else "")

    def endpoint(self) -> OpenAICompatible:
        """The same endpoint without its open connections, as another process may use it."""
        address = self.server.address
        return replace(self, server=RunningServer(listens=address) if address else NoServer())

    def served(self) -> Mapping[str, Any] | None:
        """What the job's own server said of itself, and how long it took to load."""
        return self.server.served()

    def __enter__(self) -> Self:
        self.server.start(str(self.name))
        return self

    def __exit__(self, *exc: object) -> None:
        if "_client" in self.__dict__:
            self._client.close()
        self.server.stop()

    @property
    def _where(self) -> str:
        if self.server.address:
            return self.server.address.base_url
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
        with IMPORTING:
            from openai import DefaultHttpxClient, OpenAI

        client = DefaultHttpxClient(
            **self._transport, event_hooks={"response": [ends_within(self.timeout_s)]}
        )
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
            counted = usage_of(answer)
            tokens = (counted.prompt_tokens or 0) + (counted.completion_tokens or 0) or guess
            return answer, sent
        finally:
            with suppress(OSError):  # a full disk: the window is kept too full, and the answer is not lost
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
        body = request_body(self.sampling, messages, parameters)
        answer: ChatCompletion = self._client.chat.completions.create(**body)
        require_shape(answer)
        return answer


@cache
def _certificates() -> SSLContext:
    """Whom to trust: made once, because it takes longer than a request, and megabytes that forked processes share."""
    import httpx

    return httpx.create_ssl_context()


def _cause(error: BaseException) -> str:
    """The innermost reason: the client's own message is only 'Connection error.'"""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
