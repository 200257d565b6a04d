"""The lock on a run: who holds it, who may take it over, and what a holder is told when it lost it."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from contexttune.errors import PreflightError
from contexttune.system.files import dump_json
from contexttune.system.process_id import Process
from contexttune.system.run_lock import Holder, holder_of, sole_worker

FAST = {"lifetime_s": 3.0, "heartbeat_s": 0.2}
HOLD = """
import sys, time
from pathlib import Path
from contexttune.system.run_lock import sole_worker
with sole_worker(Path(sys.argv[1]), lifetime_s=3.0, heartbeat_s=0.2):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "a-run.lock"


@pytest.fixture
def other_process(path):
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.wait()


def elsewhere(path, *, silent_s: float) -> Holder:
    """A lock that a process on another machine has written."""
    process = replace(Process.here(), host="node7", place="another boot", slurm_job="4711")
    holder = Holder(token="t0", process=process)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_json(asdict(holder)))
    os.utime(path, (time.time() - silent_s,) * 2)
    return holder


def test_it_names_its_holder_and_leaves_nothing_behind(path):
    with sole_worker(path, **FAST):
        holder = holder_of(path)
        assert (holder.pid, holder.host) == (os.getpid(), socket.gethostname())
    assert holder_of(path) is None
    assert list(path.parent.iterdir()) == []


def test_a_living_holder_is_named_at_once(path, other_process):
    began = time.monotonic()
    with (
        pytest.raises(PreflightError, match=f"process {other_process.pid} on {socket.gethostname()}"),
        sole_worker(path, **FAST),
    ):
        pass
    assert time.monotonic() - began < FAST["lifetime_s"]
    assert holder_of(path).pid == other_process.pid


def test_a_holder_killed_on_this_machine_is_followed_at_once(path, other_process):
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    assert holder_of(path) is None
    began = time.monotonic()
    with sole_worker(path, lifetime_s=600, heartbeat_s=0.2):
        assert holder_of(path).pid == os.getpid()
    assert time.monotonic() - began < 60
    assert list(path.parent.iterdir()) == []


def test_a_number_that_another_process_has_by_now_is_not_the_holder(path):
    path.parent.mkdir()
    path.write_text(dump_json(asdict(Holder(token="t0", process=replace(Process.here(), started="1")))))
    with sole_worker(path, **FAST):
        assert json.loads(path.read_text())["token"] != "t0"


def test_a_silent_holder_on_another_machine_is_waited_for_and_then_followed(path):
    elsewhere(path, silent_s=1.0)
    began = time.monotonic()
    with sole_worker(path, **FAST):
        assert time.monotonic() - began > 1.0
        assert holder_of(path).host == socket.gethostname()


def test_a_heartbeat_from_another_machine_shows_that_its_holder_lives(path):
    elsewhere(path, silent_s=0.0)
    heart = subprocess.Popen(["sh", "-c", f"while sleep 0.3; do touch {path}; done"])
    try:
        with pytest.raises(PreflightError, match="on node7, Slurm job 4711"), sole_worker(path, **FAST):
            pass
    finally:
        heart.kill()
        heart.wait()
    assert json.loads(path.read_text())["process"]["host"] == "node7"


def test_a_lock_that_cannot_be_read_is_followed_once_it_is_old(path):
    path.parent.mkdir()
    path.touch()
    os.utime(path, (1, 1))
    with sole_worker(path, **FAST):
        assert holder_of(path).pid == os.getpid()


def _count(path, counter, n):
    for _ in range(n):
        while True:
            try:
                with sole_worker(path, **FAST):
                    seen = int(counter.read_text())
                    time.sleep(0.002)
                    counter.write_text(str(seen + 1))
                    break
            except PreflightError:
                time.sleep(0.002)


def test_many_processes_hold_it_one_at_a_time(path, tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    elsewhere(path, silent_s=10.0)  # all of them find a dead holder first
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_count, args=(path, counter, 10)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [w.exitcode for w in workers] == [0] * 6
    assert counter.read_text() == "60"
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("is_over", [False, True])
def test_who_stood_still_too_long_is_told(path, is_over):
    """Also when the one that took over has come to its end meanwhile."""
    program = HOLD.replace(
        "time.sleep(60)",
        "\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        print('told', flush=True)",
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "held\n"
        child.send_signal(signal.SIGSTOP)
        path.unlink()
        for claim in path.parent.iterdir():  # who takes over tidies up after the dead
            claim.unlink()
        if not is_over:
            elsewhere(path, silent_s=0.0)
        child.send_signal(signal.SIGCONT)
        assert child.stdout.readline() == "told\n"
        child.wait(30)
        assert is_over or json.loads(path.read_text())["process"]["host"] == "node7", (
            "it removed another's lock"
        )
    finally:
        child.kill()
        child.wait()
