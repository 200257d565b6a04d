"""A unified diff as the audit needs it: where old lines change, and what the new side says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Neighbouring changed lines of one hunk.

    Attributes:
        removed: old line numbers, from 1, of the lines that go.
        after: the old line that the added ones follow; 0 is the top of the file.
        added: the lines that come.
    """

    removed: Sequence[int]
    after: int
    added: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """What a patch does to a file; `old` or `new` is None where it is created or deleted."""

    old: str | None
    new: str | None
    edits: list[Edit] = field(default_factory=list)
    new_sides: list[list[tuple[bool, str]]] = field(default_factory=list)  # a hunk: (is added, line)


def parse(patch: str) -> list[FileChange]:
    """The files of a unified diff, in its order; what is no part of a hunk or a file's header is skipped."""
    changes: list[FileChange] = []
    lines = patch.split("\n")
    at = 0
    while at < len(lines):
        found = _HUNK.match(lines[at])
        if lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            changes.append(FileChange(old=_path(lines[at]), new=_path(lines[at + 1])))
            at += 2
        elif found and changes:
            old, n_old, _, n_new = (int(group or 1) for group in found.groups())
            body = list(_body(lines, at + 1, n_old, n_new))
            changes[-1].edits.extend(_edits(body, old if n_old else old + 1))
            changes[-1].new_sides.append([(sign == "+", text) for sign, text in body if sign != "-"])
            at += 1 + len(body)
        else:
            at += 1
    return changes


def _path(header: str) -> str | None:
    name = header[4:].split("\t")[0].rstrip()
    if quoted := _QUOTED.fullmatch(name):
        name = (
            quoted[1]
            .encode("latin-1", "replace")
            .decode("unicode_escape")
            .encode("latin-1")
            .decode(errors="replace")
        )
    return None if name == "/dev/null" else re.sub(r"\A[ab]/", "", name)


def _body(lines: Sequence[str], at: int, n_old: int, n_new: int) -> Iterator[tuple[str, str]]:
    """(sign, text) of a hunk's lines; an empty line is a blank one whose sign was stripped."""
    while (n_old > 0 or n_new > 0) and at < len(lines):
        sign, text = lines[at][:1] or " ", lines[at][1:]
        if sign not in " +-\\":
            return
        n_old -= sign in " -"
        n_new -= sign in " +"
        yield sign, text
        at += 1


def _edits(body: Sequence[tuple[str, str]], old: int) -> Iterator[Edit]:
    removed: list[int] = []
    added: list[str] = []
    for sign, text in [*body, (" ", "")]:
        if sign == "+":
            added.append(text)
        elif sign == "-":
            removed.append(old)
        elif sign == " ":
            if removed or added:
                yield Edit(removed=tuple(removed), after=old - 1, added=tuple(added))
            removed, added = [], []
        old += sign in " -"
