"""Bubblewrap command lines: one directory as /testbed, a read-only system, no network."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from contexttune.errors import PreflightError
from contexttune.sandbox.engine import HOSTNAME, TESTBED, Limits
from contexttune.sandbox.pid_namespace import PidNamespace

_SHARED_BYTES = 1_000_000_000  # of /dev/shm
_FILE_BYTES = 20_000_000_000  # the size of one file, however sparse
_LIMITED = f'ulimit -c 0; ulimit -f {_FILE_BYTES // 512}; exec "$@"'  # of core dumps and of files, in blocks
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")  # symlinks into /usr on merged systems
_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "nsswitch.conf")


@functools.cache
def bwrap_works(bwrap: str) -> bool:
    """Whether the kernel lets bubblewrap create its namespaces and filter system calls."""
    with (
        suppress(PreflightError),
        PidNamespace(folder=Path(tempfile.gettempdir()), limits=Limits()) as namespace,
    ):
        probe = [bwrap, "--unshare-all", "--die-with-parent", *namespace.flags, *system_flags(), "true"]
        done = subprocess.run(probe, capture_output=True, check=False, pass_fds=namespace.pass_fds)
        return done.returncode == 0
    return False


def find_bwrap() -> str | None:
    """The path of a working bubblewrap, or None."""
    found = shutil.which("bwrap")
    return found if found and bwrap_works(found) else None


def bwrap_command(
    bwrap: str,
    *command: str,
    namespace: PidNamespace,
    tmp: Path,
    variables: Mapping[str, str],
    writable: Mapping[str, Path],
    read_only: Mapping[str, Path],
) -> list[str]:
    """The command line that runs `command` in a sandbox, in /testbed.

    `tmp` becomes /tmp, `variables` are the whole environment, and binds map paths inside to paths outside.
    """
    argv = [
        bwrap,
        *namespace.flags,
        "--unshare-all",
        "--hostname",
        HOSTNAME,
        "--die-with-parent",
        "--new-session",
        "--clearenv",
    ]
    argv += system_flags(tmp)
    for name, value in variables.items():
        argv += ["--setenv", name, value]
    for flag, binds in (("--bind", writable), ("--ro-bind", read_only)):
        for inside, outside in binds.items():
            argv += [flag, str(outside), inside]
    return [*argv, "--chdir", TESTBED, "sh", "-c", _LIMITED, "sh", *command]


def system_flags(tmp: Path | None = None) -> list[str]:
    """Flags that bind the system and the running Python read-only, and nothing else of the machine.

    `tmp` becomes /tmp; None for an empty one in memory.
    """
    flags = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    flags += ["--size", str(_SHARED_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    # before Python is bound, which may itself lie below /tmp
    flags += ["--bind", str(tmp), "/tmp"] if tmp else ["--tmpfs", "/tmp"]  # noqa: S108
    # root outside is root inside, and could make mounts writable again or change settings of the kernel
    flags += ["--cap-drop", "ALL", "--ro-bind", "/proc/sys", "/proc/sys"]
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            flags += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            flags += ["--ro-bind", name, name]
    for name in _ETC:
        flags += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for prefix in sorted(_prefixes()):
        flags += ["--ro-bind", str(prefix), str(prefix)]
    for path in _links_to_python():
        source = ["--symlink", str(path.readlink())] if path.is_symlink() else ["--ro-bind", str(path)]
        flags += [*source, str(path)]
    return flags


def _prefixes() -> set[Path]:
    """Directories outside /usr that the running Python consists of: its virtual environment and its base."""
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve()}
    return {prefix for prefix in prefixes if not prefix.is_relative_to("/usr")}


def _links_to_python() -> Iterator[Path]:
    """The symlinks from `bin/python` to the program that are outside the directories bound already.

    Each is bound by itself, because its directory may be a home with private files.
    """
    chain = [Path(sys.executable)]
    while chain[-1].is_symlink():
        chain.append(Path(os.path.normpath(chain[-1].parent / chain[-1].readlink())))
    bound = [*_prefixes(), *map(Path, ("/usr", *_SYSTEM))]
    yield from (path for path in chain if not any(path.is_relative_to(folder) for folder in bound))
