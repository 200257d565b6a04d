"""Which instances a machine can grade, and how a group leaves the others out for all its arms."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from contexttune.errors import ConfigError, ExitCode
from contexttune.experiment.cell import Cell
from contexttune.experiment.run_record import RunRecord
from contexttune.instances import health_records
from contexttune.instances.exclusion import Exclusion
from contexttune.instances.health_records import Check
from contexttune.interfaces import Harness, UsesImages
from contexttune.system.files import read_json, read_jsonl
from contexttune.tasks.health import HealthCheck
from contexttune.types import GoldInstance, Outcome
from tests.command_line import contexttune
from tests.harness import toy_tasks
from tests.harness.cells import cell, dataset

NAMES = ("calc-good", "calc-nofix", "calc-badgold")
REASONS = {
    "calc-nofix": "it is resolved without a fix",
    "calc-badgold": "its gold patch is graded as unresolved",
}
MakeCell = Callable[..., Cell]


@pytest.fixture
def make(tmp_path: Path, toy_repo: Path, instances: list[GoldInstance]) -> MakeCell:
    """Makes cells over three rows: a sound one, one whose tests pass as they are, one whose gold patch is none."""
    good, nofix, bad = (dict(i.row) for i in toy_tasks.copies(instances[0], *NAMES))
    nofix["FAIL_TO_PASS"], nofix["PASS_TO_PASS"] = [toy_tasks.id_of("test_mean")], []
    bad["patch"] = toy_tasks.NO_OP
    rows = dataset(tmp_path / "rows.jsonl", [good, nofix, bad])
    return lambda *overrides: cell(tmp_path, rows, toy_repo, *overrides)


@dataclass
class Grader(Harness, UsesImages):
    """Answers as it is told, in place of a harness; keeps what it was asked."""

    name: str = "local"
    outages: set[str] = field(default_factory=set)
    interrupted: bool = False
    digest: str = "sha256:1"
    asked: list[tuple[str, str]] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)

    def image_digests(self, images: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(images, self.digest)

    def evaluate(
        self, predictions: Path, instances: Sequence[GoldInstance], out_dir: Path
    ) -> dict[str, Outcome]:
        self.places.append(out_dir.parent)
        outcomes = {}
        for row in read_jsonl(predictions):
            name, kind = row["instance_id"], row["model_name_or_path"]
            self.asked.append((name, kind))
            if self.interrupted:
                raise KeyboardInterrupt
            verdict = Outcome.RESOLVED if kind == "gold" else Outcome.UNRESOLVED
            outcomes[name] = Outcome.INFRA_ERROR if name in self.outages else verdict
        return outcomes


def checked_with(made: Cell, grader: Grader) -> ExitCode:
    vars(made)["harness"] = grader
    return HealthCheck(made).run()


def checks(made: Cell) -> list[Check]:
    (path,) = made.layout.health.glob("*.json")
    return health_records.read(path)


@pytest.mark.bwrap
def test_gold_that_fails_and_tests_that_pass_without_a_fix_are_unhealthy(
    make: MakeCell, caplog: pytest.LogCaptureFixture
) -> None:
    made = make()
    assert HealthCheck(made).run() is ExitCode.DONE
    assert {check.instance_id: check.defect for check in checks(made)} == {"calc-good": None, **REASONS}
    told = {r.getMessage() for r in caplog.records if r.getMessage().startswith("unhealthy")}
    assert told == {f"unhealthy: {name}: {reason}" for name, reason in REASONS.items()}


@pytest.mark.docker
@pytest.mark.usefixtures("toy_images")
def test_the_real_harness_finds_the_same_in_images_that_are_noted(make: MakeCell) -> None:
    made = make("harness=swebench_docker")
    assert HealthCheck(made).run() is ExitCode.DONE
    assert {check.instance_id: check.defect for check in checks(made)} == {"calc-good": None, **REASONS}
    assert all(str(check.image_digest).startswith("sha256:") for check in checks(made))
    before = sorted(made.layout.health.glob("*/*/*/1/harness/ct-*"))
    assert len(before) == 2
    assert HealthCheck(make("harness=swebench_docker")).run() is ExitCode.DONE
    assert sorted(made.layout.health.glob("*/*/*/1/harness/ct-*")) == before


def test_an_outage_is_missing_and_only_that_is_tried_again(make: MakeCell) -> None:
    made, grader = make(), Grader(outages={"calc-nofix"})
    assert checked_with(made, grader) is ExitCode.MISSING_UNITS
    assert {check.instance_id for check in checks(made)} == {"calc-good", "calc-badgold"}
    again = Grader()
    assert checked_with(make(), again) is ExitCode.DONE
    assert again.asked == [("calc-nofix", "gold"), ("calc-nofix", "no_change")]


def test_an_interrupted_check_goes_on_where_its_verdicts_lie(make: MakeCell) -> None:
    first, second = Grader(interrupted=True), Grader()
    with pytest.raises(KeyboardInterrupt):
        checked_with(make(), first)
    assert checked_with(make(), second) is ExitCode.DONE
    assert second.places[0] == first.places[0]


def test_another_image_is_checked_anew_and_not_by_what_was_found_in_the_first(make: MakeCell) -> None:
    first, second, back = Grader(), Grader(digest="sha256:2"), Grader()
    for grader in (first, second):
        assert checked_with(make(), grader) is ExitCode.DONE
        assert len(grader.asked) == 6
    assert not set(first.places) & set(second.places)
    made = make()
    assert checked_with(made, back) is ExitCode.DONE
    assert back.asked == []  # that image is known
    key = made.exclusion.harness
    rows = {c.instance_id: c.row_digest for c in checks(made)}
    known = health_records.last_checks(made.layout, key)["calc-good", rows["calc-good"]]
    assert [check.image_digest for check in known.values()] == ["sha256:1"]  # the one that is here now


def test_processes_of_one_machine_check_after_each_other(make: MakeCell) -> None:
    cells = [make("slice.instance_ids=[calc-good]"), make(), make("slice.instance_ids=[calc-nofix]")]
    graders = [Grader() for _ in cells]
    with ThreadPoolExecutor() as pool:
        codes = list(pool.map(checked_with, cells, graders))
    assert codes == [ExitCode.DONE] * 3
    assert sorted(one for grader in graders for one in grader.asked) == sorted(
        (name, kind) for name in NAMES for kind in health_records.KINDS
    )
    assert len(checks(cells[0])) == 3


def test_a_row_is_the_same_in_every_form_of_a_dataset(instances: list[GoldInstance]) -> None:
    row = dict(instances[0].row)
    as_text = {k: str(v).replace("'", '"') if isinstance(v, list) else v for k, v in row.items()}
    assert as_text != row
    same, other = toy_tasks.instance(as_text), toy_tasks.instance({**row, "eval_script": "exit 1"})
    assert (
        health_records.row_digest(same)
        == health_records.row_digest(instances[0])
        != health_records.row_digest(other)
    )


def know(made: Cell, defects: Mapping[str, bool], host: str = "node1") -> None:
    """Write a machine's health file: instance_id -> whether it is unhealthy there."""
    rows = {i.instance_id: i for i in replace_slice(made).instances}
    found = [
        Check(
            instance_id=name,
            row_digest=health_records.row_digest(rows[name]),
            harness=made.exclusion.harness,
            image_digest=None,
            confirmed="2026-01-01",
            gold={"outcome": "unresolved" if unhealthy else "resolved", "reason": None},
            no_change={"outcome": "unresolved", "reason": None},
        )
        for name, unhealthy in defects.items()
    ]
    health_records.write(made.layout.health / f"{host}.json", found)


