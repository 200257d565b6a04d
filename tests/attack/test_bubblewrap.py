"""Commands of a hostile agent in bubblewrap."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from contexttune.sandbox.engine import Limits
from tests.agents.scripted import is_living

pytestmark = pytest.mark.bwrap

PYTHON = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); libc.syscall.restype = ctypes.c_long\n"
# Takes over the first process of the namespace by its memory or by ptrace, and lets a process outlive the command.
SEIZE = """
import ctypes, os, signal, time
libc = ctypes.CDLL(None, use_errno=True)
if os.fork() == 0:
    os.setsid()
    print('attach', libc.ptrace(16, 1, None, None), flush=True)
    os.close(1), os.close(2)
    while True:
        with open('/testbed/beat', 'w') as f:
            f.write(str(time.time()))
        time.sleep(0.01)
time.sleep(0.3)
os.kill(os.getppid(), signal.SIGKILL)
"""
REFUSED = {
    "ptrace of the first process": PYTHON + "print(libc.ptrace(16, 1, None, None))",
    "ptrace of its parent": PYTHON + "print(libc.ptrace(16, os.getppid(), None, None))",
    "the session keyring": PYTHON + "print(libc.syscall({keyctl}, 0, -3, 1))",
    "a key of one's own": PYTHON + "print(libc.syscall({add_key}, b'user', b'k', b'v', 1, -3))",
    "a request for a key": PYTHON + "print(libc.syscall({request_key}, b'user', b'k', None, -3))",
    "another process's memory": PYTHON + "print(libc.process_vm_readv(1, None, 0, None, 0, 0))",
    "a program for the kernel": PYTHON + "print(libc.syscall({bpf}, 0, None, 0))",
    "performance counters": PYTHON + "print(libc.syscall({perf_event_open}, None, 0, -1, -1, 0))",
    "a handler of page faults": PYTHON + "print(libc.syscall({userfaultfd}, 0))",
    "a ring of requests": PYTHON + "print(libc.syscall({io_uring_setup}, 1, None))",
    "a user namespace": PYTHON + "print(libc.unshare(0x10000000))",
    "a mount namespace": PYTHON + "print(libc.unshare(0x20000))",
    "a child in a user namespace": PYTHON
    + "print(libc.syscall({clone}, 0x10000000 | 17, None, None, None, None))",
    "a mount": PYTHON + "print(libc.mount(b'x', b'/tmp', b'tmpfs', 0, None))",
    "an unmount": PYTHON + "print(libc.umount2(b'/testbed', 2))",
    "another root": PYTHON + "print(libc.chroot(b'/tmp'))",
    "a file by its handle": PYTHON + "print(libc.open_by_handle_at(3, None, 0))",
    "a kernel module": PYTHON + "print(libc.syscall({init_module}, None, 0, b''))",
    "another namespace": PYTHON + "print(libc.setns(os.open('/proc/1/ns/net', 0), 0))",
}
NUMBERS = {
    "x86_64": {
        **{"keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321, "perf_event_open": 298},
        **{"userfaultfd": 323, "io_uring_setup": 425, "clone": 56, "init_module": 175},
    },
    "aarch64": {
        **{"keyctl": 219, "add_key": 217, "request_key": 218, "bpf": 280, "perf_event_open": 241},
        **{"userfaultfd": 282, "io_uring_setup": 425, "clone": 220, "init_module": 105},
    },
}


def started_apart(testbed, command: str, sign: str) -> subprocess.Popen[bytes]:
    """Another process that runs the command in the testbed, once the command has made the file `sign`."""
    code = f"import pickle, sys; pickle.load(sys.stdin.buffer).shell.run({command!r}, 100)"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin as stdin:
        pickle.dump(testbed, stdin)
    deadline = time.monotonic() + 30
    while not (made := testbed.shell.sandbox.testbed / sign).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert made.exists()
    return process


def run_python(testbed, code: str, timeout_s: int = 20) -> str:
    return testbed.shell.run(f"python - <<'END'\n{code}\nEND", timeout_s).output.decode()


@pytest.mark.parametrize("name", REFUSED)
def test_a_system_call_is_refused(testbed, name):
    numbers = NUMBERS[os.uname().machine]
    code = REFUSED[name]
    for call, number in numbers.items():
        code = code.replace(f"{{{call}}}", str(number))
    assert run_python(testbed, f"{code}\nprint(ctypes.get_errno())").split() == ["-1", "1"]


def test_threads_children_and_what_builds_need_still_work(testbed):
    code = (
        "import subprocess, threading, multiprocessing\n"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
        "print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout.strip())\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(abs, [-1, -2]))\n"
        "import ctypes; print(ctypes.CDLL(None).prctl(1, 15, 0, 0, 0))"
    )
    assert run_python(testbed, code).split("\n")[:4] == ["thread", "child", "[1, 2]", "0"]


def test_nothing_outlives_a_command_that_seizes_the_first_process(testbed):
    (testbed.shell.sandbox.folder / "tmp" / "seize.py").write_text(SEIZE)
    result = testbed.shell.run("python /tmp/seize.py", 20)
    assert b"attach -1" in result.output
    beat = testbed.shell.sandbox.testbed / "beat"
    first = beat.read_text()
    time.sleep(0.3)
    assert beat.read_text() == first


def test_what_a_killed_worker_leaves_is_ended_before_the_patch_is_taken(testbed):
    worker = started_apart(testbed, "while :; do date +%N > beat; sleep 0.01; done", "beat")
    worker.kill()
    worker.wait()
    beat = testbed.shell.sandbox.testbed / "beat"
    assert "beat" in testbed.diff().text
    left = beat.read_text()
    time.sleep(0.2)
    assert beat.read_text() == left


def limited(testbed, **limits):
    """The testbed's shell with these limits."""
    return replace(testbed.shell, sandbox=replace(testbed.shell.sandbox, limits=Limits(**limits)))


