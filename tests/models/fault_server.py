"""A real HTTP server that answers chat completions as a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


def ok(text: str = "hello", finish_reason: str = "stop", **message: Any) -> Answer:
    choice = {
        "index": 0,
        "finish_reason": finish_reason,
        "message": {"role": "assistant", "content": text, **message},
    }
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "served-1",
        "choices": [choice],
        "usage": usage,
    }
    return raw(200, json.dumps(body))


def raw(status: int, body: str, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


def error(status: int, message: str = "no", **headers: str) -> Answer:
    return raw(status, json.dumps({"error": {"message": message}}), **headers)


def stall(seconds: float) -> Answer:
    return lambda handler: time.sleep(seconds)


def half(seconds: float) -> Answer:
    """The first half of a good answer, then nothing for some time, then the end of the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "200")
        handler.end_headers()
        handler.wfile.write(b'{"id": "x", "object": "chat.completion", "choices": [')
        time.sleep(seconds)
        handler.close_connection = True

    return answer


def trickle(every_s: float, n: int) -> Answer:
    """A good answer after `n` blanks, as some gateways send them while a model waits or thinks."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = b'{"model": "m", "choices": [{"message": {"content": "late"}}]}'
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(n + len(body)))
        handler.end_headers()
        for _ in range(n):
            handler.wfile.write(b" ")
            time.sleep(every_s)
        handler.wfile.write(body)

    return answer


@dataclass
class FaultServer:
    """Answers in order; the last one is repeated."""

    answers: list[Answer]
    requests: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextmanager
def serving(*answers: Answer) -> Iterator[FaultServer]:
    fault = FaultServer(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fault.answers[0](self)

        def do_POST(self) -> None:
            fault.times.append(time.monotonic())
            self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fault.requests.append(self.body)
            fault.answers[min(len(fault.requests), len(fault.answers)) - 1](self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fault.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield fault
    finally:
        server.shutdown()
        server.server_close()
