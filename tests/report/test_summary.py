import csv

import pytest

from contexttune.config.schema import AnalysisConfig
from contexttune.report.summary import rebuild
from contexttune.system.files import read_json, sha256, write_json
from tests.gitrepos import layout
from tests.report.groups import GROUP, write_run


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_rates_leave_missing_data_out_of_the_denominator(place):
    outcomes = {
        "a": "resolved",
        "b": "unresolved",
        "c": "empty_patch",
        "d": "error",
        "e": "infra_error",
        "f": "outage",
        "g": None,
    }
    write_run(place, "r0", "no_context", 0, outcomes)
    arm = rebuild(place, GROUP)["conditions"]["no_context"]
    assert (arm["resolved"], arm["total"], arm["rate"], arm["planned"], arm["runs"]) == (1, 4, 0.25, 7, 1)
    assert arm["outcomes"] == {
        **{"resolved": 1, "unresolved": 1, "empty_patch": 1, "error": 1, "infra_error": 2, "missing": 1},
    }


def test_a_contrast_is_over_the_seeds_and_results_that_both_arms_have(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved", "b": "unresolved", "c": "resolved"})
    write_run(place, "n1", "no_context", 1, {"a": "unresolved", "b": "unresolved", "c": "resolved"})
    write_run(place, "b0", "baseline_context", 0, {"a": "resolved", "b": "resolved", "c": "outage"})
    summary = rebuild(place, GROUP)
    (contrast,) = summary["contrasts"]
    assert (contrast["control"], contrast["treatment"]) == ("no_context", "baseline_context")
    assert (contrast["n_instances"], contrast["n_seeds"], contrast["n_pairs"]) == (2, 1, 2)
    assert contrast["delta"]["estimate"] == 0.5
    assert [one["instance_id"] for one in contrast["gained"]] == ["b"]
    assert contrast["verdict"] == "withheld"
    assert "Seed 1 of no_context has no counterpart in baseline_context" in " ".join(summary["warnings"])


def test_a_group_whose_other_cells_are_not_finished_has_its_verdict_withheld(place):
    for condition in ("no_context", "baseline_context"):
        write_run(place, condition, condition, 0, {name: "resolved" for name in "abcdef"})
    planned = {"run_id": "x", "condition": "baseline_context", "seed": 1, "job_dir": "/nowhere"}
    write_json(place.planned(GROUP, "x"), planned)
    (contrast,) = rebuild(place, GROUP)["contrasts"]
    assert contrast["verdict"] == "withheld"
    assert any("seed 1 is missing" in reason for reason in contrast["reasons"])
    (contrast,) = rebuild(place, GROUP, AnalysisConfig(seeds=[0]))["contrasts"]
    assert contrast["verdict"] != "withheld"


def test_instances_csv_has_a_row_for_every_instance_of_every_run(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved", "b": None})
    write_run(
        place,
        "b0",
        "baseline_context",
        0,
        {"a": "ungraded", "b": "unresolved"},
        official=False,
        harness="local",
    )
    summary = rebuild(place, GROUP)
    with (place.group(GROUP) / "instances.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    shown = [(r["condition"], r["instance_id"], r["repo"], r["outcome"], r["attempt_status"]) for r in rows]
    assert shown == [
        ("baseline_context", "a", "o/r", "missing", "submitted"),
        ("baseline_context", "b", "o/r", "unresolved", "submitted"),
        ("no_context", "a", "o/r", "resolved", "submitted"),
        ("no_context", "b", "o/r", "missing", ""),
    ]
    assert summary["official"] is False
    assert summary["n_instances"] == 2
    assert read_json(place.group(GROUP) / "summary.json") == summary


def test_a_verdict_on_another_patch_does_not_count(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    path = place.instance(GROUP, "n0", "a") / "attempt.json"
    write_json(path, read_json(path) | {"patch_sha256": sha256("another")})
    assert rebuild(place, GROUP)["conditions"]["no_context"]["outcomes"]["missing"] == 1
