"""Edits as SEARCH/REPLACE blocks, which need no line numbers."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from contexttune.runners.reply_diff import ReadText

_BLOCK = re.compile(
    r"^(?P<path>[^\n`*<>]+?)[ \t]*\n(?:[`~]{3}[^\n]*\n)?<{5,9} SEARCH[ \t]*\n(?P<old>.*?)^={5,9}[ \t]*\n(?P<new>.*?)^>{5,9} REPLACE",
    re.MULTILINE | re.DOTALL,
)


class EditDoesNotApply(Exception):
    """A block names a missing file, or searches for text that does not occur exactly once."""


def apply_blocks(reply: str, read_text: ReadText) -> dict[str, str]:
    """path -> new text of every file that the reply changes; {} for a reply without blocks.

    An empty SEARCH creates a file. Raises EditDoesNotApply.
    """
    changed: dict[str, str] = {}
    for match in _BLOCK.finditer(reply):
        path = _inside(match["path"].strip().strip("`"))
        before = changed.get(path, read_text(path))
        changed[path] = _replace(path, before, match["old"], match["new"])
    return changed


def _inside(path: str) -> str:
    parts = [part.lower() for part in PurePosixPath(path).parts]
    if not parts or path.startswith("/") or {"..", ".git"} & set(parts):
        raise EditDoesNotApply(f"{path!r} is not a path inside the repository")
    return path


def _replace(path: str, before: str | None, old: str, new: str) -> str:
    if not old.strip():
        if before is not None:
            raise EditDoesNotApply(f"{path}: the SEARCH is empty, but the file exists")
        return new
    if before is None:
        raise EditDoesNotApply(f"{path}: no such file")
    if before.count(old) != 1:
        raise EditDoesNotApply(f"{path}: SEARCH occurs {before.count(old)} times")
    return before.replace(old, new)
