"""A model that answers from a script, through a real HTTP server, so that the client code is the real one."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError
from contexttune.models.journaled import JournaledModel
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.paths import resolve

log = logging.getLogger(__name__)

_CHARS_PER_TOKEN = 4  # the server's token counts, the same on any machine
_HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An answer to the requests that contain all of `contains` and none of `lacks`."""

    reply: str
    contains: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    finish_reason: str = "stop"
    turn: int | None = None  # number of the turn in the conversation, from 0; None: any
    commands: list[str] = field(default_factory=list)  # calls of an agent's bash tool

    def matches(self, request: str, turn: int) -> bool:
        return (
            self.turn in (None, turn)
            and all(text in request for text in self.contains)
            and not any(text in request for text in self.lacks)
        )


@dataclass(frozen=True, kw_only=True)
class Scripted(JournaledModel):
    """Replies from a YAML file, a list of rules: the first rule that matches answers."""

    version: ClassVar[int] = 1
    answers_from: ClassVar[str] = "script"
    seed: int
    name: str = "scripted"
    script: str
    base_url: None = None  # unused: it starts its own server; keys of other models are accepted and ignored
    api_key_env: None = None
    temperature: float | None = 0.0
    max_tokens: int | None = 4096
    timeout_s: float = field(default=60.0, metadata=NO_EFFECT)
    price: Mapping[str, float | None] | None = field(default=None, metadata=NO_EFFECT)
    _serving: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def preflight(self) -> None:
        """Raise ConfigError when the script cannot be read."""
        load_script(self.script)

    def endpoint(self) -> OpenAICompatible:
        client: OpenAICompatible = self._serving["client"]
        return client.endpoint()

    def __enter__(self) -> Self:
        server = serve(load_script(self.script))
        client = OpenAICompatible(
            seed=self.seed,
            name=self.name,
            base_url=f"http://{_HOST}:{server.server_port}/v1",
            api_key_env=None,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            timeout_s=self.timeout_s,
        )
        self._serving.update(server=server, client=client)
        return self

    def __exit__(self, *exc: object) -> None:
        self._serving["client"].__exit__(*exc)
        self._serving["server"].shutdown()
        self._serving["server"].server_close()
        self._serving.clear()


def load_script(location: str) -> list[Rule]:
    """The rules of a script. Raises ConfigError when it is absent or invalid."""
    import yaml
    from pydantic import TypeAdapter, ValidationError

    try:
        loaded = yaml.safe_load(Path(resolve(location)).read_text(encoding="utf-8"))
        return TypeAdapter(list[Rule]).validate_python(loaded)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(
            f"model.script={location} cannot be read: {' '.join(str(error).split())[:300]}"
        ) from None


def serve(rules: Sequence[Rule]) -> ThreadingHTTPServer:
    """Start a server on a free port of 127.0.0.1; the caller shuts it down."""

    class Handler(_Handler):
        script = rules

    server = ThreadingHTTPServer((_HOST, 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    script: Sequence[Rule] = ()
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # header and body are two packets, and the second would wait for 40 ms

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = "\n".join(message.get("content") or "" for message in body["messages"])
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        rule = next((rule for rule in self.script if rule.matches(request, turn)), None)
        if rule is None:
            self._send(400, {"error": {"message": "no rule of the script matches this request"}})
            return
        self._send(200, _completion(rule, request, body["model"]))

    def _send(self, status: int, payload: Mapping[str, Any]) -> None:
        raw = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def _completion(rule: Rule, request: str, model: str) -> dict[str, Any]:
    answer = rule.reply + "".join(rule.commands)
    prompt_tokens, completion_tokens = (-(-len(text) // _CHARS_PER_TOKEN) for text in (request, answer))
    message: dict[str, Any] = {"role": "assistant", "content": rule.reply}
    if rule.commands:
        message["tool_calls"] = [_call(number, command) for number, command in enumerate(rule.commands)]
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "finish_reason": rule.finish_reason, "message": message}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def _call(number: int, command: str) -> dict[str, Any]:
    function = {"name": "bash", "arguments": json.dumps({"command": command})}
    return {"id": f"call_{number}", "type": "function", "function": function}
