"""Starts the program without its imports: a process that has made them once forks one for each command.

Run as `python -m tests.fork_server FD`, with one end of a socket. Each request on it has its words, directory and
environment, and four descriptors: stdin, stdout, stderr, and a socket on which the process id and then the exit
status are sent. The child runs what `python -m contexttune` runs, as a process of its own: it can be interrupted or
killed, and it ends with the program's exit status. The server that it starts for the workers of agents is a fork, too.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import logging
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import util
from pathlib import Path
from typing import Any

import contexttune

_SPAWN = util.spawnv_passfds
N_DESCRIPTORS = 4
REQUEST_BYTES = 1 << 20
MARK = "CONTEXTTUNE_TEST_MARK"  # the variable by which a test finds processes
# Of times in seconds that are shorter in a test, as module.NAME=number. A fresh interpreter keeps the program's own.
SET = "CONTEXTTUNE_TEST_SET"
# What the commands import from elsewhere, some of it only when they need it.
_PRELOAD = (
    *("antlr4.LL1Analyzer", "hydra._internal.hydra", "hydra.core.override_parser.overrides_parser"),
    *("hydra.grammar.gen.OverrideParser", "hydra_plugins.hydra_submitit_launcher.submitit_launcher"),
    *(
        "omegaconf.grammar.gen.OmegaConfGrammarParser",
        "docker",
        "git",
        "jinja2",
        "rich._emoji_codes",
        "rich.table",
    ),
    *(
        "httpcore._sync.http11",
        "httpcore._sync.connection_pool",
        "http.server",
        "sqlite3",
        "xml.sax.saxutils",
    ),
    *("openai.resources.chat.completions", "pandas", "pydantic.dataclasses", "scipy.optimize", "scipy.stats"),
    *("statsmodels.stats.multitest", "submitit", "swebench.harness.run_evaluation", "swebench.task.repo"),
)
# These set up the processes of agents, and are for those alone.
_NOT_PRELOADED = ("contexttune.__main__", "contexttune.demo", "contexttune.runners.mini.preload")


def _preload() -> None:
    os.environ["PYTHON_DOTENV_DISABLED"] = "1"  # as `main` does: swebench would load any .env it finds
    ours = [
        module.name
        for module in pkgutil.walk_packages(contexttune.__path__, "contexttune.")
        if not module.name.startswith(_NOT_PRELOADED)
    ]
    for name in (*_PRELOAD, *ours):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a child's collector would write to every object, and so copy them all


def serve(requests: socket.socket) -> tuple[bytes, list[int]]:
    """Answer requests until their sender is gone. Returns in each child, with its request and descriptors."""
    children: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor of the process
    unread: dict[
        int, tuple[int, socket.socket]
    ] = {}  # of those that have ended, by the descriptor of the socket
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == requests.fileno():
                    message, descriptors, _, _ = socket.recv_fds(requests, REQUEST_BYTES, N_DESCRIPTORS)
                    if not message:
                        os._exit(0)
                    pid = os.fork()
                    if pid == 0:
                        return message, descriptors
                    *streams, told = descriptors
                    for descriptor in streams:
                        os.close(descriptor)
                    answer = socket.socket(fileno=told)
                    answer.sendall(pid.to_bytes(4))
                    process = os.pidfd_open(pid)
                    children[process] = pid, answer
                    selector.register(process, selectors.EVENT_READ)
                    continue
                selector.unregister(key.fd)
                if key.fd in children:
                    pid, answer = children.pop(key.fd)
                    os.close(key.fd)
                    _tell(pid, answer)
                    unread[answer.fileno()] = pid, answer
                    selector.register(answer, selectors.EVENT_READ)
                else:
                    pid, answer = unread.pop(key.fd)
                    answer.close()
                    os.waitpid(pid, 0)


def _tell(pid: int, answer: socket.socket) -> None:
    """Send how a child ended. It stays a zombie, whose id nobody else gets, until that has been read."""
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    with suppress(BrokenPipeError):  # where nobody waits for it
        answer.sendall(code.to_bytes(4, signed=True))


def become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Make this child what an interpreter is that starts with the request's words, directory and environment."""
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    os.closerange(3, 1024)
    if request["leads"]:
        os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    search_path = filter(None, request["env"].get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [request["cwd"], *search_path]
    Path("/proc/self/comm").write_text(
        comm(os.environ.get(MARK, ""))
    )  # its environ remains that of the server
    tempfile.tempdir = None  # TMPDIR is read again
    sys.argv[:] = ["-m", *request["words"]]
    for setting in os.environ.get(SET, "").split():
        name, _, value = setting.partition("=")
        module, _, constant = name.rpartition(".")
        assert hasattr(sys.modules[module], constant)
        setattr(sys.modules[module], constant, float(value))
    if "OPENAI_API_KEY" not in request["env"]:  # a test may look for it in the environ of every process
        util.spawnv_passfds = fork_workers_server  # type: ignore[assignment]


def comm(mark: str) -> str:
    """What a process with this mark, and each of its forks, is called by the kernel."""
    return f"ct{mark}"[:15]


def fork_workers_server(path: bytes, args: Sequence[str | bytes], fds: Sequence[int]) -> int:
    """multiprocessing's way to start a process, but the server of workers does without an interpreter and its imports.

    It has what a new process has: no other descriptors, no handlers of signals, logs or the program's end.
    """
    code = str(args[-1])
    if "multiprocessing.forkserver" not in code:
        return _SPAWN(path, args, fds)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if pid := os.fork():
        return pid
    status = 1
    try:
        gc.freeze()  # nothing of the program's is destroyed here: it may have locks
        atexit._clear()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        for logger in (logging.root, *logging.root.manager.loggerDict.values()):
            if isinstance(logger, logging.Logger):
                logger.handlers[:] = []
        last = 3
        for descriptor in sorted(fds):
            os.closerange(last, descriptor)
            last = descriptor + 1
        os.closerange(last, 1024)
        exec(code, {"__name__": "__main__"})
    except SystemExit:
        status = 0
    except BaseException:  # noqa: BLE001 - it ends here
        traceback.print_exc()
    finally:
        with suppress(Exception):
            atexit._run_exitfuncs()
        os._exit(status)


if __name__ == "__main__":
    _preload()
    message, descriptors = serve(socket.socket(fileno=int(sys.argv[1])))
    become(json.loads(message), descriptors)
    runpy._run_module_as_main("contexttune")  # type: ignore[attr-defined]  # what `python -m` calls