@pytest.mark.parametrize(
    "command",
    [
        "for i in $(seq 300); do sleep 77.5 & done; wait",
        "exec >/dev/null 2>&1 </dev/null; for i in $(seq 300); do sleep 77.5 & done; wait",
    ],
)
def test_too_many_processes_end_the_command(testbed, command):
    assert "processes" in limited(testbed, pids_limit=100).run(command, 60).exceeded
    assert not is_living("sleep 77.5")


@pytest.mark.slow
def test_too_much_memory_ends_the_command(testbed):
    small = limited(testbed, memory_gb=0.3)
    for code in ("x = []\nwhile True: x.append(bytearray(10_000_000))", "x = bytearray(10**9); input()"):
        result = small.run(f"python -c '{code}' </dev/zero", 60)
        assert "memory" in result.exceeded, result


def test_sparse_files_shared_memory_and_devices_are_bounded(testbed):
    told = testbed.shell.run(
        "truncate -s 1T huge; touch /dev/x /dev/shm/y; ls /dev/shm; "
        "df --output=size -k /dev/shm | tail -1; ulimit -c; dd if=/dev/zero of=/dev/full bs=1 count=1 2>/dev/null || echo full",
        20,
    ).output.decode()
    assert "File size limit exceeded" in told
    assert "cannot touch '/dev/x'" in told
    *_, listed, shared_kb, core, full = told.split()
    assert (listed, core, full) == ("y", "0", "full")
    assert int(shared_kb) <= 1_000_000


def test_our_own_death_takes_the_sandbox_along(testbed):
    program = started_apart(testbed, "setsid sleep 78.5 & touch started; sleep 78.5", "started")
    program.kill()
    program.wait()
    deadline = time.monotonic() + 20
    while is_living("sleep 78.5") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_living("sleep 78.5")


def test_no_file_of_the_machine_is_reached_by_odd_ways(testbed, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a secret of the host")
    told = testbed.shell.run(
        f"cat {secret} /proc/1/root{secret} /proc/1/cwd/secret /proc/*/root{secret}; ls /proc/1/fd; "
        "for f in /proc/[0-9]*/environ; do tr '\\0' '\\n' <$f; done; find / -xdev -name secret 2>/dev/null; "
        "find / -perm -4000 -exec ls -l {} + 2>/dev/null | head -3; su -c id; "
        "python -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"/var/run/docker.sock\")'; "
        "python -c 'import socket; print(socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))'",
        20,
    ).output.decode()
    assert "a secret of the host" not in told
    for name, value in os.environ.items():
        if "KEY" in name or "TOKEN" in name:
            assert value not in told
    assert "FileNotFoundError" in told  # no engine's socket
    assert "PermissionError" in told  # no raw one


def test_a_long_chain_of_children_is_counted_like_others(testbed):
    (testbed.shell.sandbox.folder / "tmp" / "chain").write_text("[ $1 = 0 ] || sh $0 $(($1 - 1)); sleep 9")
    assert "processes" in limited(testbed, pids_limit=1100).run("sh /tmp/chain 1300", 60).exceeded
