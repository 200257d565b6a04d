"""Peak memory of a process and all that it started."""

from __future__ import annotations

import ctypes
import platform
import re
import subprocess
import threading
from pathlib import Path
from typing import Self

_EVERY_S = 0.05
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
_CLIENTS = (b"docker", b"sh", b"timeout")  # the engine's client, and the shell that waits for one
_KCMP = {"x86_64": 312, "aarch64": 272}.get(platform.machine())
_KCMP_VM = 1


class PeakMemory:
    """Samples the tree of `process` until the end of the block; the highest sums seen, in MB.

    Proportional set size: a page that processes share is counted once, whichever of them holds it.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.mb = self.with_clients_mb = 0.0
        self._root = process.pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            own = clients = 0.0
            for pid, parent in _tree(self._root).items():
                mb = 0.0 if _is_parents(pid, parent) else _pss_mb(pid)
                if _program(pid) in _CLIENTS:
                    clients += mb
                else:
                    own += mb
            self.mb, self.with_clients_mb = max(self.mb, own), max(self.with_clients_mb, own + clients)


def _tree(root: int) -> dict[int, int]:
    """pid -> its parent, of `root` and its descendants."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # the name of the command stands in brackets, and may hold any of them
            parents[int(folder.name)] = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            continue
    found, new = {root: 0}, {root}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new}
        found |= {pid: parents[pid] for pid in new}
    return found


def _is_parents(pid: int, parent: int) -> bool:
    """Whether a process still runs in its parent's memory, as between vfork and exec: that is counted already."""
    return _KCMP is not None and ctypes.CDLL(None).syscall(_KCMP, pid, parent, _KCMP_VM, 0, 0) == 0


def _program(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].rpartition(b"/")[2]
    except OSError:
        return b""


def _pss_mb(pid: int) -> float:
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    except OSError:  # it has ended
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
