"""Edits as SEARCH/REPLACE blocks: no line numbers for a model to get wrong."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from contexttune.runners.reply_diff import ReadText

_BLOCK = re.compile(
    r"^(?P<path>[^\n`*<>]+?)[ \t]*\n(?:[`~]{3}[^\n]*\n)?<{5,9} SEARCH[ \t]*\n(?P<old>.*?)^={5,9}[ \t]*\n(?P<new>.*?)^>{5,9} REPLACE",
    re.MULTILINE | re.DOTALL,
)


class EditDoesNotApply(Exception):
    """A block names a file that is not there, or searches for text that does not occur exactly once."""


def apply_blocks(reply: str, read_text: ReadText) -> dict[str, str]:
    """Path -> new text of every file that the reply's blocks change; {} when it holds no block.

    Raises EditDoesNotApply: see there. An empty SEARCH makes a new file.
    """
    changed: dict[str, str] = {}
    for match in _BLOCK.finditer(reply):
        path = _inside(match["path"].strip().strip("`"))
        before = changed.get(path, read_text(path))
        changed[path] = _replace(path, before, match["old"], match["new"])
    return changed


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if (
        not parts
        or PurePosixPath(path).is_absolute()
        or ".." in parts
        or ".git" in [p.lower() for p in parts]
    ):
        raise EditDoesNotApply(f"{path!r} is not a path inside the repository")
    return path


def _replace(path: str, before: str | None, old: str, new: str) -> str:
    if not old.strip():
        if before is not None:
            raise EditDoesNotApply(f"{path}: an empty SEARCH for a file that exists")
        return new
    if before is None:
        raise EditDoesNotApply(f"{path}: there is no such file")
    if before.count(old) != 1:
        raise EditDoesNotApply(f"{path}: SEARCH occurs {before.count(old)} times")
    return before.replace(old, new)
