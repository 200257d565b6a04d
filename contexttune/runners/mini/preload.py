"""Modules imported once by the process that workers are forked from, so that no worker has to."""

import atexit
import gc
import os
import shutil
from contextlib import suppress
from importlib import import_module

from contexttune.errors import InfraError
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.scripted import Rule, serve
from contexttune.runners.mini.silence import keep_quiet
from contexttune.runners.supervisor import SOCKETS

_HEAVY = (
    "openai.resources.chat.completions",  # imports all of openai.resources, which takes seconds
    "httpcore._sync.http11",
    "minisweagent.agents.default",
    "minisweagent.models.utils.actions_text",
    "minisweagent.models.utils.actions_toolcall",
    "contexttune.runners.mini.worker",
)


def _load() -> None:
    keep_quiet()
    for name in _HEAVY:
        import_module(name)


def _remove_sockets() -> None:
    shutil.rmtree(os.environ.get(SOCKETS, ""), ignore_errors=True)


def _exercise() -> None:
    """Send a request to a local server, so that workers share what a process builds for its first request.

    If this fails, each worker builds it for itself.
    """
    with suppress(OSError, InfraError):
        server = serve([Rule(reply="", commands=["true"])])
        url = f"http://127.0.0.1:{server.server_port}/v1"
        once = OpenAICompatible(seed=0, name="none", base_url=url, api_key_env=None, attempts=1, timeout_s=5)
        try:
            with once as endpoint:
                endpoint.chat([{"role": "user", "content": ""}])[0].model_dump(mode="json")
        finally:
            server.shutdown()
            server.server_close()


_load()
# runs in the fork server when the program has ended; workers end without it
atexit.register(_remove_sockets)
_exercise()
gc.collect()
gc.freeze()  # a collection in a worker would write to every object, and so copy their pages
