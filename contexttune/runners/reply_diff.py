"""Finds the diff in a model's reply, and repairs its line counts, offsets and headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r"^([`~]{3,})[ \t]*(\w*)[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"<(patch|diff)>[ \t]*\n?(.*?)</\1>", re.DOTALL)
_FILE_HEADER = re.compile(r"^--- (?P<old>[^\n]+)\n\+\+\+ (?P<new>[^\n]+)\n", re.MULTILINE)
_HUNK = re.compile(r"^@@(?: -(?P<line>\d+)(?:,\d+)? \+\d+(?:,\d+)? )?.*$")
_DEV_NULL = "/dev/null"

Lines = list[str]
ReadText = Callable[[str], str | None]
"""path -> text of the file at the commit, or None if it does not exist."""


@dataclass
class Hunk:
    """Lines with their ` `, `-` or `+`, and the line number in the header (1-based; None if it has none)."""

    line: int | None
    body: Lines = field(default_factory=list)

    def side(self, sign: str) -> Lines:
        return [text[1:] for text in self.body if text[0] in (" ", sign)]


@dataclass
class FilePatch:
    old: str  # path, or /dev/null for a new file
    new: str
    hunks: list[Hunk] = field(default_factory=list)


def find_diff(reply: str) -> str:
    """The diff in a reply: in <patch> or <diff>, fenced, or bare; "" if there is none."""
    tagged = [match.group(2) for match in _TAG.finditer(reply)]
    fenced = [match.group(3) for match in _FENCE.finditer(reply)]
    for candidates in (tagged, fenced, [reply]):
        diffs = [text for text in candidates if _FILE_HEADER.search(text)]
        if diffs:
            return "\n".join(text.strip("\n") for text in diffs) + "\n"
    return ""


def repair(diff: str, read_text: ReadText) -> str:
    """The same change with correct line counts and, if the old lines occur in the file, correct offsets."""
    return "".join(_render(patch, read_text) for patch in parse(diff))


def parse(diff: str) -> list[FilePatch]:
    """Split a diff by file, ignoring prose in between. Blank context lines may have lost their space."""
    starts = list(_FILE_HEADER.finditer(diff))
    patches = []
    for i, match in enumerate(starts):
        end = starts[i + 1].start() if i + 1 < len(starts) else len(diff)
        patch = FilePatch(_path(match["old"]), _path(match["new"]))
        patch.hunks = list(_hunks(diff[match.end() : end].split("\n")))
        patches.append(patch)
    return [patch for patch in patches if patch.hunks]


def _path(header: str) -> str:
    name = header.split("\t")[0].strip()
    if name == _DEV_NULL:
        return name
    return name[2:] if name[:2] in ("a/", "b/") else name


def _hunks(lines: Lines) -> Iterator[Hunk]:
    hunk: Hunk | None = None
    for text in lines:
        header = _HUNK.match(text)
        if header:
            if hunk:
                yield _without_trailing_blanks(hunk)
            hunk = Hunk(int(header["line"]) if header["line"] else None)
        elif hunk is None or text.startswith("\\"):
            continue  # before the first hunk, or "\ No newline at end of file", which `repair` adds itself
        elif text[:1] in (" ", "+", "-"):
            hunk.body.append(text)
        elif not text.strip():
            hunk.body.append(" ")
        else:  # `diff --git`, `index` or prose ends the hunk
            yield _without_trailing_blanks(hunk)
            hunk = None
    if hunk:
        yield _without_trailing_blanks(hunk)


def _without_trailing_blanks(hunk: Hunk) -> Hunk:
    while hunk.body and hunk.body[-1] == " ":
        hunk.body.pop()
    return hunk


def _render(patch: FilePatch, read_text: ReadText) -> str:
    source = None if patch.old == _DEV_NULL else read_text(patch.old)
    old = _DEV_NULL if source is None and patch.old == _DEV_NULL else f"a/{patch.old}"
    new = _DEV_NULL if patch.new == _DEV_NULL else f"b/{patch.new}"
    out = [f"diff --git a/{_named(patch)} b/{_named(patch)}"]
    if old == _DEV_NULL:
        out.append("new file mode 100644")
    if new == _DEV_NULL:
        out.append("deleted file mode 100644")
    out += [f"--- {old}", f"+++ {new}"]
    lines = [] if source is None else source.split("\n")
    shift = searched_to = 0
    for hunk in patch.hunks:
        n_old, n_new = len(hunk.side("-")), len(hunk.side("+"))
        start = _locate(hunk, lines, searched_to)
        searched_to = start - 1 + n_old
        _restore_whitespace(hunk, lines[start - 1 : searched_to])
        out.append(f"@@ -{start if n_old else start - 1},{n_old} +{start + shift if n_new else 0},{n_new} @@")
        out += _with_end_of_file_mark(hunk, lines, searched_to)
        shift += n_new - n_old
    return "\n".join(out) + "\n"


def _named(patch: FilePatch) -> str:
    return patch.old if patch.new == _DEV_NULL else patch.new


def _locate(hunk: Hunk, lines: Lines, after: int) -> int:
    """The 1-based line at which the old lines occur: the match nearest to the hunk's line number."""
    wanted = hunk.side("-")
    expected = hunk.line or after + 1
    for normalize in (str, str.rstrip, str.strip):
        needle = [normalize(text) for text in wanted]
        haystack = [normalize(text) for text in lines]
        found = [
            i + 1
            for i in range(after, len(haystack) - len(needle) + 1)
            if haystack[i : i + len(needle)] == needle
        ]
        if needle and found:
            return min(found, key=lambda line: (abs(line - expected), line))
    return max(expected, 1)


def _restore_whitespace(hunk: Hunk, actual: Lines) -> None:
    """Replace the old lines by those of the file, which may differ in leading and trailing whitespace."""
    at = 0
    for i, text in enumerate(hunk.body):
        if text[0] != "+" and at < len(actual):
            if actual[at].strip() == text[1:].strip():
                hunk.body[i] = text[0] + actual[at]
            at += 1


def _with_end_of_file_mark(hunk: Hunk, lines: Lines, end: int) -> Lines:
    """The body, with git's mark if the file has no newline at its end."""
    reaches_end = bool(lines) and lines[-1] != "" and end >= len(lines)
    if not reaches_end:
        return hunk.body
    last_old = max((i for i, text in enumerate(hunk.body) if text[0] != "+"), default=-1)
    marked = list(hunk.body)
    marked.insert(last_old + 1, "\\ No newline at end of file")
    return marked
