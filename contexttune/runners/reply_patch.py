"""The patch that a reply asks for, and what of the reply is missing from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from contexttune.repos.commit_index import commit_index
from contexttune.repos.git import Tree
from contexttune.runners.diff_repair import drop_drafts, repair
from contexttune.runners.reply_diff import find_diffs
from contexttune.runners.search_replace import EditDoesNotApply, apply_blocks

DOES_NOT_APPLY = "the diff does not apply to the commit"
# a line of a diff or a string in code may contain such a tag as well
_END_OF_REASONING = re.compile(
    r"^(?![+\- ])[^\n]*?(?<![\"'`])</(?:think|thinking|thought|thoughts|reasoning|scratchpad)>(?![\"'])",
    re.MULTILINE | re.IGNORECASE,
)


def patch_of(
    tree: Tree, reply: str, edit_format: Literal["diff", "search_replace"] = "diff"
) -> tuple[str, str | None]:
    """(git's diff of the change, what is missing from it), or (the model's diff, why it does not apply).

    No changed line is lost silently: each is in the diff, or there is a reason.
    """
    answer = without_reasoning(reply)
    return _of_diffs(tree, answer) if edit_format == "diff" else _of_blocks(tree, answer)


def without_reasoning(reply: str) -> str:
    """The reply after the last tag that closes a model's reasoning."""
    ends = [match.end() for match in _END_OF_REASONING.finditer(reply)]
    return reply[ends[-1] :] if ends else reply


def _of_diffs(tree: Tree, answer: str) -> tuple[str, str | None]:
    diffs = find_diffs(answer)
    if not diffs:
        return "", None
    patches, drafts = drop_drafts(diffs, tree.text)
    with commit_index(tree) as index:
        exact = len(diffs) == 1 and diffs[0].is_exact
        applied = index.apply(diffs[0].text) if exact else None
        if applied is None:
            applied = index.apply(repair(patches, tree.text), repaired=True)
    if applied is None:
        return "\n".join(diff.text for diff in diffs), DOES_NOT_APPLY
    return applied, _missing(drafts, [line for diff in diffs for line in diff.stray])


def _of_blocks(tree: Tree, answer: str) -> tuple[str, str | None]:
    try:
        files = apply_blocks(answer, tree.text)
    except EditDoesNotApply as error:
        return "", str(error)
    if not files:
        return "", None
    with commit_index(tree) as index:
        return index.write(files), None


def _missing(drafts: Sequence[str], stray: Sequence[str]) -> str | None:
    parts = [f"an earlier diff of {path} was replaced by a later one" for path in dict.fromkeys(drafts)]
    if stray:
        parts.append(f"{len(stray)} changed lines belong to no hunk, the first is {stray[0]!r}")
    return "; ".join(parts) or None