def replace_slice(made: Cell) -> Cell:
    everything = replace(made.config.slice, healthy_only=False, limit=None, shard_index=0, shard_count=1)
    return Cell(replace(made.config, slice=everything), made.container)


def ids(made: Cell) -> list[str]:
    RunRecord(made).check()
    return [i.instance_id for i in made.instances]


HEALTHY = ("slice.healthy_only=true", "group_id=g")
ALL = dict.fromkeys(NAMES, False)


def test_what_is_unhealthy_on_any_machine_is_left_out_before_limit_and_shards(make: MakeCell) -> None:
    know(make(), ALL)
    know(make(), {"calc-good": True}, host="node2")
    first = make(*HEALTHY, "slice.limit=1")
    assert ids(first) == ["calc-nofix"]
    assert [entry["instance_id"] for entry in first.excluded] == ["calc-good"]
    know(make(), {"calc-badgold": True}, host="node3")
    beyond = make(*HEALTHY[:1], "group_id=i", "slice.limit=1", "slice.instance_ids=[calc-nofix,calc-badgold]")
    assert (ids(beyond), beyond.excluded) == (["calc-nofix"], [])
    know(make(), {}, host="node3")
    shards = [
        make(*HEALTHY[:1], "group_id=h", "slice.shard_count=2", f"slice.shard_index={i}") for i in (0, 1)
    ]
    assert [ids(shard) for shard in shards] == [["calc-nofix"], ["calc-badgold"]]
    reason = {"instance_id": "calc-good", "reason": "its gold patch is graded as unresolved on node2"}
    assert read_json(shards[0].layout.group("h") / "group.json")["excluded"] == [reason]


def test_an_instance_without_a_check_is_refused_with_the_command_that_checks_it(make: MakeCell) -> None:
    know(make(), {"calc-good": False})
    made = make(*HEALTHY)
    with pytest.raises(
        ConfigError, match=r"2 instances .*experiment=health slice=custom slice.dataset=.*harness=local"
    ):
        RunRecord(made).check()
    assert not (made.layout.group("g") / "group.json").exists()
    assert ids(make(*HEALTHY, "slice.limit=1", "group_id=h")) == ["calc-good"]  # the others are not reached
    with pytest.raises(ConfigError, match="harness=none grades nothing"):
        RunRecord(make(*HEALTHY, "harness=none", "group_id=i")).check()
    know(make(), dict.fromkeys(NAMES, True))
    with pytest.raises(ConfigError, match="all 3 selected instances are unhealthy"):
        ids(make(*HEALTHY, "group_id=j"))


