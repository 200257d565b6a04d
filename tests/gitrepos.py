"""Real, tiny git repositories for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from contexttune.paths import Layout
from contexttune.repos.git import git
from contexttune.repos.workspace import Workspace

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


def imported(git_dir: Path, entries: Iterable[tuple[bytes, bytes, bytes]]) -> str:
    """A bare repository of one commit with (mode, path, content) `entries`, whatever a work tree could not hold.

    The content of a submodule (160000) is the sha of its commit; equal contents are written once. Returns the sha.
    """
    git("init", "--quiet", "--bare", git_dir)
    stream: list[bytes] = []
    lines: list[bytes] = []
    marks: dict[bytes, int] = {}
    for mode, path, content in entries:
        if mode == b"160000":
            lines.append(b"M 160000 %s %s\n" % (content, _quoted(path)))
            continue
        if content not in marks:
            marks[content] = len(marks) + 1
            stream.append(b"blob\nmark :%d\ndata %d\n%s\n" % (marks[content], len(content), content))
        lines.append(b"M %s :%d %s\n" % (mode, marks[content], _quoted(path)))
    stream.append(
        b"commit refs/heads/main\ncommitter a <a@example.invalid> 1704067200 +0000\ndata 6\nchange\n"
    )
    fast = ("-c", "core.compression=0", "--git-dir", git_dir)
    git(*fast, "fast-import", "--quiet", stdin=b"".join([*stream, *lines, b"\n"]))
    return git("--git-dir", git_dir, "rev-parse", "main").decode().strip()


def _quoted(path: bytes) -> bytes:
    escaped = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"%s"' % escaped


def layout(root: Path) -> Layout:
    return Layout(cache=root / "cache", artifacts=root / "artifacts", results=root / "results")


def workspace(root: Path, remotes: Path) -> Workspace:
    """A workspace that clones `owner/name` from `remotes/name`."""
    return Workspace(layout=layout(root), remote=f"file://{remotes}/{{name}}")
