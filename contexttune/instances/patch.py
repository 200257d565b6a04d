"""Parses a unified diff: its files, its edits of old lines, and its new lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contexttune.errors import ArtifactError

if TYPE_CHECKING:
    from unidiff.patch import Hunk

_ESCAPE = re.compile(r'\\([0-7]{3}|["\\abfnrtv])')
_CONTROL = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Neighbouring changed lines of one hunk.

    Attributes:
        removed: old line numbers, from 1.
        after: the old line that the added lines follow; 0 is the top of the file.
        added: the added lines.
    """

    removed: Sequence[int]
    after: int
    added: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """The change of one file; `old` is None for a new file, `new` for a deleted one."""

    old: str | None
    new: str | None
    edits: Sequence[Edit]
    new_sides: Sequence[Sequence[tuple[bool, str]]]  # for each hunk: (is added, line)


def parse(patch: str) -> list[FileChange]:
    """The files of a unified diff, in its order, including those that it only renames or creates empty.

    Raises ArtifactError when the length of a hunk does not match its header.
    """
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    if patch.partition("\n")[0].endswith("\r"):  # the patch itself has Windows line ends, not just its files
        patch = patch.replace("\r\n", "\n")
    try:
        files = PatchSet(patch)
    except UnidiffParseError as error:
        raise ArtifactError(f"the patch cannot be read ({error})") from None
    return [
        FileChange(
            old=_path(file.source_file),
            new=_path(file.target_file),
            edits=[edit for hunk in file for edit in _edits(hunk)],
            new_sides=[_new_side(hunk) for hunk in file],
        )
        for file in files
    ]


def _path(name: str) -> str | None:
    if name.startswith('"') and name.endswith(
        '"'
    ):  # git quotes names that are not ASCII, and unidiff keeps the quotes
        pieces = _ESCAPE.split(name[1:-1].encode("utf-8", "surrogateescape").decode("latin-1"))
        plain = [_unescaped(piece) if n % 2 else piece for n, piece in enumerate(pieces)]
        name = "".join(plain).encode("latin-1").decode("utf-8", "surrogateescape")
    return None if name == "/dev/null" else re.sub(r"\A[ab]/", "", name)


def _unescaped(escape: str) -> str:
    return chr(int(escape, 8)) if escape.isdigit() else _CONTROL.get(escape, escape)


def _new_side(hunk: Hunk) -> list[tuple[bool, str]]:
    return [(line.is_added, line.value.removesuffix("\n")) for line in hunk.target_lines()]


def _edits(hunk: Hunk) -> Iterator[Edit]:
    removed: list[int] = []
    added: list[str] = []
    at = hunk.source_start - (1 if hunk.source_length else 0)  # the old line before the next one
    for line in hunk:
        if line.is_context and (removed or added):
            yield Edit(removed=tuple(removed), after=at, added=tuple(added))
            removed, added = [], []
        if line.is_added:
            added.append(line.value.removesuffix("\n"))
        if line.source_line_no is None:  # an added line
            continue
        at = line.source_line_no
        if line.is_removed:
            removed.append(at)
    if removed or added:
        yield Edit(removed=tuple(removed), after=at, added=tuple(added))
