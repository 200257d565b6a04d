"""The processes of one bubblewrap: found by its first one, watched, and ended with certainty."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from contexttune.errors import InfraError
from contexttune.sandbox.engine import Limits
from contexttune.sandbox.seccomp import filter_program
from contexttune.system.files import write_atomic

_START_S = 60.0
_END_S = 60.0
_RECORD = "first-process"  # its number and start, for whoever finds it when this process was killed
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_GB = 1_000_000_000
_RESERVED_BYTES = 2 * _GB  # of the disk, for everybody else; nothing where little is free from the start


@dataclass(kw_only=True)
class PidNamespace:
    """A context around a bubblewrap: at its end, no process of the sandbox is left.

    Bubblewrap asks its first process to die with it, but commands of the sandbox may meddle with that process. The
    kernel kills all of a namespace with its first process, and reports that one's end only after theirs.
    """

    folder: Path  # on the disk that the sandbox writes to
    limits: Limits
    _first: int | None = field(default=None, init=False)
    _handle: int | None = field(default=None, init=False)  # a pidfd, which no other process can inherit

    def __enter__(self) -> Self:
        program, free_bytes = filter_program(), shutil.disk_usage(self.folder).free
        self._info, self._info_end = os.pipe()
        self._filter, filter_end = os.pipe()
        os.write(filter_end, program)  # small enough never to block
        os.close(filter_end)
        self._reserved_bytes = _RESERVED_BYTES if free_bytes > 2 * _RESERVED_BYTES else 0
        return self

    @property
    def flags(self) -> list[str]:
        """Flags for bubblewrap, which inherits `pass_fds`."""
        return ["--info-fd", str(self._info_end), "--seccomp", str(self._filter)]

    @property
    def pass_fds(self) -> tuple[int, int]:
        return self._info_end, self._filter

    def started(self) -> None:
        """Wait until bubblewrap has told its first process. Raises InfraError when it does not."""
        self._close_ends()
        told = b""
        while b"}" not in told:
            ready, _, _ = select.select([self._info], [], [], _START_S)
            if not ready:
                raise InfraError(f"bubblewrap has not started within {_START_S:.0f} s")
            if not (chunk := os.read(self._info, 4096)):
                return  # it has failed, and says why on its standard error
            told += chunk
        self._first = int(json.loads(told)["child-pid"])
        with suppress(ProcessLookupError):
            self._handle = os.pidfd_open(self._first)
            self._record(self._first)

    def _record(self, first: int) -> None:
        try:
            write_atomic(self.folder / _RECORD, f"{first} {_start_time(first)}", durable=False)
        except ProcessLookupError:
            raise
        except OSError as error:
            raise InfraError(f"no more can be written to {self.folder.parent}: {error.strerror}") from None

    def exceeded(self) -> str:
        """The limit that the sandbox exceeds now, as the end of a sentence; "" for none."""
        family = list(_family(self._first)) if self._first else []
        pids, memory_gb = self.limits.pids_limit, self.limits.memory_gb
        if pids is not None and len(family) > pids:
            return f"it had more than {pids} processes"
        # pages that forks share count several times in the quick sum, and once in the exact one
        if memory_gb is not None and all(
            sum(map(use, family)) > memory_gb * _GB for use in (_resident, _share)
        ):
            return f"it used more than {memory_gb:g} GB of memory"
        if shutil.disk_usage(self.folder).free < self._reserved_bytes:
            return f"it filled the disk up to the last {self._reserved_bytes / _GB:.1f} GB"
        return ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill the first process. Raises InfraError unless the namespace is known to be empty."""
        self._close_ends()
        os.close(self._info)
        if self._handle is not None:
            _end(self._handle)

    def _close_ends(self) -> None:
        """Close what bubblewrap has inherited."""
        for end in self.pass_fds:
            with suppress(OSError):
                os.close(end)
        self._info_end = self._filter = -1


def end_left_over(folder: Path) -> None:
    """End the namespace that a killed process may have left in `folder`. Raises InfraError when it does not end."""
    with suppress(FileNotFoundError, ProcessLookupError):
        pid, started = (folder / _RECORD).read_text().split()
        handle = os.pidfd_open(int(pid))
        if _start_time(int(pid)) == started:  # or another process has the number by now
            _end(handle)
        else:
            os.close(handle)


def _end(handle: int) -> None:
    """Kill a namespace by the pidfd of its first process, and close it. Raises InfraError unless all have ended."""
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not select.select([handle], [], [], _END_S)[0]:
            raise InfraError(f"processes of a sandbox have not ended within {_END_S:.0f} s")
    finally:
        os.close(handle)


def _start_time(pid: int) -> str:
    """When the process started, in clock ticks since boot. Raises ProcessLookupError when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None


def _family(pid: int) -> Iterator[int]:
    """A process and its descendants; in a PID namespace, all processes descend from the first one."""
    left = [pid]
    while left:  # not recursive: a chain of children may be as long as the limit of processes
        yield (pid := left.pop())
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(OSError):
                    left += map(int, (thread / "children").read_text().split())


def _resident(pid: int) -> int:
    """Bytes of anonymous memory in core."""
    with suppress(OSError, ValueError):
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(resident) - int(shared)) * _PAGE_BYTES
    return 0


def _share(pid: int) -> int:
    """Bytes of anonymous memory, shared pages in equal parts; slow."""
    with suppress(OSError, ValueError, IndexError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Anon:"))
    return 0
