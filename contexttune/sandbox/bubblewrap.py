"""Bubblewrap: whether it works here, and the part of the machine that every sandbox may read."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")  # symlinks into /usr on merged systems
_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "nsswitch.conf")


@functools.cache
def bwrap_works(bwrap: str) -> bool:
    """Whether the kernel lets bubblewrap make the namespaces that a sandbox is made of."""
    probe = [bwrap, "--unshare-all", "--die-with-parent", *system_flags(), "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def find_bwrap() -> str | None:
    """The path of a bubblewrap that works here."""
    found = shutil.which("bwrap")
    return found if found and bwrap_works(found) else None


def system_flags(tmp: Path | None = None) -> list[str]:
    """Bubblewrap's flags for a read-only system with the running Python, and nothing else of the machine.

    `tmp` becomes /tmp, which is empty without; the running Python may itself lie below /tmp, so it comes after.
    """
    flags = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    flags += ["--bind", str(tmp), "/tmp"] if tmp else ["--tmpfs", "/tmp"]  # noqa: S108
    # The machine's root is root in there too: it could make mounts writable again, and owns the kernel's settings.
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
    for path in _way_to_python():
        named = ["--symlink", str(path.readlink())] if path.is_symlink() else ["--ro-bind", str(path)]
        flags += [*named, str(path)]
    return flags


def _prefixes() -> set[Path]:
    """Directories that the running Python is spread over, less those in /usr: a virtual environment and its base."""
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve()}
    return {prefix for prefix in prefixes if not prefix.is_relative_to("/usr")}


def _way_to_python() -> Iterator[Path]:
    """What of the links from `bin/python` to the program lies elsewhere.

    One at a time: the directory of such a link may be a home, with all that is private in it.
    """
    way = [Path(sys.executable)]
    while way[-1].is_symlink():
        way.append(Path(os.path.normpath(way[-1].parent / way[-1].readlink())))
    held = [*_prefixes(), *map(Path, ("/usr", *_SYSTEM))]
    yield from (path for path in way if not any(path.is_relative_to(place) for place in held))


def write_interpreter(directory: Path) -> None:
    """Make commands `python` and `python3` in `directory` that start this very interpreter."""
    for name in ("python", "python3"):
        # not a symlink: Python would look for its virtual environment beside the link
        command = directory / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        command.chmod(0o755)
