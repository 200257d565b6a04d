"""The testbed of one attempt: created before it, diffed at its end, removed after it."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from contexttune.errors import ArtifactError, InfraError
from contexttune.repos.commit_index import commit_index
from contexttune.repos.git import Tree, try_git
from contexttune.repos.workspace import Workspace
from contexttune.sandbox import scratch
from contexttune.sandbox.engine import TESTBED, Engine
from contexttune.sandbox.file_dates import set_dates
from contexttune.sandbox.local_sandbox import LocalSandbox
from contexttune.sandbox.shells import COMMAND_FILE, CheckoutShell, ContainerShell, Shell
from contexttune.system.remove_tree import open_up, remove_tree
from contexttune.types import Instance

log = logging.getLogger(__name__)

# The file that mini-swe-agent's prompts tell the agent to write its patch to.
_PATCH_FILE = "patch.txt"
_WITHOUT_BYTECODE = (".", ":(exclude,glob)**/__pycache__/**")
_ADD = ("add", "--all", "--ignore-errors", "--")
# so that a patch does not depend on the configuration of the user
_NO_USER_RULES = ("-c", "core.excludesFile=/dev/null", "-c", "core.attributesFile=/dev/null")
_DIFF_TIMEOUT_S = 120.0
# A copy of the index, because an interrupted command may have left the original locked.
_DIFF = """
cd {testbed} || exit 1
i=$(mktemp -p /dev/shm 2>/dev/null || mktemp) || exit 1
cp .git/index "$i" 2>/dev/null || rm "$i"
export GIT_INDEX_FILE="$i"
git add --all --ignore-errors -- . ':(exclude,glob)**/__pycache__/**' ':(exclude){patch_file}' >/dev/null 2>&1
git diff --cached --binary --no-color --no-ext-diff --no-renames {commit}
r=$?; rm -f "$i"; exit $r
"""


class DiffTimeout(InfraError):
    """A running container gave no diff in time: the tree may be huge, and its git is under the agent's control."""


class Testbed(Protocol):
    """The repository and the shell of one attempt."""

    @property
    def shell(self) -> Shell: ...

    @property
    def described(self) -> Mapping[str, Any]:
        """Fields for the attempt's record."""
        ...

    def diff(self) -> bytes:
        """`git diff --binary` of the tree against the base commit, new files included."""
        ...

    def files(self) -> frozenset[str]:
        """Paths of the files at the commit."""
        ...

    def require_space(self) -> None:
        """Raise InfraError when the disk is full."""
        ...


@dataclass(frozen=True, kw_only=True)
class ContainerTestbed:
    shell: ContainerShell
    described: Mapping[str, Any]
    engine: Engine
    base_commit: str

    def diff(self) -> bytes:
        """Diff inside the container, because its git may run programs that the agent configured.

        It is relative to the commit that the container started with, which the harness applies patches to.
        """
        start = (self.engine.listing(self.shell.container) or [""])[0] or self.base_commit
        script = _DIFF.format(testbed=TESTBED, patch_file=_PATCH_FILE, commit=start)
        try:
            done = self.engine.execute(self.shell.container, script, timeout_s=_DIFF_TIMEOUT_S)
        except InfraError as error:
            self.shell.require_running(str(error))
            raise DiffTimeout(str(error)) from None
        if done.returncode != 0:
            reason = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            self.shell.require_running(reason)
            log.warning("no diff of %s: %s", self.shell.container.name, reason)
            return b""  # an incomplete diff is useless
        return done.output

    def files(self) -> frozenset[str]:
        return frozenset(self.engine.listing(self.shell.container)[1:])

    def require_space(self) -> None:
        # with a limit, because the agent can replace `head` as well
        probe = f"ulimit -f 64; f=$(mktemp -p {TESTBED}) && LC_ALL=C head -c 4096 /dev/zero >$f; r=$?; rm -f $f; exit $r"
        done = self.engine.execute(self.shell.container, probe, timeout_s=_DIFF_TIMEOUT_S)
        if done.returncode != 0 and b"No space left" in done.stderr:
            raise InfraError("the disk of the container is full")


