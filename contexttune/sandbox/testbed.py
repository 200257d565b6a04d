"""Where an attempt happens, from the outside: made before it, asked for its diff, removed after it."""

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
from contexttune.sandbox.bubblewrap import write_interpreter
from contexttune.sandbox.engine import TESTBED, Engine
from contexttune.sandbox.file_dates import settle_dates
from contexttune.sandbox.shells import COMMAND_FILE, CheckoutShell, ContainerShell, Shell
from contexttune.system.remove_tree import open_up, remove_tree
from contexttune.types import Instance

log = logging.getLogger(__name__)

# The file that mini-swe-agent's prompts tell the agent to put its patch in: not a part of the patch.
_SCRATCH_FILE = "patch.txt"
_UNWANTED = (".", ":(exclude,glob)**/__pycache__/**")  # what running Python leaves behind is no change either
_ADD = ("add", "--all", "--ignore-errors", "--")
# Ignore rules and attributes of the user who runs us must not decide what a patch holds.
_NO_HABITS = ("-c", "core.excludesFile=/dev/null", "-c", "core.attributesFile=/dev/null")
_DIFF_TIMEOUT_S = 120.0
# With an index of its own: a command that was cut off may have left the tree's locked.
_DIFF = """
cd {testbed} || exit 1
i=$(mktemp -p /dev/shm 2>/dev/null || mktemp) || exit 1
cp .git/index "$i" 2>/dev/null || rm "$i"
export GIT_INDEX_FILE="$i"
git add --all --ignore-errors -- . ':(exclude,glob)**/__pycache__/**' ':(exclude){scratch}' >/dev/null 2>&1
git diff --cached --binary --no-color --no-ext-diff --no-renames {commit}
r=$?; rm -f "$i"; exit $r
"""


class EndlessDiff(InfraError):
    """The tree could not be read in time in a place that runs: it may be huge, and the git in there is the agent's."""


class Place(Protocol):
    """A place for one attempt."""

    @property
    def shell(self) -> Shell: ...

    @property
    def described(self) -> Mapping[str, Any]: ...

    def diff(self) -> bytes:
        """`git diff --binary` of the tree against the base commit, new files included."""
        ...

    def files(self) -> frozenset[str]:
        """Paths that the commit holds."""
        ...

    def require_space(self) -> None:
        """Raise InfraError when nothing more can be written here."""
        ...


@dataclass(frozen=True, kw_only=True)
class ContainerPlace:
    shell: ContainerShell
    described: Mapping[str, Any]
    engine: Engine
    base_commit: str

    def diff(self) -> bytes:
        """Taken inside the container: its git may run what the agent has configured, and only there.

        Against the commit that the container started with, because that is what the harness applies patches to.
        """
        start = self.engine.first_commit(self.shell.container) or self.base_commit
        script = _DIFF.format(testbed=TESTBED, scratch=_SCRATCH_FILE, commit=start)
        try:
            done = self.engine.execute(self.shell.container, script, timeout_s=_DIFF_TIMEOUT_S)
        except InfraError as error:
            self.shell.require_running(str(error))
            raise EndlessDiff(str(error)) from None
        if done.returncode != 0:
            words = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            self.shell.require_running(words)
            log.warning("what the tree of %s holds cannot be read: %s", self.shell.container.name, words)
            return b""  # half of a diff is none
        return done.stdout

    def files(self) -> frozenset[str]:
        """As the container's first process listed them, before any command of the agent's."""
        return self.engine.first_files(self.shell.container)

    def require_space(self) -> None:
        """Without space no patch can be written, and its absence measures nothing."""
        # bounded, because also `head` is the agent's to replace
        probe = f"ulimit -f 64; f=$(mktemp -p {TESTBED}) && LC_ALL=C head -c 4096 /dev/zero >$f; r=$?; rm -f $f; exit $r"
        done = self.engine.execute(self.shell.container, probe, timeout_s=_DIFF_TIMEOUT_S)
        if done.returncode != 0 and b"No space left" in done.stderr:
            raise InfraError("the disk of the container is full")


