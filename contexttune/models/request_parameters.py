"""Parameters of a request that an endpoint refuses or the openai package does not know."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

# Sampling settings that some models refuse, and what they take instead; None: nothing.
_INSTEAD = {
    "max_tokens": "max_completion_tokens",
    "temperature": None,
    "top_p": None,
    "seed": None,
    "parallel_tool_calls": None,
}
_REFUSED = re.compile(
    r"(?:unsupported|unknown|unrecognized|unexpected|not supported|does not support|not permitted|invalid)",
    re.IGNORECASE,
)


def refused_parameter(words: str, body: Mapping[str, Any]) -> str | None:
    """The sampling setting in `body` that an error of an endpoint refuses; None for another error."""
    if not _REFUSED.search(words):
        return None
    # quoted as a name: the message may advise another one
    return next(
        (name for name in _INSTEAD if name in body and re.search(rf"['\"`]{name}['\"`]", words)), None
    )


def without_refused(body: Mapping[str, Any], refused: Collection[str]) -> dict[str, Any]:
    """The body without these settings, or with their substitutes."""
    adapted = {name: value for name, value in body.items() if name not in refused}
    for name in refused:
        instead = _INSTEAD.get(name)
        if instead and name in body:
            adapted.setdefault(instead, body[name])
    return adapted


def known_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for the openai package, which takes fields that it does not know as `extra_body`."""
    known = {name: value for name, value in body.items() if name in _known_names()}
    extra = {name: value for name, value in body.items() if name not in known} | dict(
        known.pop("extra_body", {})
    )
    return known | ({"extra_body": extra} if extra else {})


@cache
def _known_names() -> frozenset[str]:
    import inspect

    from openai.resources.chat.completions import Completions

    return frozenset(inspect.signature(Completions.create).parameters) - {
        "extra_headers",
        "extra_query",
        "timeout",
    }