def test_later_runs_keep_the_list_of_the_first_and_are_told_what_has_changed(
    make: MakeCell, caplog: pytest.LogCaptureFixture
) -> None:
    know(make(), ALL | {"calc-nofix": True})
    first = ids(make(*HEALTHY))
    know(make(), ALL | {"calc-badgold": True})
    assert ids(make(*HEALTHY, "seed=1")) == first == ["calc-good", "calc-badgold"]
    warned = " ".join(r.getMessage() for r in caplog.records if r.levelname == "WARNING")
    assert "calc-badgold is unhealthy" in warned
    assert "calc-nofix is healthy now" in warned
    dry = make(*HEALTHY, "dry_run=true")
    assert [i.instance_id for i in dry.instances] == first


def test_a_group_that_has_begun_with_all_is_refused_where_no_record_is_kept_too(make: MakeCell) -> None:
    RunRecord(make("group_id=g")).check()
    with pytest.raises(ConfigError, match=r"group_id=g .*slice\.healthy_only"):
        _ = make(*HEALTHY, "dry_run=true").instances


def test_arms_that_start_at_the_same_moment_leave_out_the_same(
    make: MakeCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, together = iter(NAMES), threading.Barrier(2)
    monkeypatch.setattr(
        Exclusion, "decide", lambda self: [{"instance_id": next(names), "reason": "each time another"}]
    )

    def arm(made: Cell) -> list[str]:
        together.wait()
        return ids(made)

    with ThreadPoolExecutor() as pool:
        arms = [make(*HEALTHY, f"condition.name={name}") for name in ("a", "b")]
        first, second = pool.map(arm, arms)
    assert first == second
    assert len(first) == 2


def test_healthy_only_is_a_slice_of_its_own(make: MakeCell) -> None:
    plain, healthy = make(), make("slice.healthy_only=true")
    assert plain.run_id != healthy.run_id
    assert plain.group_id != healthy.group_id
    for taken in ("health", "comparisons"):
        with pytest.raises(ConfigError, match=f"group_id={taken} "):
            RunRecord(make(f"group_id={taken}")).check()


def test_the_command_that_checks_is_of_the_same_slice_and_safe_to_paste() -> None:
    custom = {"name": "custom", "dataset": "a b; rm -rf ~", "limit": 5}
    words = "python -m contexttune experiment=health slice=custom 'slice.dataset=a b; rm -rf ~'"
    assert health_records.command(custom, "local") == f"{words} slice.limit=5 harness=local"
    assert health_records.command(custom | {"healthy_only": True}, "local") == f"{words} harness=local"


def test_the_ceiling_is_of_the_groups_rows_and_harness(make: MakeCell) -> None:
    made = make("group_id=g")
    RunRecord(made).check()
    with RunRecord(made).kept():
        pass
    nothing = health_records.of_group(made.layout, "g", NAMES)
    assert (nothing["ceiling"], nothing["n_checked"], nothing["n_instances"]) == (None, 0, 3)
    assert health_records.words(nothing).startswith(
        "ceiling: not checked: python -m contexttune experiment=health"
    )
    know(make("harness.timeout_s=7"), ALL)  # other settings of the harness
    assert health_records.of_group(made.layout, "g", NAMES) == nothing
    know(made, {"calc-good": False, "calc-badgold": True})
    found = health_records.of_group(made.layout, "g", NAMES)
    assert (found["ceiling"], found["n_checked"]) == (0.5, 2)
    assert found["unhealthy"] == [
        {"instance_id": "calc-badgold", "reason": "its gold patch is graded as unresolved on node1"}
    ]
    words = "ceiling: the gold patch resolves 1 of 2 checked instances (of 3); unhealthy: calc-badgold"
    assert health_records.words(found) == words


@pytest.mark.bwrap
def test_the_demo_is_refused_without_a_check_and_is_checked_by_the_command_that_is_named(
    tmp_path: Path,
) -> None:
    one: tuple[Any, ...] = ("slice=demo", "harness=local", "slice.limit=1")
    run = (*one, "runner=gold", "condition=no_context", "slice.healthy_only=true", "group_id=g")
    refused = contexttune(*run, cwd=tmp_path)
    assert refused.returncode == 2
    assert "python -m contexttune experiment=health slice=demo harness=local" in refused.stdout
    assert not (tmp_path / "results").exists() or not list(tmp_path.glob("results/g/runs/*/run.json"))
    done = contexttune("experiment=health", *one, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 instances are healthy" in done.stdout
