"""The testbed of one attempt: created before it, diffed at its end, removed after it."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from contexttune.errors import InfraError
from contexttune.repos.commit_index import DIFF
from contexttune.repos.git import Tree
from contexttune.repos.workspace import Workspace
from contexttune.sandbox import scratch
from contexttune.sandbox.engine import TESTBED, Engine
from contexttune.sandbox.file_dates import set_dates
from contexttune.sandbox.local_sandbox import LocalSandbox
from contexttune.sandbox.patch_collection import PATCH_FILE, Patch, collect
from contexttune.sandbox.shells import COMMAND_FILE, CheckoutShell, ContainerShell, Shell
from contexttune.types import Instance

log = logging.getLogger(__name__)

_DIFF_TIMEOUT_S = 120.0
# A copy of the index, because an interrupted command may have left the original locked.
_DIFF = """
cd {testbed} || exit 1
i=$(mktemp -p /dev/shm 2>/dev/null || mktemp) || exit 1
cp .git/index "$i" 2>/dev/null || rm "$i"
export GIT_INDEX_FILE="$i"
git add --all --ignore-errors -- . ':(exclude,glob)**/__pycache__/**' ':(exclude){patch_file}' >/dev/null
r=$?; [ $r -gt 1 ] || {{ git {diff} {commit}; r=$?; }}
rm -f "$i"; exit $r
"""


class Testbed(Protocol):
    """The repository and the shell of one attempt."""

    @property
    def shell(self) -> Shell: ...

    @property
    def described(self) -> Mapping[str, Any]:
        """Fields for the attempt's record."""
        ...

    def diff(self) -> Patch:
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

    def diff(self) -> Patch:
        """Diff inside the container, because its git may run programs that the agent configured.

        It is relative to the commit that the container started with, which the harness applies patches to.
        """
        start = (self.engine.listing(self.shell.container) or [""])[0] or self.base_commit
        script = _DIFF.format(testbed=TESTBED, patch_file=PATCH_FILE, diff=" ".join(DIFF), commit=start)
        try:
            done = self.engine.execute(self.shell.container, script, timeout_s=_DIFF_TIMEOUT_S)
        except InfraError as error:
            self.shell.require_running(str(error))
            return Patch("", f"no patch was collected: {error}")  # its git is under the agent's control
        if done.returncode != 0:
            reason = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            self.shell.require_running(reason)
            return Patch("", f"no patch was collected: {reason or f'exit status {done.returncode}'}")
        return Patch(done.output.decode("utf-8", "surrogateescape"))

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
    stop: threading.Event | None = None  # ends the collection of a patch

    def diff(self) -> Patch:
        return collect(self.shell.sandbox, self.tree, self.stop)

    def files(self) -> frozenset[str]:
        return frozenset(self.tree.by_path)

    def require_space(self) -> None:
        try:
            with tempfile.TemporaryFile(dir=self.shell.sandbox.folder, buffering=0) as probe:
                probe.write(b"probe")
        except OSError as error:
            raise InfraError(f"no more can be written to {tempfile.gettempdir()}: {error.strerror}") from None


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
    workspace: Workspace,
    instance: Instance,
    label: str,
    bwrap: str | None,
    stop: threading.Event | None = None,
    **settings: Any,
) -> Iterator[CheckoutTestbed]:
    """A checkout in a scratch directory, in bubblewrap unless `bwrap` is None; `settings` are LocalSandbox's."""
    # without a sandbox the agent sees the directory's name, which must not differ between attempts
    folder = scratch.new(label) if bwrap else scratch.named(label, instance.instance_id)
    try:
        sandbox = LocalSandbox(folder=folder, bwrap=bwrap, **settings)
        sandbox.prepare()
        sandbox.write(COMMAND_FILE, b"")
        workspace.agent_checkout(instance.repo, instance.base_commit, sandbox.testbed)
        yield CheckoutTestbed(
            shell=CheckoutShell(sandbox=sandbox, date=set_dates(folder, sandbox.testbed)),
            described={"sandbox": "bwrap" if bwrap else "none"},
            tree=workspace.tree(instance.repo, instance.base_commit),
            stop=stop,
        )
    finally:
        scratch.remove(folder)
