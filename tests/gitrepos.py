"""Real, tiny git repositories for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from contexttune.git import git
from contexttune.paths import Layout
from contexttune.workspace import Workspace

_IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
}


def commit(repo: Path, files: Mapping[str, str | bytes | None], message: str = "change", day: int = 1) -> str:
    """Write (None: delete) `files` and commit them; makes the repository when there is none. Returns the sha."""
    if not (repo / ".git").exists():
        repo.mkdir(parents=True, exist_ok=True)
        git("init", "--quiet", "--initial-branch=main", repo)
    for name, content in files.items():
        path = repo / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    date = f"2024-01-{day:02d}T00:00:00Z"
    git("add", "--all", cwd=repo)
    env = {**_IDENTITY, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    git("commit", "--quiet", "--allow-empty", "--message", message, cwd=repo, env=env)
    return git("rev-parse", "HEAD", cwd=repo).decode().strip()


def layout(root: Path) -> Layout:
    return Layout(cache=root / "cache", artifacts=root / "artifacts", results=root / "results")


def workspace(root: Path, remotes: Path) -> Workspace:
    """A workspace that clones `owner/name` from `remotes/name`."""
    return Workspace(layout=layout(root), remote=f"file://{remotes}/{{name}}")
