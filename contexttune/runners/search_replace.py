"""Edits as SEARCH/REPLACE blocks, which need no line numbers."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from contexttune.runners.diff_repair import ReadText

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
    if before.count(old) == 1:
        return before.replace(old, new)
    return _replace_lines(path, before, old.splitlines(), new.splitlines())


def _replace_lines(path: str, before: str, old: list[str], new: list[str]) -> str:
    """The same by whole lines, whatever their ends and trailing blanks; the file's own line ends are kept."""
    lines = before.splitlines(keepends=True)
    stripped, wanted = [line.rstrip() for line in lines], [line.rstrip() for line in old]
    starts = range(len(lines) - len(wanted) + 1)
    found = [i for i in starts if stripped[i : i + len(wanted)] == wanted]
    if len(found) != 1:
        raise EditDoesNotApply(f"{path}: SEARCH occurs {len(found) or before.count(chr(10).join(old))} times")
    start, end = found[0], found[0] + len(wanted)
    line_end = "\r\n" if lines[start].endswith("\r\n") else "\n"
    replaced = [f"{line}{line_end}" for line in new]
    if replaced and end == len(lines) and not lines[-1].endswith("\n"):
        replaced[-1] = new[-1]
    return "".join([*lines[:start], *replaced, *lines[end:]])
