"""That a fork of the program is what a fresh process of it would be, as far as a test can tell."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import command_line
from tests.command_line import contexttune, environment, start
from tests.forked import Forked, can_fork, changed_at_start
from tests.models.fault_server import ok, serving, stall

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="commands are forked on Linux only")
GOLD = ("slice=demo", "harness=none", "runner=gold", "slice.limit=1", "condition=no_context", "group_id=g")
FRESH = {"CONTEXTTUNE_FRESH": "1"}


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(command_line, "_FRESH_FIRST", 0)


@pytest.mark.parametrize("arguments", [[], ["sed=1"]])
def test_it_prints_and_returns_the_same(tmp_path, arguments):
    fresh, forked = (contexttune(*arguments, cwd=tmp_path, **env) for env in (FRESH, {}))
    assert (forked.returncode, forked.stdout, forked.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)


def test_it_writes_the_same_record(tmp_path):
    records = []
    for name, env in (("fresh", FRESH), ("forked", {})):
        root = tmp_path / name
        root.mkdir()
        assert contexttune(*GOLD, cwd=root, **env).returncode == 0
        (path,) = root.glob("results/g/runs/*/run.json")
        records.append(json.loads(path.read_text()))
    assert records[0].keys() == records[1].keys()
    assert records[0]["run_id"] == records[1]["run_id"]


def test_it_has_a_session_of_its_own_and_ends_by_a_signal(tmp_path):
    keys = ("slice=demo", "harness=none", "condition=no_context", "model.name=m", "model.api_key_env=null")
    with serving(ok("{}"), stall(60)) as server:
        program = start(*keys, "runner=single_shot", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        while len(server.requests) < 2 and program.poll() is None:
            time.sleep(0.05)
        assert isinstance(program, Forked)
        assert (os.getpgid(program.pid), os.getsid(program.pid)) == (program.pid, program.pid)
        with pytest.raises(subprocess.TimeoutExpired):
            program.communicate(timeout=0.1)
        assert program.poll() is None
        program.send_signal(signal.SIGKILL)
        said, _ = program.communicate(timeout=60)
    assert program.returncode == -signal.SIGKILL
    assert said


def test_it_can_be_killed_when_it_has_ended_until_that_is_heard(tmp_path):
    program = start("sed=1", cwd=tmp_path)
    with program.stdout as stream:
        assert stream.read()
    time.sleep(0.5)
    os.killpg(program.pid, signal.SIGKILL)
    assert program.wait(timeout=60) == 2
    deadline = time.monotonic() + 10
    while Path(f"/proc/{program.pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)


def test_what_is_read_at_the_start_needs_a_fresh_process(tmp_path):
    assert changed_at_start(environment(OPENAI_API_KEY="any", COLUMNS="80", TMPDIR=str(tmp_path))) == set()
    for name in ("PYTHONHASHSEED", "PATH", "HOME", "HF_HUB_OFFLINE_", "LC_ALL"):
        assert not can_fork(environment(**{name: "/another"}))
    (tmp_path / "contexttune").mkdir()
    for folder, possible in (("/another", True), (tmp_path, False), (f"/another:{tmp_path}", False)):
        assert can_fork(environment(PYTHONPATH=str(folder))) is possible
