"""That a fork of the program is what a fresh process of it would be, as far as a test can tell."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from tests import command_line
from tests.command_line import contexttune, environment, start
from tests.forked import Forked, can_fork
from tests.models.fault_server import serving, stall

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="commands are forked on Linux only")
GOLD = ("slice=demo", "harness=none", "runner=gold", "slice.limit=1", "condition=no_context", "group_id=g")


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(command_line, "_FRESH_FIRST", 0)


@pytest.mark.parametrize("arguments", [[], ["sed=1"], ["--cfg", "job", "slice=demo"], ["task=report"]])
def test_it_prints_and_returns_the_same(tmp_path, arguments):
    fresh, forked = (contexttune(*arguments, cwd=tmp_path, fresh=fresh) for fresh in (True, False))
    assert (forked.returncode, forked.stdout, forked.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)


def test_it_writes_the_same_record(tmp_path):
    records = []
    for fresh in (True, False):
        root = tmp_path / str(fresh)
        root.mkdir()
        assert contexttune(*GOLD, cwd=root, fresh=fresh).returncode == 0
        (path,) = root.glob("results/g/runs/*/run.json")
        records.append(json.loads(path.read_text()))
    for record in records:
        for key in ("started", "ended", "git", "packages"):
            record.pop(key, None)
    assert records[0].keys() == records[1].keys()
    assert records[0]["run_id"] == records[1]["run_id"]


def test_it_has_a_session_of_its_own_and_ends_by_a_signal(tmp_path):
    with serving(stall(60)) as server:
        keys = (
            "slice=demo",
            "harness=none",
            "condition=no_context",
            "model.name=m",
            "model.api_key_env=null",
        )
        asked = threading.Event()
        program = start(*keys, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        while not server.requests:
            asked.wait(0.02)
        assert isinstance(program, Forked)
        assert (os.getpgid(program.pid), os.getsid(program.pid)) == (program.pid, program.pid)
        with pytest.raises(subprocess.TimeoutExpired):
            program.communicate(timeout=0.1)
        assert program.poll() is None
        program.send_signal(signal.SIGKILL)
        said, _ = program.communicate(timeout=60)
    assert program.returncode == -signal.SIGKILL
    assert "inference" in said


def test_what_is_read_at_the_start_needs_a_fresh_process():
    assert can_fork(environment(OPENAI_API_KEY="any", PATH="/nowhere"))
    for name in ("PYTHONPATH", "HOME", "TMPDIR", "HF_HUB_OFFLINE_", "LC_ALL"):
        assert not can_fork(environment(**{name: "/another"}))
    assert sys.executable
