"""Discordant predictions graded again: what differs is flaky, and the run's own verdict stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contexttune.errors import ConfigError, PreflightError
from contexttune.experiment.cell import Cell
from contexttune.experiment.pipeline import Experiment
from contexttune.harness import local
from contexttune.report import cell_states
from contexttune.report.flaky import flaky_gradings
from contexttune.system.files import read_json, read_jsonl, sha256, write_json, write_jsonl
from contexttune.tasks import reevaluate
from contexttune.types import GoldInstance
from tests.command_line import contexttune
from tests.harness import toy_tasks
from tests.harness.cells import cell, dataset

NAMES = ("calc-flaky", "calc-real", "calc-same")
# as the runs have graded them; grading again resolves a prediction by what its patch does
CONTROL = {
    "calc-flaky": (toy_tasks.NO_OP, "unresolved"),
    "calc-real": (toy_tasks.NO_OP, "unresolved"),
    "calc-same": (toy_tasks.NO_OP, "unresolved"),
}
TREATED = {
    "calc-flaky": (toy_tasks.NO_OP, "resolved"),
    "calc-real": (toy_tasks.GOLD, "resolved"),
    "calc-same": (toy_tasks.NO_OP, "unresolved"),
}
FLAKY = {"instance_id": "calc-flaky", "condition": "treated", "seed": 0, "outcome": "resolved"}
MakeGroup = Callable[..., list[Cell]]


def claim(made: Cell, verdicts: dict[str, tuple[str, str]]) -> None:
    """Make a finished run's predictions and outcomes those: instance_id -> (patch, outcome)."""
    home = made.layout.run(made.group_id, made.run_id)
    predictions = {name: patch for name, (patch, _) in verdicts.items()}
    toy_tasks.write_predictions(made.layout.predictions(made.group_id, made.run_id), predictions)
    kept = {n: {"outcome": o, "patch_sha256": sha256(p)} for n, (p, o) in verdicts.items()}
    write_json(home / "outcomes.json", kept)
    rows = read_jsonl(home / "rows.jsonl")
    write_jsonl(home / "rows.jsonl", [row | {"outcome": verdicts[row["instance_id"]][1]} for row in rows])


@pytest.fixture
def group(tmp_path: Path, toy_repo: Path, instances: list[GoldInstance]) -> MakeGroup:
    """Makes a finished group of two arms, the control first, that end as above."""
    rows = dataset(tmp_path / "rows.jsonl", [i.row for i in toy_tasks.copies(instances[0], *NAMES)])

    def make(*overrides: str) -> list[Cell]:
        arms = []
        for name, verdicts in (("no_context", CONTROL), ("treated", TREATED)):
            own = ("group_id=g", f"condition.name={name}", *overrides)
            Experiment(cell(tmp_path, rows, toy_repo, *own, "stages=[inference]")).run()
            arms.append(cell(tmp_path, rows, toy_repo, *own))
            claim(arms[-1], verdicts)
        return arms

    return make


def again(arms: list[Cell], times: int) -> int:
    return reevaluate.reevaluate(arms[0].layout, "g", times, arms[0].config.analysis)


def found(arms: list[Cell]) -> list[dict[str, Any]]:
    layout = arms[0].layout
    return flaky_gradings(layout, cell_states.read_runs(layout, "g"))


def test_discordant_is_what_the_arms_resolve_in_other_shares() -> None:
    def row(condition: str, seed: int, outcome: str, name: str = "i") -> dict[str, Any]:
        return {"condition": condition, "seed": seed, "outcome": outcome, "instance_id": name}

    rows = [row("c", 0, "resolved"), row("c", 1, "error"), row("t", 0, "unresolved"), row("t", 1, "resolved")]
    assert reevaluate.discordant(rows, "c") == {"t": []}  # the same half
    partly = [*rows[:3], row("t", 0, "resolved", "only here")]
    assert reevaluate.discordant(partly, "c") == {"t": ["i"]}
    assert reevaluate.discordant(rows, "not run") == {"c": [], "t": []}
    apart = [row("c", 1, "resolved"), row("c", 2, "error"), row("t", 0, "resolved"), row("t", 1, "error")]
    assert reevaluate.discordant(apart, "c") == {
        "t": ["i"]
    }  # half of other seeds, and other ends of the one that both have
    assert reevaluate.discordant([apart[1], apart[2]], "c") == {"t": []}  # none that both have


