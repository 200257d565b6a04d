"""Imported once by the process that workers are forked from, with an environment that keeps mini-swe-agent quiet."""

import os
import tempfile
from contextlib import suppress
from importlib import import_module

# What a worker would import otherwise, each for itself and in its own time.
_HEAVY = (
    "openai.resources.chat.completions",  # with the whole of openai.resources, which takes seconds
    "httpcore._sync.http11",
    "minisweagent.agents.default",
    "minisweagent.models.utils.actions_text",
    "minisweagent.models.utils.actions_toolcall",
    "contexttune.runners.mini.worker",
)


def _load() -> None:
    """mini-swe-agent makes a configuration directory and loads a .env from it as it is imported: give it an empty one."""
    empty = tempfile.mkdtemp(prefix="contexttune-mini-")
    os.environ |= {"MSWEA_SILENT_STARTUP": "1", "MSWEA_GLOBAL_CONFIG_DIR": empty}
    try:
        for name in _HEAVY:
            import_module(name)
    finally:
        with suppress(OSError):
            os.rmdir(empty)  # noqa: PTH106 - nothing was written to it


_load()
