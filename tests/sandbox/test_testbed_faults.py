"""The fault table's second half: the image, the container, its engine or its disk fails under an attempt."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contexttune.sandbox import engine
from tests.agents.engines import start_engine, stop_engine
from tests.agents.fixtures import ENGINES, every_engine
from tests.agents.outages import BOTH, FINE, is_outage
from tests.agents.scripted import DEMO, DOCKER, ROTA, TABLET, Agent, after, calls
from tests.models.fault_server import Answer, serving

pytestmark = pytest.mark.slow


def by_engine(agent: Agent, *words: str) -> None:
    subprocess.run([agent.engine, *words], check=True, capture_output=True)


def kill_soon(agent: Agent) -> None:
    command = f"sleep 1; {agent.engine} kill {' '.join(agent.containers())}"
    subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@dataclass(frozen=True)
class Row:
    """What happens to the second instance's container, and what must come of it."""

    answers: Callable[[Agent], tuple[Answer, ...]]
    error: str
    n_requests: int
    fine: tuple[Answer, ...] = FINE
    settings: Mapping[str, Any] = field(default_factory=dict)
    remedy: Mapping[str, Any] = field(
        default_factory=dict
    )  # settings without which the next start meets the same


FILL = calls("head -c 8000000 /dev/zero > filler; echo filled")
COMMIT = "git init -q; echo a > README.md; git add .; git -c user.name=a -c user.email=a@a commit -qm a"
SMALL = {"run_args": ["--tmpfs=/testbed:size=2m"]}
LARGER = {"run_args": ["--tmpfs=/testbed:size=20m"]}
REPEATED = (calls(COMMIT), *FINE)
ROWS = {
    "killed": Row(
        lambda agent: (
            calls("true"),
            after(lambda: by_engine(agent, "kill", *agent.containers()), calls("echo still here?")),
        ),
        "the container is gone",
        2,
    ),
    "removed": Row(
        lambda agent: (
            calls("true"),
            after(lambda: by_engine(agent, "rm", "--force", *agent.containers()), calls("echo still here?")),
        ),
        "the container is gone",
        2,
    ),
    "killed during a command": Row(
        lambda agent: (after(lambda: kill_soon(agent), calls("sleep 6")),), "the container is gone", 1
    ),
    "its disk is full": Row(
        lambda _: (calls(COMMIT), FILL, *FINE), "disk of the container is full", 4, REPEATED, SMALL, LARGER
    ),
}


@pytest.mark.parametrize(
    ("runner", "row"),
    [
        *(
            pytest.param(*place.values, ROWS[name], marks=place.marks, id=f"{name}-{place.values[0]}")
            for name in ("killed", "removed", "killed during a command")
            for place in ENGINES
        ),
        pytest.param(DOCKER, ROWS["its disk is full"], marks=pytest.mark.docker, id="its disk is full"),
    ],
)
def test_a_container_that_fails_is_an_outage_and_not_an_answer(any_agent, row):
    any_agent.settings = row.settings
    with serving(*row.fine, *row.answers(any_agent), *FINE) as server:
        records = any_agent.infer(server.url, BOTH)
    attempt = records[TABLET]
    assert (attempt["status"], attempt["exit_status"]) == ("infra_error", "InfraError")
    assert row.error in attempt["error"]
    assert len(server.requests) == len(row.fine) + row.n_requests
    any_agent.settings = {**row.settings, **row.remedy}
    is_outage(any_agent)


@pytest.fixture
def small_disk(warm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Checkouts are made on a disk of a few megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs to mount a disk")
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.bwrap
def test_a_full_disk_of_the_machine_is_an_outage_too(agent, small_disk):
    with serving(*FINE, FILL, *FINE) as server:
        records = agent.infer(server.url, BOTH)
    assert "No space left on device" in agent.observations(TABLET)[0]
    assert (records[TABLET]["status"], records[TABLET]["exit_status"]) == ("infra_error", "InfraError")
    assert "no more can be written to" in records[TABLET]["error"]
    assert len(server.requests) == len(FINE) + 2  # no command runs after it
    assert list(small_disk.iterdir()) == []
    with serving(
        *FINE
    ) as sound:  # without more space, what it was answered fills the disk again, and nothing is paid
        assert agent.infer(sound.url, BOTH)[TABLET]["status"] == "infra_error"
    assert sound.requests == []
    subprocess.run(["mount", "-o", "remount,size=40m", small_disk], check=True)
    is_outage(agent)


@every_engine()
def test_a_missing_image_is_missing_data_until_it_is_there(any_agent, tmp_path, caplog, monkeypatch):
    from swebench.task.repo import load_task_repo

    image = "contexttune.invalid/no/such:image"
    rows = {t["instance_id"]: dict(t) for t in load_task_repo(str(DEMO))}
    there = rows[TABLET]["image"]
    rows[TABLET]["image"] = image
    any_agent.dataset = tmp_path / "rows.jsonl"
    any_agent.dataset.write_text("".join(json.dumps(row) + "\n" for row in rows.values()))
    caplog.set_level("INFO")
    monkeypatch.setattr(engine, "_PULL_WAIT_S", 0.1)
    with serving(*FINE) as server:
        records = any_agent.infer(server.url, BOTH)
    assert f"pulling {image}" in caplog.text
    assert (records[TABLET]["status"], records[TABLET]["exit_status"]) == ("infra_error", "InfraError")
    assert image in records[TABLET]["error"]
    assert len(server.requests) == len(FINE)
    by_engine(any_agent, "tag", there, image)
    try:
        is_outage(any_agent)
    finally:
        by_engine(any_agent, "rmi", image)


@pytest.mark.docker
def test_an_engine_that_stops_is_an_outage_and_what_it_held_is_swept(agent, own_engine):
    folder, env = own_engine
    agent.runner, agent.engine = DOCKER, "docker"
    with serving(*FINE, calls("true"), after(lambda: stop_engine(folder), calls("true")), *FINE) as server:
        done = agent.run(server.url, instances=BOTH, **env)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert agent.attempt(TABLET)["status"] == "infra_error"
    assert len(server.requests) == len(FINE) + 2
    before = agent.predictions()
    assert set(before) == {ROTA}
    start_engine(folder)
    assert len(agent.containers()) == 1  # the engine that went could not be asked to remove it
    with serving(*FINE) as sound:
        done = agent.run(sound.url, instances=BOTH, **env)
    assert (done.returncode, len(sound.requests)) == (0, len(FINE)), done.stdout + done.stderr
    assert agent.attempt(TABLET)["status"] == "submitted"
    assert agent.predictions() == before | {TABLET: agent.attempt(TABLET)["model_patch"]}
    assert agent.containers() == []
