"""The system calls that a command in bubblewrap may not make: a seccomp filter, compiled by libseccomp."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from tempfile import TemporaryFile

from contexttune.errors import PreflightError

_LIBRARY = "libseccomp.so.2"
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_ATTRIBUTE_BAD_ARCHITECTURE = 2
_NOT_EQUAL, _EQUAL, _MASKED_EQUAL = 1, 4, 7
_UNKNOWN_SYSCALL = -1

# Other processes' memory (bubblewrap's own, too), keyrings, namespaces and mounts, and rarely used doors to the kernel.
_DENIED = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd"),
    *("keyctl", "add_key", "request_key"),
    *("setns", "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "mount_setattr"),
    *("open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "open_by_handle_at", "name_to_handle_at"),
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot"),
    *("swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "fanotify_init", "lookup_dcookie"),
    *("iopl", "ioperm", "modify_ldt", "uselib", "vhangup", "settimeofday", "clock_settime"),
)
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME
_NEW_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80)
_CLONE_NEWTIME = 0x80  # in `clone` these bits are part of the exit signal
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


@functools.cache
def filter_program() -> bytes:
    """The filter as a BPF program. Raises PreflightError when libseccomp is not installed."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise PreflightError(f"the sandbox needs {_LIBRARY}: install libseccomp2 (libseccomp)") from None
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(_ALLOW))
    try:
        library.seccomp_attr_set(context, _ATTRIBUTE_BAD_ARCHITECTURE, _ERRNO | errno.ENOSYS)
        for name in _DENIED:
            _add(library, context, name, errno.EPERM)
        _add(
            library, context, "clone3", errno.ENOSYS
        )  # its flags are in memory; the C library then calls clone
        for flag in _NEW_NAMESPACES:
            same = _Comparison(0, _MASKED_EQUAL, flag, flag)
            _add(library, context, "unshare", errno.EPERM, same)
            if flag != _CLONE_NEWTIME:
                _add(library, context, "clone", errno.EPERM, same)
        # Bubblewrap's first process ends by SIGKILL when its parent does, and must not be talked out of it. Others are
        # told that it worked: they end with the command in any case.
        asked = _Comparison(0, _EQUAL, _PR_SET_PDEATHSIG, 0)
        _add(library, context, "prctl", 0, asked, _Comparison(1, _NOT_EQUAL, _SIGKILL, 0))
        with TemporaryFile() as file:
            _require(library.seccomp_export_bpf(context, file.fileno()), "export")
            return os.pread(file.fileno(), 1 << 20, 0)
    finally:
        library.seccomp_release(context)


def _add(
    library: ctypes.CDLL, context: ctypes.c_void_p, name: str, error: int, *comparisons: _Comparison
) -> None:
    """Let the system call `name` fail with `error` where all comparisons of its arguments hold."""
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number == _UNKNOWN_SYSCALL:  # newer than the library, or of another architecture
        return
    array = (_Comparison * len(comparisons))(*comparisons)
    _require(library.seccomp_rule_add_array(context, _ERRNO | error, number, len(comparisons), array), name)


def _require(status: int, what: str) -> None:
    if status < 0:
        raise PreflightError(f"libseccomp refuses the filter of the sandbox ({what}: {os.strerror(-status)})")
