"""The shell that stays, on this machine: what it says of a command is what the command did."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contexttune.sandbox.persistent_shell import PersistentShell

EVERY_CHARACTER = "".join(map(chr, range(1, 0x900))).replace("'", "").replace("\r", "")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[PersistentShell]:
    made = PersistentShell(["sh"], str(tmp_path))
    yield made
    made.close()


def run(shell: PersistentShell, command: str, timeout_s: int = 20) -> tuple[int, bytes]:
    done = shell.run(command, timeout_s, 1_000_000, grace_s=10)
    assert done is not None
    return done.returncode, done.output


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ("true", 0, b""),
        ("echo to both; echo in order >&2; exit 7", 7, b"to both\nin order\n"),
        ("printf 'no newline'", 0, b"no newline"),
        (f"printf '%s' '{EVERY_CHARACTER}'", 0, EVERY_CHARACTER.encode()),
        ("printf '\\377\\000\\r\\n'", 0, b"\xff\0\r\n"),
        ("cat; read line; echo $?", 0, b"1\n"),
        ("sleep 30 & echo goes on", 0, b"goes on\n"),
        ("head -c 999999 /dev/zero", 0, bytes(999_999)),
    ],
)
def test_output_and_status_are_exact_and_the_next_command_finds_the_shell(shell, command, status, output):
    assert run(shell, command) == (status, output)
    assert run(shell, "echo next") == (0, b"next\n")


def test_no_command_sees_what_another_one_set_and_each_starts_in_the_directory(shell, tmp_path):
    run(shell, "export LEFT=behind; cd /")
    assert run(shell, "echo $LEFT$OLDPWD; pwd") == (0, f"\n{tmp_path}\n".encode())
    assert run(shell, f"mv {tmp_path} {tmp_path}.old && mkdir {tmp_path} && touch {tmp_path}/new")[0] == 0
    assert run(shell, "ls") == (0, b"new\n")


def test_an_agent_that_replaces_what_cuts_its_output_does_not_fill_our_memory(tmp_path):
    (tmp_path / "head").write_text("#!/bin/sh\nexec yes\n")
    (tmp_path / "head").chmod(0o755)
    shell = PersistentShell(["env", f"PATH={tmp_path}:/usr/bin:/bin", "sh"], str(tmp_path))
    began = time.monotonic()
    status, output = run(shell, "true")
    shell.close()
    assert status == -signal.SIGKILL
    assert 1_000_000 < len(output) < 2_000_000
    assert time.monotonic() - began < 10


def test_a_command_that_does_not_end_is_ended_where_it_runs(shell):
    began = time.monotonic()
    assert run(shell, "echo said; sleep 60", timeout_s=1) == (124, b"said\n")
    assert run(shell, "trap '' TERM; sleep 60", timeout_s=1)[0] == 137
    assert time.monotonic() - began < 20


def test_no_answer_in_time_is_a_timeout(shell):
    run(shell, "true")
    done = shell.run("sleep 60", 30, 100, grace_s=-29)
    assert done is not None
    assert done.timed_out


def test_a_shell_that_a_command_ends_says_so_with_a_status_above_0(shell):
    done = shell.run('kill -9 "$(ps -o ppid= -p $PPID)"', 20, 100, grace_s=10)
    assert done is not None
    assert done.returncode != 0
    assert not shell.is_open


def test_a_command_that_there_is_no_place_for_is_not_run(shell, tmp_path):
    run(shell, f"rmdir {tmp_path}")
    assert shell.run(f"touch {tmp_path}.ran", 20, 100, grace_s=10) is None
    assert not Path(f"{tmp_path}.ran").exists()


def test_a_program_that_is_no_shell_gives_its_own_last_words():
    shell = PersistentShell(["sh", "-c", "echo there is no container >&2; exit 1"], "/")
    done = shell.run("true", 20, 100, grace_s=10)
    if done is not None:  # None where its end came before our first word
        assert (done.returncode, done.stderr) == (1, b"there is no container\n")
    shell.close()