@dataclass(frozen=True, kw_only=True)
class CheckoutTestbed:
    shell: CheckoutShell
    described: Mapping[str, Any]
    tree: Tree

    def diff(self) -> bytes:
        """Diff of the agent's files with the mirror's repository, because the agent's own .git is not trusted."""
        try:
            return self._diff()
        except ArtifactError:
            self.require_space()  # git reports a full disk in several ways
            raise

    def _diff(self) -> bytes:
        worktree = self.shell.sandbox.testbed
        with commit_index(self.tree) as index:
            repository = ("--git-dir", self.tree.git_dir.resolve(), "--work-tree", worktree)
            is_tracked = _PATCH_FILE in self.tree.by_path
            paths = [*_WITHOUT_BYTECODE, *([] if is_tracked else [f":(exclude){_PATCH_FILE}"])]
            _remove_repositories(worktree)
            # a file that git cannot add (a pipe, an unreadable one) must not prevent adding the rest
            added = try_git(*repository, *_NO_USER_RULES, *_ADD, *paths, cwd=worktree, env=index.env)
            if b"No space left" in added.stderr:
                raise InfraError("the disk is full")
            return index.diff().encode("utf-8", "surrogateescape")

    def files(self) -> frozenset[str]:
        return frozenset(self.tree.by_path)

    def require_space(self) -> None:
        try:
            with tempfile.TemporaryFile(dir=self.shell.sandbox.folder, buffering=0) as probe:
                probe.write(b"probe")
        except OSError as error:
            raise InfraError(f"no more can be written to {tempfile.gettempdir()}: {error.strerror}") from None


def _remove_repositories(worktree: Path) -> None:
    """Remove every .git, because git runs programs that the settings of a nested repository name.

    Directories without permissions are opened first. Raises ArtifactError when a repository cannot be removed.
    """
    left = [worktree]
    while left:
        folder = left.pop()
        with suppress(OSError):  # a path that is too long for the kernel is too long for git as well
            open_up(folder)
            entries = [entry for entry in os.scandir(folder) if entry.name != ".git"]
            left += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        if not remove_tree(folder / ".git"):
            raise ArtifactError(f"{folder / '.git'} cannot be removed, and git must not see it")


@contextmanager
def container_testbed(
    engine: Engine, instance: Instance, label: str, variables: Mapping[str, str], *, login: bool = False
) -> Iterator[ContainerTestbed]:
    """A container of the instance's own image. Raises InfraError when it does not start."""
    with engine.container(instance.image, label, instance.instance_id) as container:
        yield ContainerTestbed(
            shell=ContainerShell(container=container, variables=variables, login=login),
            described={
                "image": instance.image,
                "image_digest": engine.digest(instance.image),
                "engine": engine.name,
            },
            engine=engine,
            base_commit=instance.base_commit,
        )


@contextmanager
def checkout_testbed(
    workspace: Workspace, instance: Instance, label: str, bwrap: str | None, variables: Mapping[str, str]
) -> Iterator[CheckoutTestbed]:
    """A checkout in a scratch directory, in bubblewrap unless `bwrap` is None."""
    # without a sandbox the agent sees the directory's name, which must not differ between attempts
    folder = scratch.new(label) if bwrap else scratch.named(label, instance.instance_id)
    try:
        sandbox = LocalSandbox(folder=folder, bwrap=bwrap, variables=variables)
        sandbox.prepare()
        sandbox.write(COMMAND_FILE, b"")
        workspace.agent_checkout(instance.repo, instance.base_commit, sandbox.testbed)
        yield CheckoutTestbed(
            shell=CheckoutShell(sandbox=sandbox, date=set_dates(folder, sandbox.testbed)),
            described={"sandbox": "bwrap" if bwrap else "none"},
            tree=workspace.tree(instance.repo, instance.base_commit),
        )
    finally:
        scratch.remove(folder)
