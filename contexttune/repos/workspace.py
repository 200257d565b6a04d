"""Local repositories: a bare mirror each, and checkouts of single commits."""

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
from contexttune.repos.git import Tree, git, network, reason, try_git
from contexttune.repos.porcelain import clone_bare, porcelain, reason_of
from contexttune.system.files import locked
from contexttune.system.redaction import without_passwords

log = logging.getLogger(__name__)

_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# a credential helper, which git runs in a shell
_HELPER = (
    '!f() { printf \'username=%s\\npassword=%s\\n\' "$CONTEXTTUNE_GIT_USER" "$CONTEXTTUNE_GIT_PASSWORD"; }; f'
)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Mirrors and checkouts under a cache directory, which concurrent processes can share."""

    layout: paths.Layout
    remote: str  # template of a clone URL with {repo}, {owner}, {name}
    cache_bytes: int | None = None  # limit of the cache of file analyses; None for no limit

    def tree(self, repo: str, commit: str) -> Tree:
        """The commit, read from the mirror, which is cloned or fetched if necessary."""
        mirror, home = self.mirror(repo, commit), self.layout.blob_cache
        return Tree(mirror, repo, commit, home, cache_bytes=self.cache_bytes)

    def mirror(self, repo: str, commit: str) -> Path:
        """The bare mirror, with `commit` in it.

        Raises ArtifactError when the remote cannot be cloned or does not have the commit.
        """
        for name, value in (("repo", repo), ("base_commit", commit)):
            _require_no_option(name, value)
        mirror = self.layout.mirror(repo)
        if not _has(mirror, commit):
            self._make(repo, commit, mirror)
        self._require_history(repo, mirror)
        return mirror

    def _make(self, repo: str, commit: str, mirror: Path) -> None:
        """Clone the mirror or fetch the commit, unless another process has done so."""
        with locked(mirror.with_suffix(".lock")):
            if not mirror.is_dir():
                self._clone(repo, mirror)
            if not _has(mirror, commit):
                self._fetch(repo, commit, mirror)

    def _require_history(self, repo: str, mirror: Path) -> None:
        """Raise ArtifactError for a shallow mirror: contexts made of a part of the history are other contexts."""
        if _is_shallow(mirror):
            raise ArtifactError(
                f"{repo}: {without_passwords(self.url(repo))} is a shallow clone, and contexts need the whole history: run "
                f"`git fetch --unshallow` there and delete {mirror}"
            )

    def holds(self, repo: str, commits: Collection[str]) -> bool:
        """Whether the mirror exists and has all of these commits, so that nothing has to be fetched."""
        return _has(self.layout.mirror(repo), *commits)

    def require_remote(self, repo: str, timeout_s: float) -> None:
        """Raise ArtifactError unless the remote of `repo` lists its branches in time."""
        shown = without_passwords(self.url(repo))
        remedy = "check workspace.remote, the URL that repositories are cloned from"
        url, env = _split_password(self.url(repo))
        try:
            done = try_git(
                "ls-remote", "--heads", "--", url, env=env, timeout_s=timeout_s, process_group=None
            )
        except subprocess.TimeoutExpired:
            raise ArtifactError(f"{shown} does not answer within {timeout_s:g} s: {remedy}") from None
        if done.returncode != 0:
            words = without_passwords(reason(done.stderr.decode(errors="replace"), done.returncode))
            raise ArtifactError(f"{shown} cannot be read ({words}): {remedy}")
        if _is_shallow(Path(url.removeprefix("file://"))):
            raise ArtifactError(f"{shown} is a shallow clone: run `git fetch --unshallow` there, or {remedy}")

    def agent_checkout(self, repo: str, commit: str, destination: Path) -> None:
        """Check out `commit` at `destination`, without other history, remotes or paths of this machine.

        A shallow fetch keeps the id of the commit, which evaluation scripts use.
        """
        mirror = self.mirror(repo, commit)
        git("init", "--quiet", "--template=", "--initial-branch=main", destination)
        upload = "GIT_ALLOW_PROTOCOL=none git -c uploadpack.allowAnySHA1InWant=true upload-pack"
        options = ("--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--update-head-ok")
        source = (f"--upload-pack={upload}", "--", f"file://{mirror.resolve()}", f"{commit}:refs/heads/main")
        git("fetch", *options, *source, cwd=destination, env=network())
        git("reset", "--quiet", "--hard", "main", cwd=destination)
        shutil.rmtree(destination / ".git" / "logs", ignore_errors=True)

    def url(self, repo: str) -> str:
        """The URL that `repo` is cloned from. Raises ArtifactError for one that git would take as an option."""
        owner, _, name = repo.partition("/")
        url = paths.resolve(self.remote.format(repo=repo, owner=owner, name=name))
        _require_no_option("workspace.remote", url)
        return url

    def _clone(self, repo: str, mirror: Path) -> None:
        for leftover in mirror.parent.glob(
            f".{mirror.name}.*"
        ):  # its process was killed, or it would have the lock
            shutil.rmtree(leftover, ignore_errors=True)
        partial = mirror.with_name(f".{mirror.name}.{os.getpid()}")
        log.info("cloning %s", without_passwords(self.url(repo)))
        url, env = _split_password(self.url(repo))
        try:
            clone_bare(url, partial, env)
            _index_history(partial)
            partial.replace(mirror)
        except ArtifactError as error:
            words = f"{repo}: {error}; check workspace.remote={self.remote}"
            raise ArtifactError(without_passwords(words)) from None
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(partial)

    def _fetch(self, repo: str, commit: str, mirror: Path) -> None:
        log.info("fetching %s for commit %s", repo, commit[:10])
        url, env = _split_password(self.url(repo))
        _require_plain_remotes(mirror)
        # without GIT_DIR, git would use a repository around a damaged mirror
        commands = porcelain(Path.cwd(), {**env, "GIT_DIR": str(mirror.absolute())})
        from git import CommandError

        words = ""
        for refs in (_REFS, [commit]):  # fetched by its id: a commit that no branch or tag contains any more
            try:
                commands.fetch("--", url, *refs, quiet=True)
            except CommandError as error:
                words = f" ({reason_of(error)})"
            if _has(mirror, commit):
                break
        else:
            raise ArtifactError(without_passwords(f"{repo}: {self.url(repo)} has no commit {commit}{words}"))
        _index_history(mirror)


def _require_plain_remotes(mirror: Path) -> None:
    """Raise ArtifactError for a remote that names a program, which git would run for a missing object."""
    programs = r"^remote\..*\.(uploadpack|receivepack|vcs)$"
    found = try_git("config", "--file", mirror / "config", "--includes", "--get-regexp", programs).stdout
    if found:
        name = found.split()[0].decode(errors="replace")
        raise ArtifactError(f"{mirror} has the setting {name}, which runs a program: remove it or the mirror")


def _require_no_option(key: str, value: str) -> None:
    """Raise ArtifactError for a value that git, or a program that git starts, would take as an option."""
    if value.startswith("-") or "://-" in value:
        raise ArtifactError(
            f"{key}={value!a} begins with '-', which git takes as an option: set another {key}"
        )


def _split_password(url: str) -> tuple[str, dict[str, str]]:
    """The URL without user and password, and the environment in which git asks for them when they are needed.

    Arguments of a command can be read by all users of the machine, and git writes the URL into a clone as it begins.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return url, network()
    host = parts.netloc.rpartition("@")[2]
    helper = (f"credential.{parts.scheme}://{host}.helper", _HELPER)  # for this host only
    return urlunsplit(parts._replace(netloc=host)), {
        **network([helper]),
        "CONTEXTTUNE_GIT_USER": unquote(parts.username or ""),
        "CONTEXTTUNE_GIT_PASSWORD": unquote(parts.password or ""),
    }


def _is_shallow(repository: Path) -> bool:
    return (repository / "shallow").exists() or (repository / ".git" / "shallow").exists()


def _index_history(mirror: Path) -> None:
    """Write a commit graph, with which git walks the history in a third of the time."""
    try_git("--git-dir", mirror, "commit-graph", "write", "--reachable")


def _has(mirror: Path, *commits: str) -> bool:
    if not mirror.is_dir():
        return False
    request = "".join(f"{commit}^{{commit}}\n" for commit in commits).encode()
    reply = try_git("--git-dir", mirror, "cat-file", "--batch-check", stdin=request).stdout
    return reply.count(b" commit ") == len(commits)