@pytest.mark.bwrap
def test_what_differs_is_flaky_and_a_number_is_graded_once(group: MakeGroup) -> None:
    arms = group()
    homes = [arm.layout.run("g", arm.run_id) for arm in arms]
    before = [(home / "outcomes.json").read_bytes() for home in homes]
    assert found(arms) == []
    assert again(arms, 1) == 0
    assert found(arms) == [FLAKY | {"run_id": arms[1].run_id, "again": ["unresolved"]}]
    kept = read_json(homes[0] / "reevaluations.json")
    assert {name: entry["again"] for name, entry in kept.items()} == {
        "calc-flaky": {"1": "unresolved"},
        "calc-real": {"1": "unresolved"},
    }
    first = {path: path.stat().st_mtime_ns for path in homes[1].rglob("1/harness/*/report.json")}
    assert len(first) == 2
    assert again(arms, 2) == 0
    assert found(arms)[0]["again"] == ["unresolved", "unresolved"]
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert [(home / "outcomes.json").read_bytes() for home in homes] == before


def test_an_outage_is_no_verdict_and_is_tried_again(
    group: MakeGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contexttune.harness.local import Local
    from contexttune.types import Outcome

    arms, asked = group(), []

    def evaluate(self: Local, path: Path, instances: list[GoldInstance], out_dir: Path) -> dict[str, Outcome]:
        assert self.max_workers == 1
        asked.append([row["instance_id"] for row in read_jsonl(path)])
        outage = len(asked) == 1
        return {
            name: Outcome.INFRA_ERROR if outage and name == "calc-real" else Outcome.UNRESOLVED
            for name in asked[-1]
        }

    monkeypatch.setattr(Local, "evaluate", evaluate)
    monkeypatch.setattr(Local, "preflight", lambda *_: None)
    assert again(arms, 1) == 1
    assert again(arms, 1) == 0
    assert asked == [["calc-flaky", "calc-real"], ["calc-flaky", "calc-real"], ["calc-real"]]


def test_a_run_of_an_early_version_is_graded_again_too(group: MakeGroup) -> None:
    arms = group()
    for arm in arms:
        path = arm.layout.run("g", arm.run_id) / "run.json"
        record = read_json(path)
        del record["images"], record["manifest"]["harness"]
        del record["manifest"]["config"]["analysis"], record["manifest"]["config"]["slice"]["healthy_only"]
        write_json(path, record)
    assert again(arms, 1) == 0


def test_a_prediction_that_was_made_anew_is_not_judged_by_the_old_one(group: MakeGroup) -> None:
    arms = group()
    path = arms[1].layout.reevaluations("g", arms[1].run_id)
    entry = {"patch_sha256": sha256(toy_tasks.NO_OP), "again": {"1": "unresolved"}}
    write_json(path, {"calc-flaky": entry})
    assert len(found(arms)) == 1
    claim(arms[1], {**TREATED, "calc-flaky": (toy_tasks.GOLD, "resolved")})
    assert found(arms) == []


def test_rows_that_have_changed_are_refused(group: MakeGroup, tmp_path: Path) -> None:
    arms = group()
    rows = read_jsonl(tmp_path / "rows.jsonl")
    dataset(tmp_path / "rows.jsonl", [row | {"problem_statement": "another"} for row in rows])
    with pytest.raises(ConfigError, match=r"rows.jsonl has changed since run"):
        again(arms, 1)


def test_patches_are_not_taken_for_the_packages_own_because_a_record_says_so(
    group: MakeGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = group()
    monkeypatch.setattr(Cell, "_is_bundled", True)
    monkeypatch.setattr(local, "find_bwrap", lambda: None)
    with pytest.raises(PreflightError, match="bubblewrap"):
        again(arms, 1)


@pytest.mark.docker
@pytest.mark.usefixtures("toy_images", "no_containers_left")
def test_the_report_grades_again_by_the_groups_own_harness(group: MakeGroup, tmp_path: Path) -> None:
    arms = group("harness=swebench_docker")
    command = ("task=report", "group_id=g", "reevaluate_flips=1")  # its harness need not be said again
    done = contexttune(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"flaky: calc-flaky in {arms[1].run_id}: resolved, then unresolved" in done.stdout
    assert found(arms) == [FLAKY | {"run_id": arms[1].run_id, "again": ["unresolved"]}]
    graded = sorted(tmp_path.glob("results/g/runs/*/reevaluations/1/harness/ct-*"))
    assert len(graded) == 2
