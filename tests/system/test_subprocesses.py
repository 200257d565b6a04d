"""Children end with their parents."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from contexttune.errors import InfraError
from contexttune.system import subprocesses

PARENT = """
import subprocess, sys
from contexttune.system import subprocesses
started = subprocess.Popen(["sleep", "600"], preexec_fn=subprocesses.dies_with_parent())
print(started.pid, flush=True)
started.wait()
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def survives(pid: int) -> bool:
    """Whether a process is still there after a few seconds; it is then killed."""
    end = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    survived = is_running(pid)
    if survived:
        os.kill(pid, signal.SIGKILL)
    return survived


def test_kill_9_of_the_parent_ends_the_child() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert not survives(pid)


def test_a_child_can_be_interrupted_where_its_parent_cannot() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            ["sleep", "600"], start_new_session=True, preexec_fn=subprocesses.dies_with_parent()
        )
    finally:
        signal.signal(signal.SIGINT, before)
    subprocesses.stop(process, grace_s=10)
    assert process.returncode == -signal.SIGINT


def test_a_child_that_ignores_the_interrupt_is_killed_after_its_grace() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    subprocesses.stop(process, grace_s=0.2)
    assert process.returncode == -signal.SIGKILL
    process.stdout.close()


def test_sigterm_interrupts_only_inside_the_block() -> None:
    with pytest.raises(KeyboardInterrupt), subprocesses.sigterm_interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_launchers_own_handler_of_sigterm_stays() -> None:
    def launchers(number: int, frame: object) -> None: ...

    signal.signal(signal.SIGTERM, launchers)
    try:
        with subprocesses.sigterm_interrupts():
            assert signal.getsignal(signal.SIGTERM) is launchers
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_thread_may_use_the_block_too() -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with subprocesses.sigterm_interrupts():
                pass
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == []


@pytest.mark.parametrize(
    ("script", "stdin", "ended"),
    [
        ("cat; echo words >&2; exit 3", b"x" * 300_000, (3, b"x" * 300_000, b"words\n")),
        ("true", b"", (0, b"", b"")),
        ("kill -9 $$", b"", (-9, b"", b"")),
        ("head -c 400000 /dev/zero", b"", (0, bytes(400_000), b"")),
        ("head -c 900000 /dev/zero >&2; echo said", b"", (0, b"said\n", bytes(400_000))),
    ],
)
def test_output_status_and_errors_are_exact_up_to_the_limit(
    script: str, stdin: bytes, ended: tuple[int, bytes, bytes]
) -> None:
    done = subprocesses.run(["sh", "-c", script], stdin=stdin, timeout_s=20, limit_bytes=400_000)
    assert (done.returncode, done.output, done.stderr) == ended


def test_a_command_that_prints_without_end_is_killed_at_its_limit() -> None:
    began = time.monotonic()
    done = subprocesses.run(["sh", "-c", "yes & exec yes"], timeout_s=20, limit_bytes=400_000)
    assert (done.truncated, done.returncode, len(done.output)) == (True, -1, 400_000)
    assert time.monotonic() - began < 10


def test_a_command_is_killed_at_its_time_limit() -> None:
    for script in ("echo said; sleep 60", "echo said; exec >&- 2>&-; sleep 60"):
        done = subprocesses.run(["sh", "-c", script], timeout_s=0.5, limit_bytes=10)
        assert (done.timed_out, done.output, done.returncode) == (True, b"said\n", -1)


def test_a_command_is_over_when_a_process_it_left_behind_still_holds_its_output() -> None:
    began = time.monotonic()
    script = "sleep 60 & echo $!; exit 4"
    done = subprocesses.run(["sh", "-c", script], timeout_s=20, limit_bytes=10, start_new_session=True)
    assert done.returncode == 4
    assert time.monotonic() - began < 10
    assert not survives(int(done.output))  # a new session ends with its command


def test_a_command_that_is_told_to_stop_raises() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(InfraError):
        subprocesses.run(["sleep", "60"], timeout_s=20, limit_bytes=10, stop_event=stop)