@dataclass(frozen=True, kw_only=True)
class CheckoutPlace:
    shell: CheckoutShell
    described: Mapping[str, Any]
    tree: Tree

    def diff(self) -> bytes:
        """Taken with the mirror's repository over the agent's files: the agent's own .git is never obeyed."""
        try:
            return self._diff()
        except ArtifactError:
            self.require_space()  # git has several ways of saying that the disk is full
            raise

    def _diff(self) -> bytes:
        worktree = self.shell.scratch / "testbed"
        with commit_index(self.tree) as index:
            base = ("--git-dir", self.tree.git_dir.resolve(), "--work-tree", worktree)
            tracked = _SCRATCH_FILE in self.tree.by_path
            spared = [] if tracked else [f":(exclude){_SCRATCH_FILE}"]
            _forget_repositories(worktree)
            # what git cannot take (a pipe, a file it may not read) is no reason to lose the rest
            added = try_git(*base, *_NO_HABITS, *_ADD, *_UNWANTED, *spared, cwd=worktree, env=index.env)
            if b"No space left" in added.stderr:
                raise InfraError("the disk is full")
            return index.diff().encode("utf-8", "surrogateescape")

    def files(self) -> frozenset[str]:
        return frozenset(self.tree.by_path)

    def require_space(self) -> None:
        try:
            with tempfile.TemporaryFile(dir=self.shell.scratch, buffering=0) as probe:
                probe.write(b"probe")
        except OSError as error:
            raise InfraError(f"no more can be written to {tempfile.gettempdir()}: {error.strerror}") from None


def _forget_repositories(worktree: Path) -> None:
    """Remove every .git: git would ask the agent's repositories for their state, by programs that they name.

    Also where a directory was closed, into which git may get by a name that it knows. Raises ArtifactError when one stays.
    """
    left = [worktree]
    while left:
        folder = left.pop()
        with suppress(OSError):  # a path too long for the kernel is one for git as well
            open_up(folder)
            entries = [entry for entry in os.scandir(folder) if entry.name != ".git"]
            left += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        if not remove_tree(folder / ".git"):
            raise ArtifactError(f"{folder / '.git'} cannot be removed, and git must not see it")


@contextmanager
def container_place(
    engine: Engine, instance: Instance, label: str, variables: Mapping[str, str], *, login: bool = False
) -> Iterator[ContainerPlace]:
    """A container of the instance's own image. Raises InfraError when there is none."""
    with engine.container(instance.image, label, instance.instance_id) as container:
        yield ContainerPlace(
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
def checkout_place(
    workspace: Workspace, instance: Instance, label: str, bwrap: str | None, variables: Mapping[str, str]
) -> Iterator[CheckoutPlace]:
    """An agent checkout in a scratch directory, in bubblewrap unless `bwrap` is None."""
    # without a sandbox the agent sees its name, which must be the same in every attempt
    folder = scratch.new(label) if bwrap else scratch.named(label, instance.instance_id)
    try:
        for name in ("tmp", "home", "bin"):
            (folder / name).mkdir()
        write_interpreter(folder / "bin")
        user = f"agent:x:{os.getuid()}:{os.getgid()}::/home/agent:/bin/bash\n"
        (folder / "passwd").write_text(user)
        (folder / COMMAND_FILE).touch()
        workspace.agent_checkout(instance.repo, instance.base_commit, folder / "testbed")
        date = settle_dates(folder, folder / "testbed")
        yield CheckoutPlace(
            shell=CheckoutShell(bwrap=bwrap, scratch=folder, variables=variables, date=date),
            described={"sandbox": "bwrap" if bwrap else "none"},
            tree=workspace.tree(instance.repo, instance.base_commit),
        )
    finally:
        scratch.remove(folder)
