"""Puts a context into a task: the same bytes for every runner."""

from __future__ import annotations

from contexttune.errors import ArtifactError

BEGIN = "======BEGIN_REPO_CONTEXT====="
END = "======END_REPO_CONTEXT====="


def block(text: str) -> str:
    """`text` between the delimiters, or "" for an empty text.

    Raises ArtifactError when a line of `text` is a delimiter.
    """
    if not text.strip():
        return ""
    if any(line.strip() in (BEGIN, END) for line in text.splitlines()):
        raise ArtifactError(
            "a line of the context is a delimiter of the context block, so the context cannot be injected"
        )
    return f"{BEGIN}\n{text.rstrip()}\n{END}"


def inject(context_block: str, problem_statement: str) -> str:
    """The task text: the block, a blank line, the problem statement; without a block, the statement alone."""
    return f"{context_block}\n\n{problem_statement}" if context_block else problem_statement
