"""Git commands, and the blobs of a commit read without a checkout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple, TypeVar

from contexttune.errors import ArtifactError

T = TypeVar("T")
_PIPE_BYTES = 1 << 20  # Linux's limit for ordinary users: with less, git and its reader wait for each other

# Settings of a mirror that name programs, which others may have written into a shared cache.
_NO_PROGRAMS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.sshCommand", "ssh"),
    ("core.askPass", ""),
    ("core.alternateRefsCommand", ""),
    ("credential.helper", ""),  # empties the list
    ("log.showSignature", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)
# The user's and the system's configuration must not change what an experiment sees.
_ENV = {
    "GIT_ALLOW_PROTOCOL": "none",  # nothing is fetched, unless a command is there to do so
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}

_DEFAULTS = {"GIT_PROXY_COMMAND": ""}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this process, in which git obeys neither the user's settings nor programs of a mirror's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _NETWORK}
    return settings(_NO_PROGRAMS) | _DEFAULTS | kept | _ENV | dict(extra or {})


def settings(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Variables that give git these settings, which take precedence over those of files."""
    variables = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def network(pairs: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Variables for a command that clones or fetches, with further settings."""
    return {"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", **settings((*_NO_PROGRAMS, *pairs))}


_NETWORK = {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_PROXY_COMMAND"}


def git(
    *args: str | Path, cwd: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> bytes:
    """Standard output of `git *args`. Raises ArtifactError with git's reason."""
    done = try_git(*args, cwd=cwd, stdin=stdin, env=env)
    if done.returncode != 0:
        raise ArtifactError(
            f"git {args[0]} failed: {reason(done.stderr.decode(errors='replace'), done.returncode)}"
        )
    return done.stdout


def reason(errors: str, status: object) -> str:
    """The line of git's error output that gives the reason: its first `fatal:`, which advice may follow."""
    lines = [line for line in errors.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal: ")]
    return (fatal or lines[-1:] or [f"exit status {status}"])[0].strip()


def try_git(
    *args: str | Path,
    cwd: Path | None = None,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    process_group: int | None = 0,
) -> subprocess.CompletedProcess[bytes]:
    """Run `git *args` without checking its exit status. Raises subprocess.TimeoutExpired.

    In a process group of its own, so that a signal to the program's does not make its work in threads fail; None where
    git may have to ask at the terminal.
    """
    return subprocess.run(
        ["git", *map(str, args)],
        cwd=cwd,
        input=stdin,
        env=environment(env),
        capture_output=True,
        check=False,
        timeout=timeout_s,
        process_group=process_group,
    )


def is_file(mode: str) -> bool:
    """Whether a mode of git is that of a regular file."""
    return mode.startswith("100")


class Entry(NamedTuple):
    """A path in a tree. Modes are 100644, 100755, 120000 (symlink) and 160000 (submodule)."""

    path: str  # `/`-separated; bytes that are not UTF-8 are surrogate-escaped
    mode: str
    blob: str  # SHA-1 of the object

    @property
    def is_file(self) -> bool:
        return is_file(self.mode)


@dataclass(frozen=True)
class Tree:
    """A commit, read from the object store of a repository, without later commits."""

    git_dir: Path
    repo: str
    commit: str
    blob_cache: Path | None = None  # sqlite file that keeps facts about single blobs, for all repositories
    cache_bytes: int | None = None  # size limit of that file; None: no limit
    _shared: dict[Callable[[Tree], Any], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def shared(self, make: Callable[[Tree], T]) -> T:
        """`make(self)`, called once per tree and `make`, so that the signals of a commit share the result."""
        if make not in self._shared:
            self._shared[make] = make(self)
        found: T = self._shared[make]
        return found

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every path of the commit, in git's order (bytewise)."""
        listing = git("--git-dir", self.git_dir, "ls-tree", "-r", "-z", "--full-tree", self.commit)
        return tuple(
            [_entry(line) for line in listing.decode("utf-8", "surrogateescape").split("\0") if line]
        )

    @cached_property
    def by_path(self) -> Mapping[str, Entry]:
        return {entry.path: entry for entry in self.entries}

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """(sha, content) of each blob, through one `git cat-file --batch` that runs while they are used.

        Raises ArtifactError when the repository lacks one.
        """
        wanted = list(blobs)
        if not wanted:
            return
        command = ["git", "--git-dir", str(self.git_dir), "cat-file", "--batch", "--buffer"]
        with TemporaryFile() as names:  # not a pipe: git and its reader would wait for each other
            names.write("".join(f"{sha}\n" for sha in wanted).encode())
            names.seek(0)
            process = subprocess.Popen(
                command,
                stdin=names,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
                pipesize=_PIPE_BYTES,
            )
        with process:
            assert process.stdout is not None
            try:
                for sha in wanted:
                    header = process.stdout.readline().split()  # name, type, size
                    n_bytes = int(header[2]) if len(header) == 3 else -1
                    content = process.stdout.read(n_bytes + 1)  # with a newline
                    if n_bytes < 0 or len(content) != n_bytes + 1:
                        raise ArtifactError(f"{self.repo}: object {sha} is missing from {self.git_dir}")
                    yield sha, content[:-1]
            finally:
                process.kill()  # it may wait for a reader that has stopped reading

    def text(self, path: str) -> str | None:
        """Text of a file, with undecodable bytes replaced; None when the commit has no such file."""
        entry = self.by_path.get(path)
        if entry is None or not entry.is_file:
            return None
        ((_, content),) = self.read([entry.blob])
        return content.decode(errors="replace")


def _entry(line: str) -> Entry:
    meta, _, path = line.partition("\t")
    mode, _, blob = meta.split(" ")
    return Entry(path, mode, blob)
