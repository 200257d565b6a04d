"""Repositories on this machine: one bare mirror each, checkouts of single commits."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from contexttune import paths
from contexttune.errors import ArtifactError
from contexttune.repos.git import Tree, git, try_git
from contexttune.repos.porcelain import clone_bare, last_line, porcelain
from contexttune.system.files import locked
from contexttune.system.redaction import without_passwords

log = logging.getLogger(__name__)

_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# git runs it in a shell, with what it wants as an argument
_HELPER = (
    '!f() { printf \'username=%s\\npassword=%s\\n\' "$CONTEXTTUNE_GIT_USER" "$CONTEXTTUNE_GIT_PASSWORD"; }; f'
)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Mirrors and checkouts under a cache directory; any number of processes may ask at once."""

    layout: paths.Layout
    remote: str  # template of a clone URL with {repo}, {owner}, {name}
    workers: int = 1  # processes that scan a commit's files
    cache_bytes: int | None = None  # the most that analyses of files may take on disk; None: no limit

    def tree(self, repo: str, commit: str) -> Tree:
        """The commit, read from the mirror. Clones or fetches when it is not there yet."""
        mirror, home = self.mirror(repo, commit), self.layout.blob_cache
        return Tree(mirror, repo, commit, home, cache_bytes=self.cache_bytes, workers=self.workers)

    def mirror(self, repo: str, commit: str) -> Path:
        """The bare mirror, holding `commit`.

        Raises ArtifactError when the remote cannot be cloned or does not have the commit.
        """
        mirror = self.layout.mirror(repo)
        if _has(mirror, commit):
            return mirror
        with locked(mirror.with_suffix(".lock")):
            if not mirror.is_dir():
                self._clone(repo, mirror)
            if not _has(mirror, commit):
                self._fetch(repo, commit, mirror)
        return mirror

    def holds(self, repo: str, commits: Collection[str]) -> bool:
        """Whether the mirror is there with all of these commits, so that nothing has to be fetched."""
        return _has(self.layout.mirror(repo), *commits)

    def require_remote(self, repo: str, timeout_s: float) -> None:
        """Raise ArtifactError unless what `repo` is cloned from lists its branches in time."""
        shown = without_passwords(self.url(repo))
        remedy = "workspace.remote says where repositories are cloned from"
        url, env = _password_apart(self.url(repo))
        try:
            done = try_git("ls-remote", "--heads", "--", url, env=env, timeout_s=timeout_s)
        except subprocess.TimeoutExpired:
            raise ArtifactError(f"{shown} does not answer within {timeout_s:g} s: {remedy}") from None
        if done.returncode != 0:
            said = without_passwords(done.stderr.decode(errors="replace").strip()) or "no reason given"
            raise ArtifactError(f"{shown} cannot be read ({said.splitlines()[0]}): {remedy}")

    def worktree(self, repo: str, commit: str) -> Path:
        """A checkout of `commit` that shares the mirror's objects: for reading, never for an agent."""
        mirror, path = self.mirror(repo, commit), self.layout.worktree(repo, commit)
        complete = path.with_name(f"{path.name}.complete")
        if complete.exists():  # on a shared cache that cannot be written to, either
            with suppress(OSError):
                complete.touch()  # task=clean removes what nobody asked for in a while
            return path
        with locked(mirror.with_suffix(".lock")):
            if not complete.exists():
                shutil.rmtree(path, ignore_errors=True)  # half of one, from a process that was killed
                git("--git-dir", mirror, "worktree", "prune")
                git("--git-dir", mirror, "worktree", "add", "--force", "--detach", path, commit)
                complete.touch()
        return path

    def agent_checkout(self, repo: str, commit: str, destination: Path) -> None:
        """Check out `commit` alone at `destination`: no other history, no remote, no path of this machine.

        A shallow fetch keeps the commit's own id, which evaluation scripts name.
        """
        mirror = self.mirror(repo, commit)
        git("init", "--quiet", "--template=", "--initial-branch=main", destination)
        upload = "git -c uploadpack.allowAnySHA1InWant=true upload-pack"
        git(
            *(
                "fetch",
                "--quiet",
                "--depth=1",
                "--no-tags",
                "--no-write-fetch-head",
                f"--upload-pack={upload}",
            ),
            *(f"file://{mirror.resolve()}", f"{commit}:refs/heads/main"),
            *("--update-head-ok",),
            cwd=destination,
        )
        git("reset", "--quiet", "--hard", "main", cwd=destination)
        shutil.rmtree(destination / ".git" / "logs", ignore_errors=True)

    def url(self, repo: str) -> str:
        """Where `repo` is cloned from."""
        owner, _, name = repo.partition("/")
        return paths.resolve(self.remote.format(repo=repo, owner=owner, name=name))

    def _clone(self, repo: str, mirror: Path) -> None:
        for leftover in mirror.parent.glob(f".{mirror.name}.*"):  # the lock is ours: its maker is dead
            shutil.rmtree(leftover, ignore_errors=True)
        aside = mirror.with_name(f".{mirror.name}.{os.getpid()}")
        log.info("cloning %s", without_passwords(self.url(repo)))
        url, env = _password_apart(self.url(repo))
        try:
            clone_bare(url, aside, env)
            _index_history(aside)
            aside.replace(mirror)
        except ArtifactError as error:
            words = f"{repo}: {error}; workspace.remote={self.remote} decides where it is cloned from"
            raise ArtifactError(without_passwords(words)) from None
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(aside)

    def _fetch(self, repo: str, commit: str, mirror: Path) -> None:
        log.info("fetching %s for commit %s", repo, commit[:10])
        url, env = _password_apart(self.url(repo))
        # named, and not discovered: a mirror that is damaged must not be taken for a repository around it
        commands = porcelain(Path.cwd(), {**env, "GIT_DIR": str(mirror.absolute())})
        from git import CommandError

        reason = ""
        for refs in (_REFS, [commit]):  # by its id: a commit that no branch or tag contains any more
            try:
                commands.fetch(url, *refs, quiet=True)
            except CommandError as error:
                reason = f" ({last_line(error)})"
            if _has(mirror, commit):
                break
        else:
            words = f"{repo}: {self.url(repo)} has no commit {commit}{reason}"
            raise ArtifactError(without_passwords(words))
        _index_history(mirror)


def _password_apart(url: str) -> tuple[str, dict[str, str]]:
    """The URL without user and password, and the environment by which git asks for them where they are wanted.

    What a command is given everybody on the machine can read, and git writes it into a clone before it has begun.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return url, {}
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host)), {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"credential.{parts.scheme}://{host}.helper",  # no other host is told
        "GIT_CONFIG_VALUE_0": _HELPER,
        "CONTEXTTUNE_GIT_USER": unquote(parts.username or ""),
        "CONTEXTTUNE_GIT_PASSWORD": unquote(parts.password or ""),
    }


def _index_history(mirror: Path) -> None:
    """Let git walk the history without unpacking its commits: a third of the time, and no result depends on it."""
    try_git("--git-dir", mirror, "commit-graph", "write", "--reachable")


def _has(mirror: Path, *commits: str) -> bool:
    if not mirror.is_dir():
        return False
    asked = "".join(f"{commit}^{{commit}}\n" for commit in commits).encode()
    said = try_git("--git-dir", mirror, "cat-file", "--batch-check", stdin=asked).stdout
    return said.count(b" commit ") == len(commits)
