"""Uptake of the context block: which of the files that it names an agent's commands touched, and when."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from contexttune.repos.file_mentions import Paths, expanded
from contexttune.sandbox.engine import TESTBED

_TOKEN = re.compile(r"[\w@+./-]+")
_CD = re.compile(r"(?:^|[;&|({]|\bthen\b|\bdo\b)\s*cd\s+([\w@+./-]+)", re.MULTILINE)
_PATCHED = re.compile(r"^(?:---|\+\+\+) [ab]/(.+?)\t?$", re.MULTILINE)
_MAX_WORDS = 10_000  # number of words from the brace expansion of one command
_MAX_CHARS = 200_000  # characters read of one command; the rest is data


def mentions_of(messages: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """For each step, the sorted words of its commands that may be paths, relative to the repository.

    A turn without commands is no step.
    """
    turns = [
        message.get("extra", {}).get("actions") for message in messages if message.get("role") == "assistant"
    ]
    return [sorted(_mentioned(actions)) for actions in turns if actions]


def uptake_of(
    mentions: Sequence[Iterable[str]] | None, block: str, patch: str, files: Collection[str]
) -> dict[str, Any] | None:
    """How the block and the patch relate to the files that were touched; None when the steps are not known.

    A command touches a file when it names it: by its path in the repository, below /testbed, or relative to a
    directory that the command changes to.

    Args:
        mentions: the result of `mentions_of`.
        block: the context block, or "".
        patch: a unified diff, or "".
        files: the paths of all files at the commit.

    Returns:
        `first_touch` is the step (from 1) of each file that the block names and a command touched.
    """
    if mentions is None:
        return None
    first: dict[str, int] = {}
    for number, names in enumerate(mentions, 1):
        for name in names:
            if name in files:
                first.setdefault(name, number)
    named = {mention.path for line in Paths.of(files).read(block) for mention in line.mentions}
    patched = [first[path] for path in set(_PATCHED.findall(patch)) if path in first]
    return {
        "n_files_named": len(named),
        "n_files_touched": len(first),
        "touched_named_share": len(named & first.keys()) / len(first) if first else None,
        "first_touch": {path: first[path] for path in sorted(named & first.keys())},
        "first_touch_of_patch": min(patched, default=None),
    }


def _mentioned(actions: Iterable[Mapping[str, Any]]) -> set[str]:
    found: set[str] = set()
    for action in actions:
        command = str(action.get("command", ""))[:_MAX_CHARS]
        directories = {_plain(name) for name in _CD.findall(command)} - {""}
        for token in map(_plain, chain(_TOKEN.findall(command), _in_braces(command))):
            found.add(token)
            found.update(f"{directory}/{token}" for directory in directories)
    return found


def _in_braces(command: str) -> Iterator[str]:
    """The words of the command's brace expansion."""
    words = [word for word in command.split() if "{" in word]
    return islice((name for word in words for name in expanded(word)), _MAX_WORDS)


def _plain(token: str) -> str:
    """The path relative to the repository's root, without surrounding punctuation."""
    token = token.removeprefix(TESTBED).lstrip("/") if token.startswith(TESTBED) else token
    while token.startswith("./"):
        token = token[2:]
    return token.rstrip("./")
