"""The one place where a context enters a task: the same bytes for every runner."""

from __future__ import annotations

from contexttune.errors import ArtifactError

BEGIN = "======BEGIN_REPO_CONTEXT====="
END = "======END_REPO_CONTEXT====="


def block(text: str) -> str:
    """`text` between the delimiters; an empty text has no block at all.

    Raises ArtifactError when `text` itself holds a delimiter line, which would make the frame ambiguous.
    """
    if not text.strip():
        return ""
    if any(line.strip() in (BEGIN, END) for line in text.splitlines()):
        raise ArtifactError("a context holds a delimiter line of the context block and cannot be injected")
    return f"{BEGIN}\n{text.rstrip()}\n{END}"


def inject(context_block: str, problem_statement: str) -> str:
    """The task text: the block, a blank line, the problem statement; without a block, the statement alone."""
    return f"{context_block}\n\n{problem_statement}" if context_block else problem_statement
