"""Git commands, and the blobs of a commit read without a checkout."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from contexttune.errors import ArtifactError

_HEADER_BYTES = 80  # of `cat-file --batch`: name, type, size
_LEAST_BYTES = 500  # cost of a file of no size, when work is divided by size
_PAUSE_S = 0.0005

# The user's and the system's configuration must not change what an experiment sees.
_ENV = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this process without variables that point git to another repository."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _NETWORK}
    return kept | _ENV | dict(extra or {})


_NETWORK = {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_PROXY_COMMAND"}


def git(
    *args: str | Path, cwd: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> bytes:
    """Standard output of `git *args`. Raises ArtifactError with the last line of its error output."""
    done = try_git(*args, cwd=cwd, stdin=stdin, env=env)
    if done.returncode != 0:
        raise ArtifactError(_failure(args, done.stderr, done.returncode))
    return done.stdout


def _failure(args: Sequence[str | Path], stderr: bytes, status: int) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return f"git {args[0]} failed: {lines[-1] if lines else f'exit status {status}'}"


def try_git(
    *args: str | Path,
    cwd: Path | None = None,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run `git *args` without checking its exit status. Raises subprocess.TimeoutExpired."""
    return subprocess.run(
        ["git", *map(str, args)],
        cwd=cwd,
        input=stdin,
        env=environment(env),
        capture_output=True,
        check=False,
        timeout=timeout_s,
    )


class Running:
    """A git command in the background.

    Its output goes to a temporary file: a pipe would have to be emptied by a thread, which would wait for the
    interpreter lock.
    """

    def __init__(self, *args: str | Path, stdin: bytes = b"") -> None:
        self._command, self._parent = ["git", *map(str, args)], os.getpid()
        self._out, self._err = TemporaryFile(), TemporaryFile()  # noqa: SIM115 -- `output` closes them
        with TemporaryFile() as source:
            source.write(stdin)
            source.seek(0)
            self._process = subprocess.Popen(
                self._command, stdin=source, stdout=self._out, stderr=self._err, env=environment()
            )

    def output(self) -> bytes:
        """Wait, then return standard output. Can be called once. Raises ArtifactError when git fails."""
        with self._out:
            self.end()
            self._out.seek(0)
            return self._out.read()

    def end(self) -> None:
        """Wait. Raises ArtifactError when git fails."""
        status = self._process.wait()
        with self._err:
            self._err.seek(0)
            if status != 0:
                raise ArtifactError(_failure(self._command[1:], self._err.read(), status))

    def bytes_at(self, start: int, n_bytes: int) -> bytes:
        """Up to `n_bytes` of the output written so far."""
        return os.pread(self._out.fileno(), n_bytes, start)

    @property
    def is_alive(self) -> bool:
        """Whether it may still write. Always true in forked processes, which cannot wait for it."""
        return os.getpid() != self._parent or self._process.poll() is None


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
    """A commit, read from the object store of a repository, without its future."""

    git_dir: Path
    repo: str
    commit: str
    blob_cache: Path | None = None  # directory for analyses of blobs, shared by all repositories
    cache_bytes: int | None = None  # limit of that directory; None for no limit
    workers: int = 1  # processes that may work on this commit

    @property
    def is_listed(self) -> bool:
        """Whether `entries` are in memory."""
        return "entries" in self.__dict__

    def start_listing(self) -> None:
        """Start listing the entries in the background."""
        if not self.is_listed:
            _ = self._listing

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Set the entries of this commit, in git's order, instead of asking git."""
        self.__dict__["entries"] = tuple(entries)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every path of the commit, in git's order (bytewise)."""
        out = self._listing.output()
        del self.__dict__["_listing"]  # so that the tree can be pickled, which a process cannot
        return entries_of(out)

    @cached_property
    def _listing(self) -> Running:
        return Running("--git-dir", self.git_dir, "ls-tree", "-r", "-z", "--full-tree", self.commit)

    @cached_property
    def by_path(self) -> Mapping[str, Entry]:
        return {entry.path: entry for entry in self.entries}

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """(sha, content) of each blob, from one `git cat-file --batch`."""
        return iter(self.start_reading(blobs))

    def start_reading(self, blobs: Iterable[str]) -> Contents:
        """Start reading blobs in the background."""
        return Contents(self, list(blobs))

    def text(self, path: str) -> str | None:
        """Text of a file, with undecodable bytes replaced; None when the commit has no such file."""
        entry = self.by_path.get(path)
        if entry is None or not entry.is_file:
            return None
        ((_, content),) = self.read([entry.blob])
        return content.decode(errors="replace")


class Contents:
    """Blobs that git writes to a file, each readable as soon as it is written, also by forked processes."""

    def __init__(self, tree: Tree, wanted: Sequence[str]) -> None:
        self._missing = f"{tree.repo}: object %s is missing from {tree.git_dir}"
        self._wanted = wanted
        self._git: Running | None = None
        if wanted:
            request = "".join(f"{sha}\n" for sha in wanted).encode()
            command = ("--git-dir", tree.git_dir, "cat-file", "--batch", "--buffer")
            self._git = Running(*command, stdin=request)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """(sha, content) of each. Raises ArtifactError when the repository lacks one."""
        return self.share(0, 1, frozenset())

    def share(self, number: int, of: int, without: Container[str]) -> Iterator[tuple[str, bytes]]:
        """The blobs of one of several readers, which divide all blobs but `without` by size."""
        if self._git is None:
            return
        loads, at = [0] * of, 0
        for sha in self._wanted:
            start, size = self._header(at, sha)
            at = start + size + 1
            if sha in without:
                continue
            taker = loads.index(min(loads))
            loads[taker] += size + _LEAST_BYTES
            if taker == number:
                yield sha, self._bytes(start, size)
        if number == 0:
            self._git.end()

    def _header(self, at: int, sha: str) -> tuple[int, int]:
        """(start, size) of the content after the header at `at`."""
        line = b""
        while b"\n" not in line:
            n_bytes = len(line) + 1
            line = self._bytes(at, max(n_bytes, _HEADER_BYTES), n_bytes)
        header = line[: line.index(b"\n")]
        words = header.split()
        if len(words) != 3:
            raise ArtifactError(self._missing % sha)
        return at + len(header) + 1, int(words[2])

    def _bytes(self, at: int, n_bytes: int, least: int | None = None) -> bytes:
        """Up to `n_bytes` from `at`; waits until git has written `least` of them (default: all)."""
        git, least = self._git, n_bytes if least is None else least
        assert git is not None
        while True:
            alive = git.is_alive  # checked first, so that everything git wrote before it ended is read below
            found = git.bytes_at(at, n_bytes)
            if len(found) >= least:
                return found
            if not alive:
                git.end()
                raise ArtifactError(self._missing % "that git was asked for")
            time.sleep(_PAUSE_S)


def entries_of(listing: bytes) -> tuple[Entry, ...]:
    """Parse the output of `git ls-tree -z`."""
    return tuple([_entry(line) for line in listing.decode("utf-8", "surrogateescape").split("\0") if line])


def _entry(line: str) -> Entry:
    meta, _, path = line.partition("\t")
    mode, _, blob = meta.split(" ")
    return Entry(path, mode, blob)
