"""task=doctor: each thing that can be wrong is found, said with its remedy, and ends in exit code 3."""

import errno
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir

from contexttune.config.schema import SliceConfig
from contexttune.experiment.cell import cell_of
from contexttune.instances import slices
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir
from contexttune.system.files import write_jsonl
from contexttune.tasks.check import State, run_checks
from contexttune.tasks.doctor import CHECKS, configured_run, machine
from tests.command_line import contexttune
from tests.models.fault_server import error, ok, raw, serving

DEMO = ["slice=demo", "harness=none", "model.name=m", "model.api_key_env=null"]


@pytest.fixture
def findings(tmp_path):
    """Findings on a configuration: check -> [(state, message)]."""
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):

        def examine(*overrides):
            composed = compose("config", overrides=[*DEMO, f"paths.root='{tmp_path}'", *overrides])
            found = {}
            for one in run_checks(CHECKS, cell_of(composed)):
                found.setdefault(one.check, []).append((one.state, one.message))
            return found

        yield examine


def test_the_demo_would_work_and_nothing_is_left_behind(tmp_path):
    done = contexttune("task=doctor", "experiment=demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert lines[-1] == "this run would work here"
    assert [path.name for path in tmp_path.iterdir()] == ["multirun"]


def test_what_fails_is_named_once_and_what_follows_from_it_is_skipped(tmp_path):
    done = contexttune("task=doctor", "slice=custom", "slice.dataset=no.jsonl", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == "this run would fail here: fix dataset, model"
    assert "failed   model: model.name is not set" in done.stdout
    assert "skipped  repositories: needs dataset" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_it_looks_where_the_jobs_of_a_sweep_would_run(tmp_path):
    nowhere = "workspace.remote='file:///nowhere/{name}'"
    words = ("-m", "task=doctor", "experiment=demo", "condition=no_context", "hydra/launcher=local", nowhere)
    done = contexttune(*words, cwd=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "job 0 ended (1 of 1): this run would fail here: fix repositories" in done.stdout
    (said,) = tmp_path.glob("multirun/*/*/0/contexttune.log")
    assert "failed   repositories: file:///nowhere/" in said.read_text()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("swebench==4.1", "swebench 5.0.2 installed, but ==4.1 is required: pip install -r requirements.txt"),
        ("no-such-package>=1", "no-such-package is not installed, but >=1 is required"),
    ],
)
def test_a_package_of_another_version_is_found(findings, monkeypatch, wanted, words):
    monkeypatch.setattr(machine, "requires", lambda name: ["rich>=1", wanted, "absent; python_version<'3'"])
    (found,) = findings()["packages"]
    assert found[0] is State.FAILED
    assert words in found[1]


def test_a_machine_without_git_is_found(findings, monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    found = findings()
    ((state, words),) = found["git"]
    assert state is State.FAILED
    assert "install git" in words
    assert found["repositories"][0][0] is State.SKIPPED


def test_a_directory_that_cannot_be_made_is_found(findings, tmp_path):
    (tmp_path / "file").touch()
    *before, last = findings("paths.artifacts=file/x")["directory"]
    assert len(before) == 1
    assert last[0] is State.FAILED
    assert "paths.artifacts" in last[1]


def test_a_cache_that_others_fill_may_be_closed(findings, tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    made = machine.TemporaryDirectory

    def closed(dir, prefix):  # root may write to what is closed to others
        if dir == tmp_path / "cache":
            raise PermissionError(errno.EACCES, "Permission denied")
        return made(dir=dir, prefix=prefix)

    monkeypatch.setattr(machine, "TemporaryDirectory", closed)
    *_, (state, words) = findings()["directory"]
    assert state is State.WARNING
    assert "(Permission denied)" in words


def test_a_full_disk_and_one_without_locks_are_warnings(findings, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=1e9))

    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    found = findings()["directory"]
    assert {state for state, _ in found} == {State.WARNING}
    said = " ".join(words for _, words in found)
    assert "1.0 GB free: make room, or set paths.cache to another disk" in said
    assert "without locks" in said


def test_a_repository_that_cannot_be_cloned_is_found_unless_it_is_mirrored(findings, tmp_path):
    remote = "workspace.remote='file:///nowhere/{name}?token=:secret@'"
    (found,) = findings(remote)["repositories"]
    assert found[0] is State.FAILED
    assert "workspace.remote" in found[1]
    instances = slices.load(SliceConfig(name="demo", dataset="package://contexttune/demo"))
    bundles = config_dir().parent / "contexttune/demo/repos"
    for repo in {i.repo for i in instances}:
        mirror = tmp_path / "cache/mirrors" / f"{repo.replace('/', '__')}.git"
        bundle = bundles / f"{repo.replace('/', '__')}.bundle"
        subprocess.run(["git", "clone", "-q", "--bare", bundle, mirror], check=True)
    assert findings(remote)["repositories"] == [(State.OK, "3 of 3 are mirrored, 0 can be cloned")]
    shutil.rmtree(mirror / "objects")
    (mirror / "objects").mkdir()
    assert findings(remote)["repositories"][0][0] is State.FAILED


def test_an_endpoint_is_asked_once_and_its_refusal_is_told(findings):
    with serving(error(400, "no such parameter: seed"), ok()) as server:
        refused = findings(f"model.base_url={server.url}")
    assert refused["model"][0][0] is State.OK
    (found,) = refused["answer"]
    assert found[0] is State.FAILED
    assert "no such parameter: seed" in found[1]
    assert len([request for request in server.requests if "messages" in request]) == 1


def test_a_model_without_price_or_counts_works_with_warnings(findings):
    uncounted = raw(200, '{"choices": [{"finish_reason": "stop", "message": {"content": "ready"}}]}')
    with serving(uncounted) as server:
        found = findings(f"model.base_url={server.url}")
    assert [state for state, _ in found["model"] + found["answer"]] == [
        *(State.OK, State.WARNING),
        *(State.OK, State.WARNING),
    ]
    assert "model.price=" in found["model"][1][1]
    assert "token counts" in found["answer"][1][1]


@pytest.mark.bwrap
@pytest.mark.parametrize(("reason", "states"), [("tool_calls", ["ok"]), ("stop", ["ok", "warning"])])
def test_an_agent_asks_with_its_tool(findings, reason, states):
    with serving(ok("ready", reason)) as server:
        found = findings(f"model.base_url={server.url}", "runner=mini_swe_agent")
    assert [state for state, _ in found["answer"]] == states
    (asked,) = [request for request in server.requests if "messages" in request]
    assert asked["tools"][0]["function"]["name"] == "bash"


@pytest.mark.docker
@pytest.mark.usefixtures("demo_images")
def test_images_that_are_here_are_counted(findings):
    found = findings("harness=swebench_docker", "runner=gold")
    assert found["harness"] == [(State.OK, "swebench_docker, official")]
    assert found["images"] == [(State.OK, "6 of 6 are present for the harness")]


@pytest.mark.docker
@pytest.mark.parametrize(("free_gb", "state"), [(2.6, State.OK), (2.5, State.WARNING)])
def test_images_to_come_need_room(findings, monkeypatch, tmp_path, free_gb, state):
    rows = slices.load_rows(SliceConfig(dataset="package://contexttune/demo"))
    write_jsonl(tmp_path / "rows.jsonl", [row | {"image": f"no/such:{n}"} for n, row in enumerate(rows)])
    monkeypatch.setattr(configured_run.shutil, "disk_usage", lambda path: SimpleNamespace(free=free_gb * 1e9))
    found = findings("harness=swebench_docker", "runner=gold", f"slice.dataset={tmp_path}/rows.jsonl")
    assert found["images"][0][1].startswith("0 of 6 are present for the harness")
    assert found["images"][-1][0] is state
    if state is State.WARNING:
        assert "up to 2.6 GB, " in found["images"][-1][1]


def test_an_engine_that_is_not_there_is_found(findings, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    found = findings("harness=swebench_docker", "runner=gold")
    assert found["harness"][0][0] is State.FAILED
    assert found["images"] == [(State.SKIPPED, "needs harness")]
