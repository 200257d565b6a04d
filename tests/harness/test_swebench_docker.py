"""The official harness on toy tasks, in a real engine."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from contexttune.errors import ConfigError, PreflightError
from contexttune.harness.swebench_docker import SwebenchDocker
from contexttune.system import subprocesses
from contexttune.system.files import read_json, read_jsonl
from contexttune.types import GoldInstance, Outcome
from tests.harness import toy_tasks

MATRIX = {
    "ctlab__calc-gold": (toy_tasks.GOLD, "resolved", None),
    "ctlab__calc-noop": (toy_tasks.NO_OP, "unresolved", None),
    "ctlab__calc-malformed": (toy_tasks.MALFORMED, "error", "patch_apply_failed"),
    "ctlab__calc-empty": (" \n", "empty_patch", None),
    "ctlab__calc-endless": (toy_tasks.ENDLESS, "error", "tests_timed_out"),
    "ctlab__calc-spoof": (toy_tasks.SPOOF, "unresolved", None),
    "ctlab__calc-latin": (toy_tasks.LATIN, "error", "patch_not_utf8"),
    "ctlab__calc-noimage": (toy_tasks.GOLD, "infra_error", "image_missing"),
}
PATCHES = {name: patch for name, (patch, _, _) in MATRIX.items()}


def matrix_instances(instances: list[GoldInstance]) -> list[GoldInstance]:
    several = toy_tasks.copies(instances[0], *list(MATRIX)[:-1])
    absent = {**instances[0].row, "instance_id": "ctlab__calc-noimage", "image": "swebench/absent:latest"}
    return [*several, toy_tasks.instance(absent)]


def runs(out_dir: Path) -> list[Path]:
    return sorted(out_dir.glob("ct-*"))


def wait_for(condition: Callable[[], bool], limit_s: float = 60) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def processes_about(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


@pytest.fixture(scope="module")
def graded(
    toy_images: None, instances: list[GoldInstance], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Outcome], Path]:
    """The matrix, graded once."""
    out_dir = tmp_path_factory.mktemp("matrix")
    predictions = toy_tasks.write_predictions(out_dir / "preds.jsonl", PATCHES)
    harness = SwebenchDocker(max_workers=3, timeout_s=10, attempts=1)
    return harness.evaluate(predictions, matrix_instances(instances), out_dir), out_dir


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("no_containers_left")
class TestTheMatrix:
    @pytest.mark.parametrize("name", MATRIX)
    def test_each_kind_of_patch_gets_its_outcome_and_reason(
        self, graded: tuple[dict[str, Outcome], Path], name: str
    ) -> None:
        outcomes, out_dir = graded
        entry = read_json(out_dir / "outcomes.json")[name]
        assert (outcomes[name], entry["outcome"], entry["reason"]) == (MATRIX[name][1], *MATRIX[name][1:])

    def test_empty_patches_are_not_sent_to_the_harness(self, graded: tuple[dict[str, Outcome], Path]) -> None:
        _, out_dir = graded
        (run,) = runs(out_dir)
        sent = {row["instance_id"] for row in read_jsonl(run / "predictions.jsonl")}
        assert sent == set(MATRIX) - {"ctlab__calc-empty"}

    def test_a_second_call_reads_the_verdicts_and_starts_no_child(
        self, graded: tuple[dict[str, Outcome], Path], instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        outcomes, out_dir = graded
        complete = {name: patch for name, patch in PATCHES.items() if name != "ctlab__calc-noimage"}
        before = runs(out_dir)
        predictions = toy_tasks.write_predictions(tmp_path / "preds.jsonl", complete)
        again = SwebenchDocker(timeout_s=10).evaluate(predictions, matrix_instances(instances), out_dir)
        assert again == {name: outcomes[name] for name in complete}
        assert runs(out_dir) == before

    def test_a_stale_report_is_not_reused_for_another_patch(
        self, graded: tuple[dict[str, Outcome], Path], instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        _, out_dir = graded
        before = set(runs(out_dir))
        changed = {"ctlab__calc-gold": toy_tasks.NO_OP, "ctlab__calc-noop": toy_tasks.NO_OP}
        predictions = toy_tasks.write_predictions(tmp_path / "preds.jsonl", changed)
        outcomes = SwebenchDocker().evaluate(predictions, matrix_instances(instances), out_dir)
        assert set(outcomes.values()) == {Outcome.UNRESOLVED}
        (run,) = set(runs(out_dir)) - before
        assert [row["instance_id"] for row in read_jsonl(run / "rows.jsonl")] == ["ctlab__calc-gold"]

    def test_a_verdict_on_another_version_of_the_task_is_not_reused(
        self, graded: tuple[dict[str, Outcome], Path], instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        _, out_dir = graded
        gold = matrix_instances(instances)[0]
        harder = toy_tasks.instance({**gold.row, "FAIL_TO_PASS": ["test_that_is_not_there"]})
        predictions = toy_tasks.write_predictions(
            tmp_path / "preds.jsonl", {gold.instance_id: toy_tasks.GOLD}
        )
        outcomes = SwebenchDocker().evaluate(predictions, [harder], out_dir)
        assert outcomes == {gold.instance_id: Outcome.UNRESOLVED}


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("toy_images", "no_containers_left")
class TestInterruption:
    PATCHES: ClassVar = {"ctlab__calc-1": toy_tasks.GOLD, "ctlab__calc-2": toy_tasks.slow(8)}

    @pytest.fixture
    def started(self, toy_repo: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """A caller whose first instance is finished and whose second one is being tested; its run."""
        out_dir = tmp_path / "out"
        predictions = toy_tasks.write_predictions(tmp_path / "out.jsonl", self.PATCHES)
        command = [sys.executable, "-m", f"{__package__}.call_evaluate"]
        environment = {**os.environ, "OPENAI_API_KEY": "secret", "PYTHONPATH": os.pathsep.join(sys.path)}
        caller = subprocess.Popen(
            [*command, str(toy_repo), str(predictions), str(out_dir)],
            env=environment,
            preexec_fn=subprocesses.dies_with_parent(),  # also lets it be interrupted where pytest cannot be
        )
        try:
            wait_for(lambda: bool(list(out_dir.glob("ct-*/logs/**/ctlab__calc-1/report.json"))))
            wait_for(lambda: any("calc-2" in name for name in toy_tasks.containers()))
            yield caller, runs(out_dir)[0]
        finally:
            caller.kill()
            caller.wait()

    def test_after_kill_9_no_child_runs_and_the_next_call_finishes_the_rest(
        self, started: tuple[subprocess.Popen[bytes], Path], instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        caller, run = started
        assert all("OPENAI_API_KEY" not in environment for environment in environments_of(run.name))
        caller.kill()
        caller.wait()
        wait_for(lambda: processes_about(run.name) == [], limit_s=5)
        assert toy_tasks.containers(), "nothing was left to clean: the test shows nothing"

        outcomes = SwebenchDocker(timeout_s=120).evaluate(tmp_path / "out.jsonl", instances, run.parent)
        assert outcomes == dict.fromkeys(self.PATCHES, Outcome.RESOLVED)
        (second,) = set(runs(run.parent)) - {run}
        assert [row["instance_id"] for row in read_jsonl(second / "rows.jsonl")] == ["ctlab__calc-2"]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_takes_the_child_and_its_containers_along(
        self, started: tuple[subprocess.Popen[bytes], Path], number: signal.Signals
    ) -> None:
        caller, run = started
        caller.send_signal(number)
        assert caller.wait(timeout=60) != 0
        assert processes_about(run.name) == []
        assert toy_tasks.containers() == []


def environments_of(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if text.encode() in path.read_bytes():
            found.append(path.with_name("environ").read_text(errors="replace"))
    assert found, "no process to look at"
    return found


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("toy_images", "no_containers_left")
def test_an_outage_is_tried_again_under_a_new_run_id(instances: list[GoldInstance], tmp_path: Path) -> None:
    absent = toy_tasks.instance({**instances[0].row, "image": "swebench/absent:latest"})
    predictions = toy_tasks.write_predictions(tmp_path / "preds.jsonl", {absent.instance_id: toy_tasks.GOLD})
    outcomes = SwebenchDocker(attempts=2).evaluate(predictions, [absent], tmp_path / "out")
    assert outcomes == {absent.instance_id: Outcome.INFRA_ERROR}
    assert len(runs(tmp_path / "out")) == 2


@pytest.mark.docker
@pytest.mark.usefixtures("toy_images")
def test_preflight_names_how_many_images_must_be_pulled(
    instances: list[GoldInstance], caplog: pytest.LogCaptureFixture
) -> None:
    absent = toy_tasks.instance({**instances[0].row, "image": "swebench/absent:latest"})
    SwebenchDocker().preflight([*instances, absent])
    assert "swebench/absent:latest" in caplog.text


class TestWithoutAnEngine:
    @pytest.fixture(autouse=True)
    def dead_engine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        commands = tmp_path / "commands"
        commands.mkdir()
        (commands / "docker").symlink_to("/bin/true")  # the command is there, the engine is not
        monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")

    def test_preflight_fails_with_a_remedy(self, instances: list[GoldInstance]) -> None:
        with pytest.raises(PreflightError, match="start dockerd or point DOCKER_HOST"):
            SwebenchDocker().preflight(instances)

    def test_patches_are_missing_data_and_empty_ones_are_not(
        self, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        patches = {"ctlab__calc-1": toy_tasks.GOLD, "ctlab__calc-2": ""}
        predictions = toy_tasks.write_predictions(tmp_path / "preds.jsonl", patches)
        outcomes = SwebenchDocker().evaluate(predictions, instances, tmp_path / "out")
        assert outcomes == {"ctlab__calc-1": Outcome.INFRA_ERROR, "ctlab__calc-2": Outcome.EMPTY_PATCH}
        reasons = {name: entry["reason"] for name, entry in read_json(tmp_path / "out/outcomes.json").items()}
        assert reasons == {"ctlab__calc-1": "engine_unreachable", "ctlab__calc-2": None}
        assert runs(tmp_path / "out") == []


def test_preflight_refuses_a_limit_of_open_files_that_the_harness_could_not_set(
    instances: list[GoldInstance],
) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        pytest.skip("no hard limit here")
    with pytest.raises(PreflightError, match=rf"set harness\.open_file_limit={hard}"):
        SwebenchDocker(open_file_limit=hard + 1).preflight(instances)


def test_preflight_without_the_docker_command_says_what_to_install(
    instances: list[GoldInstance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PreflightError, match=r"install docker\.io"):
        SwebenchDocker().preflight(instances)


def test_a_setting_out_of_range_is_refused_by_its_key() -> None:
    with pytest.raises(ConfigError, match=r"harness\.attempts must be at least 1"):
        SwebenchDocker(attempts=0)
