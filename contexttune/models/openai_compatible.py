"""Any endpoint that implements OpenAI's chat completions API."""

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
from contexttune.errors import ConfigError, InfraError, PreflightError, RequestRejected
from contexttune.models.deadline import total_timeout
from contexttune.models.endpoint_errors import Fault, cause_of, classify
from contexttune.models.journaled import JournaledModel
from contexttune.models.rate_limit import RateLimit
from contexttune.models.request_parameters import known_fields, refused_parameter, without_refused
from contexttune.models.retry import call_with_retries
from contexttune.models.server import NoServer, RunningServer, Server
from contexttune.models.wire import (
    IMPORTING,
    ContextWindowExceeded,
    MalformedAnswer,
    RequestRefused,
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
_MESSAGE_CHARS = 500  # endpoints may quote the whole prompt in an error
_CHARS_PER_TOKEN = 4  # an estimate, until the endpoint has counted


@dataclass(frozen=True, kw_only=True)
class OpenAICompatible(JournaledModel):
    """Chat completions of one model. Thread-safe.

    `base_url` null: OPENAI_BASE_URL, or else OpenAI itself. `api_key_env` names the variable that holds the key, null
    for a server that checks none. A null sampling parameter is not sent. `parameters` are further fields of each
    request, which replace the others; null leaves one out.
    """

    version: ClassVar[int] = 1
    seed: int
    name: str | None
    base_url: str | None = None
    api_key_env: str | None = field(default="OPENAI_API_KEY", metadata=NO_EFFECT)
    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int | None = 4096
    parameters: Mapping[str, Any] | None = None
    timeout_s: float = field(default=600.0, metadata=NO_EFFECT)
    attempts: int = field(default=5, metadata=NO_EFFECT)
    rate_limit_wait_s: float = field(default=300.0, metadata=NO_EFFECT)
    requests_per_minute: int | None = field(default=None, metadata=NO_EFFECT)
    tokens_per_minute: int | None = field(default=None, metadata=NO_EFFECT)
    price: Mapping[str, float | None] | None = field(default=None, metadata=NO_EFFECT)
    server: Server = field(default_factory=NoServer)
    rates: Path | None = None  # directory of the rate limits' files
    _refused: list[str] = field(default_factory=list, init=False, repr=False, compare=False)  # parameters

    def __post_init__(self) -> None:
        if self.server.starts:
            if self.base_url:
                raise ConfigError(
                    f"model.base_url={self.base_url} is set, and model.server starts a server of its own: set model/server=none, or unset model.base_url"
                )
            object.__setattr__(self, "api_key_env", None)  # a server of the job checks no key
        if self.timeout_s <= 0:
            raise ConfigError(f"model.timeout_s must be above 0, got {self.timeout_s}")
        if self.attempts < 1:
            raise ConfigError(f"model.attempts must be at least 1, got {self.attempts}")
        for key in ("requests_per_minute", "tokens_per_minute"):
            if (getattr(self, key) or 1) < 1:
                raise ConfigError(f"model.{key} must be at least 1, got {getattr(self, key)}")

    def preflight(self) -> None:
        """Raise ConfigError without a name, PreflightError without a key or an endpoint that answers."""
        import httpx  # not openai, whose import takes seconds and 50 MB

        if not self.name:
            raise ConfigError("model.name is not set: name the model that the endpoint serves")
        if self.server.starts:
            self.server.preflight(self.name)
            return
        headers, models = {"Authorization": f"Bearer {self._key}"}, f"{self._url.rstrip('/')}/models"
        try:
            with httpx.Client(**self._transport, timeout=_PROBE_TIMEOUT_S, follow_redirects=True) as client:
                answer = client.get(models, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise PreflightError(
                f"{without_passwords(self._url)} does not answer ({cause_of(error)}): set OPENAI_BASE_URL or model.base_url to a running endpoint"
            ) from None
        # any other answer is fine: not every server lists its models
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            url = without_passwords(self._url)
            raise PreflightError(f"{url} refuses the key in {self.api_key_env}: set a valid key")

    def probe(self, parameters: Mapping[str, Any]) -> Completion | None:
        """The answer to one tiny request; None where the server starts with the job.

        `parameters` are the fields that a runner adds to its requests. Raises InfraError with the endpoint's message.
        """
        if self.server.starts:
            return None
        with replace(self, attempts=1, timeout_s=min(self.timeout_s, _ANSWER_TIMEOUT_S)) as once:
            return completion_of(once.chat([{"role": "user", "content": _QUESTION}], **parameters))

    @property
    def sampling(self) -> dict[str, Any]:
        """Model name and sampling parameters as they are sent, without null ones."""
        chosen = {key: getattr(self, key) for key in ("temperature", "top_p", "max_tokens", "seed")}
        chosen |= self.parameters or {}
        return {"model": str(self.name)} | {key: value for key, value in chosen.items() if value is not None}

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        on_wait: Callable[[], None] = lambda: None,
        **parameters: Any,
    ) -> Answered:
        """The endpoint's answer to `messages`; `parameters` are further fields of the request.

        `on_wait` is called at the start of each wait that does not count as the model's time.

        Raises:
            ContextWindowExceeded: the endpoint says that the prompt is too long.
            RequestRefused: the endpoint refuses the content.
            RequestRejected: the endpoint rejects this request for good.
            InfraError: no answer after `attempts` requests, or an error that no retry would change.
        """
        with IMPORTING:
            import openai

        body, started = request_body(self.sampling, messages, parameters), time.monotonic()
        try:
            sent, n_requests = call_with_retries(
                lambda: self._adapted(body, on_wait), self.attempts, on_wait, self.rate_limit_wait_s
            )
            answer, sent_at = sent
            return Answered(answer, n_requests, waited_s=sent_at - started)
        except (openai.OpenAIError, MalformedAnswer, ValueError) as error:
            raise self._classified(error) from None

    def _classified(self, error: Exception) -> Exception:
        """The error as what it means for an attempt, without secrets."""
        fault = classify(error)
        if fault is Fault.CONTEXT_WINDOW:
            return ContextWindowExceeded(self._printable(str(error)))
        if fault is Fault.REFUSAL:
            return RequestRefused(self._printable(str(error)))
        kind = RequestRejected if fault is Fault.BAD_REQUEST else InfraError
        return kind(self._printable(f"{self._url}: {cause_of(error)}"))

    def _adapted(self, body: Mapping[str, Any], on_wait: Callable[[], None]) -> tuple[ChatCompletion, float]:
        """`_sent` with the request in a form that the endpoint takes, which its refusals tell."""
        with IMPORTING:
            import openai

        while True:
            adapted = without_refused(body, self._refused)
            try:
                return self._sent(adapted, on_wait)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                name = refused_parameter(str(error), adapted)
                if name is None:
                    raise
                log.warning("%s refuses the parameter %s: it is left out or renamed", self.name, name)
                self._refused.append(name)

    def _printable(self, message: str) -> str:
        """A message without secrets: servers quote the key that they refuse, and a URL may hold a password."""
        for secret in (self._client.api_key if self.api_key_env else "", urlsplit(self._url).password):
            message = message.replace(secret, "***") if secret else message
        shown: str = without_passwords(message)
        return shown[:_MESSAGE_CHARS] + (self.server.address.exit_notice() if self.server.address else "")

    def endpoint(self) -> OpenAICompatible:
        address = self.server.address
        return replace(self, server=RunningServer(listens=address) if address else NoServer())

    def served(self) -> Mapping[str, Any] | None:
        """Facts that the job's own server reported, and its load time."""
        return self.server.served()

    def __enter__(self) -> Self:
        self.server.start(str(self.name))
        return self

    def __exit__(self, *exc: object) -> None:
        if "_client" in self.__dict__:
            self._client.close()
        self.server.stop()

    @property
    def _url(self) -> str:
        if self.server.address:
            return self.server.address.base_url
        return self.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"

    @property
    def _key(self) -> str:
        key = "none" if self.api_key_env is None else os.environ.get(self.api_key_env, "").strip()
        if any(not character.isprintable() for character in key):
            raise PreflightError(
                f"{self.api_key_env} contains a line break or another control character: export the key alone"
            )
        if not key:
            raise PreflightError(
                f"no usable endpoint: {self.api_key_env} is not set; export it (and OPENAI_BASE_URL for an endpoint other "
                "than OpenAI's), or set model.api_key_env=null for a server that checks no key"
            )
        return key

    @property
    def _transport(self) -> dict[str, Any]:
        # a server on this machine must not be reached through the environment's proxy
        is_remote = urlsplit(self._url).hostname not in _LOOPBACK
        return {"trust_env": is_remote, "verify": _certificates()}

    @cached_property
    def _client(self) -> OpenAI:
        with IMPORTING:
            from openai import DefaultHttpxClient, OpenAI

        hooks = {"response": [total_timeout(self.timeout_s)]}
        http_client = DefaultHttpxClient(**self._transport, event_hooks=hooks)
        return OpenAI(
            base_url=self._url,
            api_key=self._key,
            timeout=self.timeout_s,
            max_retries=0,
            http_client=http_client,
        )

    @cached_property
    def _rate_limit(self) -> RateLimit | None:
        """Shared by all processes that use this model at this endpoint with this key."""
        if self.rates is None or not (self.requests_per_minute or self.tokens_per_minute):
            return None
        return RateLimit(
            path=self.rates / f"{fingerprint([self._url, self.name, self.api_key_env])}.json",
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
        )

    def _sent(self, body: Mapping[str, Any], on_wait: Callable[[], None]) -> tuple[ChatCompletion, float]:
        """(answer, when the request was sent) of one HTTP request, once the rate limit allows it."""
        limit = self._rate_limit
        estimate = len(json.dumps(body["messages"], default=str)) // _CHARS_PER_TOKEN if limit else 0
        ticket = limit.acquire(estimate, on_wait) if limit else ""
        sent_at, tokens = time.monotonic(), 0
        try:
            answer: ChatCompletion = self._client.chat.completions.create(**known_fields(body))
            require_shape(answer)
            tokens = _tokens_of(answer) or estimate
            return answer, sent_at
        finally:
            if limit:
                with suppress(OSError):  # a full disk: the estimate stays, and the answer is not lost
                    limit.correct(ticket, tokens)


def _tokens_of(answer: ChatCompletion) -> int:
    usage = usage_of(answer)
    return (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)


@cache
def _certificates() -> SSLContext:
    """The trusted certificates, loaded once: that takes longer than a request, and forked processes share them."""
    import httpx

    return httpx.create_ssl_context()
