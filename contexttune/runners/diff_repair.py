"""Corrects the line counts, offsets, headers and whitespace of a model's diffs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from contexttune.runners.reply_diff import DEV_NULL, FilePatch, Hunk, Lines, ReplyDiff

ReadText = Callable[[str], str | None]
"""path -> text of the file at the commit, or None if it does not exist."""


def drop_drafts(diffs: Iterable[ReplyDiff], read_text: ReadText) -> tuple[list[FilePatch], list[str]]:
    """(patches, paths of dropped ones): a later diff of the same lines replaces an earlier one of another place."""
    kept: list[FilePatch] = []
    dropped: list[str] = []
    for diff in diffs:
        replaced = [
            patch for patch in kept if any(_same_place(patch, new, read_text) for new in diff.patches)
        ]
        dropped += [name_of(patch) for patch in replaced]
        kept = [patch for patch in kept if patch not in replaced] + diff.patches
    return kept, dropped


def repair(patches: Iterable[FilePatch], read_text: ReadText) -> str:
    """The same changes as a diff that git takes; lines that do not occur in the file are left to git to refuse."""
    return "".join(_render(patch, read_text) for patch in _merged(patches))


def name_of(patch: FilePatch) -> str:
    return patch.old if patch.new == DEV_NULL else patch.new


def _merged(patches: Iterable[FilePatch]) -> list[FilePatch]:
    """One patch per file; models repeat the header before each hunk."""
    merged: dict[tuple[str, str], FilePatch] = {}
    for patch in patches:
        first = merged.setdefault((patch.old, patch.new), patch)
        if first is not patch:
            first.hunks += patch.hunks
            first.header |= patch.header
            first.binary += patch.binary
    return list(merged.values())


def _same_place(one: FilePatch, other: FilePatch, read_text: ReadText) -> bool:
    if {one.old, one.new} & {other.old, other.new} - {DEV_NULL} == set():
        return False
    lines = _lines(one, read_text)
    if lines is None or not (one.hunks and other.hunks):
        return True
    return any(
        first_one <= last_other and first_other <= last_one
        for first_one, last_one in _changed_ranges(one, lines)
        for first_other, last_other in _changed_ranges(other, lines)
    )


def _changed_ranges(patch: FilePatch, lines: Lines) -> Iterable[tuple[int, int]]:
    """(first, last) line of the old file that each hunk changes, or inserts before."""
    for start, hunk in _located(patch, lines):
        at, changed = start, []
        for text in hunk.body:
            if text[0] != " ":
                changed.append(at)
            at += text[0] != "+"
        if changed:
            yield changed[0], changed[-1]


def _lines(patch: FilePatch, read_text: ReadText) -> Lines | None:
    source = None if patch.old == DEV_NULL else read_text(patch.old)
    return None if source is None else source.split("\n")


def _render(patch: FilePatch, read_text: ReadText) -> str:
    out = [f"diff --git a/{_old_name(patch)} b/{name_of(patch)}", *_header(patch)]
    if patch.binary:
        return "\n".join([*out, *patch.binary]) + "\n"
    if patch.hunks:
        out += [f"--- {_side('a', patch.old)}", f"+++ {_side('b', patch.new)}"]
    lines = _lines(patch, read_text) or []
    shift = 0
    for start, hunk in _located(patch, lines):
        n_old, n_new = len(hunk.side("-")), len(hunk.side("+"))
        end = start - 1 + n_old
        _restore_whitespace(hunk, lines[start - 1 : end])
        out.append(f"@@ -{start if n_old else start - 1},{n_old} +{start + shift if n_new else 0},{n_new} @@")
        out += _with_end_of_file_mark(hunk, lines, end)
        shift += n_new - n_old
    return "\n".join(out) + "\n"


def _old_name(patch: FilePatch) -> str:
    return patch.new if patch.old == DEV_NULL else patch.old


def _side(letter: str, path: str) -> str:
    return path if path == DEV_NULL else f"{letter}/{path}"


def _header(patch: FilePatch) -> list[str]:
    header = {key: value for key, value in patch.header.items() if "index" not in key or patch.binary}
    if patch.old == DEV_NULL:
        header.setdefault("new file mode", "100644")
    elif patch.new == DEV_NULL:
        header.setdefault("deleted file mode", "100644")
    elif patch.old != patch.new and "copy from" not in header:
        header |= {"rename from": patch.old, "rename to": patch.new}
    return [f"{key} {value}" for key, value in header.items()]


def _located(patch: FilePatch, lines: Lines) -> list[tuple[int, Hunk]]:
    """(1-based line, hunk) in the order of the file, which need not be the reply's."""
    found: list[tuple[int, Hunk]] = []
    after = 0
    for hunk in patch.hunks:
        start = _locate(hunk, lines, after, {at for at, _ in found})
        found.append((start, hunk))
        after = start - 1 + len(hunk.side("-"))
    return sorted(found, key=lambda pair: pair[0])


def _locate(hunk: Hunk, lines: Lines, after: int, taken: set[int]) -> int:
    """The line at which the old lines occur: the match nearest to the header's, or else the next one."""
    wanted = hunk.side("-")
    expected = hunk.line or after + 1
    for normalize in (str, str.rstrip, str.strip):
        needle = [normalize(text) for text in wanted]
        haystack = [normalize(text) for text in lines]
        starts = range(len(haystack) - len(needle) + 1)
        found = [i + 1 for i in starts if haystack[i : i + len(needle)] == needle and i + 1 not in taken]
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
