"""git's plumbing: commands that fail loudly, and a commit's blobs read without a checkout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from contexttune.errors import ArtifactError

# The user's and the system's configuration must not change what an experiment sees.
_ENV = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The process's environment, less whatever would point git elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _NETWORK}
    return kept | _ENV | dict(extra or {})


_NETWORK = {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_PROXY_COMMAND"}


def git(
    *args: str | Path, cwd: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> bytes:
    """Standard output of `git *args`. Raises ArtifactError with git's last words when it fails."""
    done = try_git(*args, cwd=cwd, stdin=stdin, env=env)
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise ArtifactError(f"git {args[0]} failed: {words[-1] if words else f'exit {done.returncode}'}")
    return done.stdout


def try_git(
    *args: str | Path, cwd: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """`git *args`, whatever its exit status."""
    return subprocess.run(
        ["git", *map(str, args)], cwd=cwd, input=stdin, env=environment(env), capture_output=True, check=False
    )


class Entry(NamedTuple):
    """A path of a tree. `mode` is git's: 100644, 100755, 120000 (symlink), 160000 (submodule)."""

    path: str  # `/`-separated; bytes that are not UTF-8 are surrogate-escaped
    mode: str
    blob: str  # the object's sha1

    @property
    def is_file(self) -> bool:
        return self.mode.startswith("100")


@dataclass(frozen=True)
class Tree:
    """A commit of a repository, read from its object store; it cannot see anything later."""

    git_dir: Path
    repo: str
    commit: str
    blob_cache: Path | None = None  # where analyses of single blobs may be kept, by blob sha

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every path of the commit, in git's order (bytewise)."""
        out = git("--git-dir", self.git_dir, "ls-tree", "-r", "-z", "--full-tree", self.commit)
        return tuple(_entry(line) for line in out.decode("utf-8", "surrogateescape").split("\0") if line)

    @cached_property
    def by_path(self) -> Mapping[str, Entry]:
        return {entry.path: entry for entry in self.entries}

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """(sha, content) of each blob, through one `git cat-file --batch`."""
        wanted = list(blobs)
        if not wanted:
            return
        request = "\n".join(wanted).encode() + b"\n"
        out = git("--git-dir", self.git_dir, "cat-file", "--batch", "--buffer", stdin=request)
        view, at = memoryview(out), 0
        for sha in wanted:
            end = out.index(b"\n", at)
            header = out[at:end].split()
            if len(header) != 3:
                raise ArtifactError(f"{self.repo}: object {sha} is missing from {self.git_dir}")
            at = end + 1 + int(header[2])
            yield sha, bytes(view[end + 1 : at])
            at += 1

    def text(self, path: str) -> str | None:
        """A file's text (undecodable bytes replaced), or None when the commit has no such file."""
        entry = self.by_path.get(path)
        if entry is None or not entry.is_file:
            return None
        ((_, content),) = self.read([entry.blob])
        return content.decode(errors="replace")


def _entry(line: str) -> Entry:
    meta, _, path = line.partition("\t")
    mode, _, blob = meta.split(" ")
    return Entry(path, mode, blob)
