"""Runs commands in a checkout on this machine: in bubblewrap or, if configured, without it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self

from contexttune.sandbox.bubblewrap import bwrap_command
from contexttune.sandbox.engine import TESTBED, Limits
from contexttune.sandbox.pid_namespace import PidNamespace
from contexttune.system import subprocesses
from contexttune.system.remove_tree import remove_tree
from contexttune.system.subprocesses import ExecResult

DEFAULT_LIMITS = Limits(memory_gb=8.0, pids_limit=2048)
_FILES = "/run"  # path of `files` in the sandbox


@dataclass(frozen=True, kw_only=True)
class LocalSandbox:
    """A scratch directory with a checkout (`testbed`), a home, a /tmp, and read-only `files`."""

    folder: Path
    bwrap: str | None  # path of bubblewrap; None: commands run on the bare machine
    user: str = "agent"
    variables: Mapping[str, str] = field(default_factory=dict)
    search_path: tuple[str, ...] = ()  # directories of PATH before the system's
    limits: Limits = DEFAULT_LIMITS  # of a command, in bubblewrap only
    checkout: Path | None = None  # None: `testbed` in the folder
    read_only: Mapping[str, Path] = field(default_factory=dict)  # further directories, inside -> outside

    @property
    def testbed(self) -> Path:
        return self.checkout or self.folder / "testbed"

    @contextmanager
    def beside(self, name: str, read_only: Mapping[str, Path]) -> Iterator[Self]:
        """Another sandbox with the same checkout, in a directory of its own that is removed."""
        folder = self.folder / name
        other = replace(
            self,
            folder=folder,
            checkout=self.testbed,
            read_only=read_only,
            variables={},
            search_path=tuple(f"{path}/bin" for path in read_only),
        )
        other.prepare()
        try:
            yield other
        finally:
            remove_tree(folder)

    def prepare(self) -> None:
        """Create the directories, except for the checkout."""
        for name in ("tmp", "home", "files/bin"):
            (self.folder / name).mkdir(parents=True)
        self.write("passwd", f"{self.user}:x:{os.getuid()}:{os.getgid()}::{self._home}:/bin/bash\n".encode())
        for name in ("python", "python3"):
            # a script and not a symlink, beside which Python would look for its virtual environment
            self.write(f"bin/{name}", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'.encode())
            (self.folder / "files" / "bin" / name).chmod(0o755)

    def write(self, name: str, content: bytes) -> None:
        """Write a file that commands find at `path(name)`."""
        (self.folder / "files" / name).write_bytes(content)

    def path(self, name: str) -> str:
        """The path of one of `files`, as commands see it."""
        return f"{_FILES if self.bwrap else self.folder / 'files'}/{name}"

    @property
    def testbed_path(self) -> str:
        """The path of the checkout, as commands see it."""
        return TESTBED if self.bwrap else str(self.testbed)

    @property
    def tmp_path(self) -> str:
        """The path of the directory for temporary files, as commands see it."""
        return "/tmp" if self.bwrap else str(self.folder / "tmp")  # noqa: S108

    def run(
        self,
        *command: str,
        timeout_s: float,
        limit_bytes: int,
        stop_event: threading.Event | None = None,
        stderr: int = subprocess.STDOUT,
    ) -> ExecResult:
        """Run a command in the checkout; in bubblewrap, none of its processes is left afterwards.

        Raises InfraError when `stop_event` is set, or processes do not end.
        """
        run = partial(
            subprocesses.run,
            cwd=self.testbed,
            stderr=stderr,
            start_new_session=True,
            timeout_s=timeout_s,
            limit_bytes=limit_bytes,
            stop_event=stop_event,
        )
        if not self.bwrap:
            return run(command, env=self._environment())
        with PidNamespace(folder=self.folder, limits=self.limits) as namespace:
            return run(
                self._sandboxed(self.bwrap, command, namespace),
                env={},
                pass_fds=namespace.pass_fds,
                guard=namespace,
            )

    @property
    def _home(self) -> str:
        return f"/home/{self.user}" if self.bwrap else str(self.folder / "home")

    def _environment(self) -> dict[str, str]:
        folders = (self.path("bin"), *self.search_path, "/usr/local/bin", "/usr/bin", "/bin")
        own = {"PATH": ":".join(folders), "HOME": self._home, "LANG": "C.UTF-8", "USER": self.user}
        return own | dict(self.variables)

    def _sandboxed(self, bwrap: str, command: tuple[str, ...], namespace: PidNamespace) -> list[str]:
        files = self.folder / "files"
        return bwrap_command(
            bwrap,
            *command,
            namespace=namespace,
            tmp=self.folder / "tmp",
            variables=self._environment(),
            writable={TESTBED: self.testbed, self._home: self.folder / "home"},
            read_only={_FILES: files, "/etc/passwd": files / "passwd", **self.read_only},
        )
