"""A process that does what a model server does: loads for a while, listens, answers, and has children of its own.

Run as a program; its faults are those of real servers.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="m")
    parser.add_argument("--load_s", type=float, default=3.0)
    parser.add_argument("--crash", help="last words, instead of listening")
    parser.add_argument("--never_ready", action="store_true", help="/health stays 503")
    parser.add_argument("--no_health", action="store_true", help="no /health and no /version")
    parser.add_argument("--dies_at", type=int, default=0, help="the request that ends it; 0: none")
    parser.add_argument("--answer_s", type=float, default=0.0, help="seconds for an answer")
    parser.add_argument("--family", type=Path, help="have a child and a daemon, and write all pids here")
    parser.add_argument("--stubborn", action="store_true", help="all of the family ignore SIGTERM and SIGINT")
    parser.add_argument("--thief", type=Path, help="unless this file is there, another takes the port first")
    return parser.parse_args()


def have_family(path: Path) -> None:
    """A child in this process group, and a daemon: a session of its own, its parent gone."""
    child = subprocess.Popen(SLEEP)
    between = f"import subprocess; print(subprocess.Popen({SLEEP!r}, stdout=-3, stderr=-3, start_new_session=True).pid)"
    daemon = subprocess.run(
        [sys.executable, "-c", between], capture_output=True, text=True, check=True
    ).stdout
    path.with_suffix(".part").write_text(json.dumps([os.getpid(), child.pid, int(daemon)]))
    path.with_suffix(".part").rename(path)


def rob(port: int) -> None:
    """Take the port, as another program does that has been told the same number."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen()
    os.set_inheritable(taken.fileno(), True)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(5)"], close_fds=False)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    options: argparse.Namespace
    requests = 0

    def do_GET(self) -> None:
        models = {"object": "list", "data": [{"id": self.options.name, "object": "model"}]}
        known: dict[str, tuple[int, object]] = {"/v1/models": (200, models)}
        if not self.options.no_health:
            known["/health"] = (503 if self.options.never_ready else 200, {})
            known["/version"] = (200, {"version": "0.0.stand-in"})
        self.send(*known.get(self.path, (404, {})))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).requests += 1
        if self.requests == self.options.dies_at:
            sys.stderr.write("CUDA error: an illegal memory access was encountered\n")
            os._exit(3)
        sys.stderr.write("asked\n")
        time.sleep(self.options.answer_s)
        message = {"role": "assistant", "content": "There is nothing to change."}
        answer = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": self.options.name,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
        self.send(200, answer)

    def send(self, status: int, payload: object) -> None:
        raw = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def main() -> None:
    options = Handler.options = arguments()
    sys.stderr.write(f"loading {options.name}\n")
    if options.stubborn:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    if options.family:
        have_family(options.family)
    if options.thief and not options.thief.exists():
        options.thief.touch()
        rob(options.port)
    time.sleep(options.load_s)
    if options.crash:
        sys.exit(options.crash)
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
