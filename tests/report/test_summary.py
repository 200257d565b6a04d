import csv

import pytest

from contexttune.errors import ConfigError
from contexttune.report.summary import rebuild
from contexttune.report.tables import show
from contexttune.store import read_json, sha256, write_json
from tests.gitrepos import layout

GROUP = "g"


def write_run(place, run_id, condition, seed, outcomes, *, official=True, harness="swebench_docker"):
    """A run on disk; an outcome of None is an instance that it never reached."""
    write_json(
        place.run(GROUP, run_id) / "run.json",
        {
            "run_id": run_id,
            "group_id": GROUP,
            "condition": condition,
            "seed": seed,
            "status": "finished",
            "model_name_or_path": f"m__{condition}",
            "scripted": False,
            "harness": harness,
            "official": official,
            "instances": [{"instance_id": name, "repo": "o/r"} for name in outcomes],
            "manifest": {"rows_digest": "x"},
        },
    )
    verdicts = {}
    for name, outcome in outcomes.items():
        if outcome is None:
            continue
        status = "infra_error" if outcome == "outage" else "submitted"
        attempt = {
            "status": status,
            "exit_status": "stop",
            "patch_sha256": sha256(name),
            "wall_s": 1.5,
            "prompt_tokens": 10,
        }
        write_json(place.instance(GROUP, run_id, name) / "attempt.json", attempt | {"instance_id": name})
        if outcome not in ("outage", "ungraded"):
            verdicts[name] = {"outcome": outcome, "patch_sha256": sha256(name)}
    write_json(place.run(GROUP, run_id) / "outcomes.json", verdicts)


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


def test_the_difference_is_over_pairs_with_seeds_averaged_inside_an_instance(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved", "b": "unresolved", "c": "resolved"})
    write_run(place, "n1", "no_context", 1, {"a": "unresolved", "b": "unresolved", "c": "resolved"})
    write_run(place, "b0", "baseline_context", 0, {"a": "resolved", "b": "resolved", "c": "outage"})
    delta = rebuild(place, GROUP)["delta"]
    assert delta == {
        **{"control": "no_context", "treatment": "baseline_context"},
        **{"n_pairs": 2, "difference": (0.5 + 1.0) / 2, "n_better": 2, "n_worse": 0},
    }


def test_one_arm_alone_has_no_difference(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    assert "delta" not in rebuild(place, GROUP)


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


def test_a_group_without_runs_names_those_there_are(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    write_json(place.group(GROUP) / "group.json", {})
    with pytest.raises(ConfigError, match="groups there: g"):
        rebuild(place, "absent")


def test_an_arms_cost_is_a_sum_and_is_not_known_unless_every_attempts_is(place, capsys):
    for condition, costs in {"no_context": [0.25, 1.5], "baseline_context": [0.5, None]}.items():
        write_run(place, condition, condition, 0, {"a": "resolved", "b": "unresolved", "c": None})
        for name, cost_usd in zip("ab", costs, strict=True):
            path = place.instance(GROUP, condition, name) / "attempt.json"
            write_json(path, read_json(path) | {"cost_usd": cost_usd})
    made = rebuild(place, GROUP)
    assert {name: arm["cost_usd"] for name, arm in made["conditions"].items()} == {
        "no_context": 1.75,
        "baseline_context": None,
    }
    show(place, made)
    shown = capsys.readouterr().out
    assert "USD" in shown
    assert "1.75" in shown
