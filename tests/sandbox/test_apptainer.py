"""runner.container=apptainer against what stands in for it: the words that it is given, its images, and its faults.

What an agent can do in there, and what is left of it, is tried with the other engines: see `every_runner`.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from contexttune.paths import slug
from tests.agents.fixtures import publish
from tests.agents.outages import BOTH, FINE, is_outage
from tests.agents.scripted import ROTA, TABLET, Agent, after, calls
from tests.models.fault_server import serving

pytestmark = [pytest.mark.bwrap, pytest.mark.slow]

IMAGE = "swebench/sweb.eval.x86_64.ctdemo_1776_{}:latest"


def words_of(agent: Agent, first: str, second: str = "") -> list[list[str]]:
    """Calls of the stand-in that began with these words, flags of the command itself left out."""
    lines = (Path(str(agent.command)).parent / "calls.jsonl").read_text().splitlines()
    made = [[word for word in json.loads(line) if word != "--silent"] for line in lines]
    return [words for words in made if words[0] == first and (not second or words[1] == second)]


def solved(agent: Agent, **settings: Any) -> dict[str, Any]:
    with serving(*FINE) as server:
        record = agent.infer(server.url, **settings)[ROTA]
    assert record["status"] == "submitted", record["error"]
    return record


def sif(agent: Agent, name: str = "rota-21") -> Path:
    return agent.root / "cache/images" / (IMAGE.format(name).replace("/", "_").replace(":", "_") + ".sif")


def test_an_attempt_is_one_instance_and_what_it_is_given_is_in_the_manual(apptainer_agent):
    record = solved(apptainer_agent, memory_gb=2.0, cpus=1.5, pids_limit=99)
    assert (record["details"]["engine"], record["details"]["image"]) == ("apptainer", IMAGE.format("rota-21"))
    assert record["details"]["image_digest"].startswith("sha256:")
    assert "+a new line" in record["model_patch"]
    (start,) = words_of(apptainer_agent, "instance", "start")
    *flags, image, name = start[2:]
    scratch = Path(tempfile.gettempdir()) / name
    for flag in ("--containall", "--cleanenv", "--no-home", "--net"):
        assert flag in flags
    values = {a: b for a, b in pairwise(flags) if a.startswith("--")}
    assert (values["--network"], values["--overlay"]) == ("none", str(scratch / "overlay"))
    assert (values["--memory"], values["--cpus"], values["--pids-limit"]) == ("2G", "1.5", "99")
    assert image == str(sif(apptainer_agent))
    for words in words_of(apptainer_agent, "exec"):
        assert words[1:5] == ["--cleanenv", "--pwd", "/testbed", f"instance://{name}"]
    assert words_of(apptainer_agent, "instance", "stop") == [["instance", "stop", "--force", name]]
    assert slug(ROTA) in name
    assert not scratch.exists()


def test_an_image_is_fetched_once_and_may_be_a_file_of_ones_own(apptainer_agent, tmp_path):
    solved(apptainer_agent)
    (pulled,) = words_of(apptainer_agent, "pull")
    assert pulled[-1] == f"docker://{IMAGE.format('rota-21')}"
    digest = sif(apptainer_agent).with_name(f"{sif(apptainer_agent).name}.sha256").read_text().strip()
    from swebench.task.repo import load_task_repo

    rows = [dict(row) for row in load_task_repo(str(apptainer_agent.dataset)) if row["instance_id"] == ROTA]
    own = tmp_path / "own.sif"
    sif(apptainer_agent).rename(own)
    apptainer_agent.dataset = tmp_path / "rows.jsonl"
    apptainer_agent.dataset.write_text(json.dumps(rows[0] | {"image": str(own)}) + "\n")
    apptainer_agent.root = tmp_path / "again"
    record = solved(apptainer_agent)
    assert record["details"]["image_digest"] == digest
    assert len(words_of(apptainer_agent, "pull")) == 1


def test_what_is_written_may_lie_where_the_user_says(apptainer_agent):
    with serving(*FINE) as server:  # the stand-in has no such flag, so the attempt fails where ours would be
        record = apptainer_agent.infer(server.url, run_args=["--writable-tmpfs"])[ROTA]
    assert "unknown flag: --writable-tmpfs" in record["error"]
    (start,) = words_of(apptainer_agent, "instance", "start")
    assert "--overlay" not in start


def test_a_missing_image_is_missing_data_until_it_is_there(apptainer_agent, image_layers):
    image = IMAGE.format("tablet-12")
    (Path(str(apptainer_agent.command)).parent / "registry" / image.replace("/", "_")).unlink()
    with serving(*FINE) as server:
        records = apptainer_agent.infer(server.url, BOTH)
    assert "manifest unknown" in records[TABLET]["error"]
    assert len(server.requests) == len(FINE)
    publish(apptainer_agent, image, image_layers[image])
    is_outage(apptainer_agent)


def test_an_instance_that_ends_during_an_attempt_is_an_outage(apptainer_agent):
    def stop() -> None:
        command = [str(apptainer_agent.command), "instance", "stop", "--force"]
        subprocess.run([*command, *apptainer_agent.containers()], check=True)

    with serving(*FINE, calls("true"), after(stop, calls("echo still here?")), *FINE) as server:
        records = apptainer_agent.infer(server.url, BOTH)
    assert "the container is gone" in records[TABLET]["error"]
    is_outage(apptainer_agent)


def test_without_a_pid_namespace_nothing_runs_because_strays_could_not_be_told_apart(apptainer_agent):
    (Path(str(apptainer_agent.command)).parent / "no-pid-namespace").touch()
    with serving(*FINE) as server:
        record = apptainer_agent.infer(server.url)[ROTA]
    assert (record["status"], server.requests) == ("infra_error", [])
    assert "allow pid ns = yes" in record["error"]


def test_limits_that_cannot_be_set_are_said_not_to_hold(apptainer_agent, monkeypatch, caplog):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    from contexttune.sandbox.apptainer import Apptainer
    from contexttune.sandbox.engine import Limits

    limits = Limits(memory_gb=2.0, pids_limit=99)
    engine = Apptainer(
        executable=str(apptainer_agent.command), limits=limits, run_args=[], images=apptainer_agent.root
    )
    engine.preflight()
    assert "only the limits of the job" in caplog.text


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (["runner.container=lxc"], 2, "runner.container must be one of docker, podman, apptainer"),
        (["runner.container=apptainer"], 3, "runner.container=apptainer: apptainer is not on PATH"),
    ],
)
def test_an_engine_that_is_not_there_is_a_sentence(agent, overrides, code, words):
    agent.runner = "mini_swe_agent_swebench"
    with serving(*FINE) as server:
        done = agent.run(server.url, *overrides)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stdout + done.stderr
