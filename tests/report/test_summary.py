import csv
from pathlib import Path

import jsonschema
import pytest

from contexttune.config.schema import AnalysisConfig
from contexttune.errors import ConfigError
from contexttune.report import group
from contexttune.report.registered_analysis import require_known
from contexttune.report.summary import rebuild
from contexttune.report.summary_schema import json_schema
from contexttune.report.tables import show
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


def test_runs_of_one_name_that_are_of_two_conditions_are_told(place):
    for seed, document_seed in ((0, 0), (1, 0), (2, 1)):
        settings = {"condition": {"name": "c", "document_seed": document_seed}}
        write_run(place, f"c{seed}", "c", seed, {"a": "resolved"}, settings=settings)
    assert any("condition.document_seed: 0 -> 1" in line for line in rebuild(place, "g")["warnings"])
    write_run(
        place, "c2", "c", 2, {"a": "resolved"}, settings={"condition": {"name": "c", "document_seed": 0}}
    )
    assert not any("document_seed" in line for line in rebuild(place, "g")["warnings"])


def test_a_shard_that_only_one_arm_has_is_not_passed_over_in_silence(place):
    whole = dict.fromkeys("abcd", "resolved")
    write_run(place, "n0", "no_context", 0, whole)
    write_run(place, "b0-shard0of2", "baseline_context", 0, {"a": "unresolved", "c": "resolved"})
    summary = rebuild(place, GROUP)
    assert summary["contrasts"][0]["n_pairs"] == 2
    (warning,) = summary["warnings"]
    assert warning.startswith("2 results of no_context have no counterpart in baseline_context")
    assert "slice.shard_index" in warning


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


def test_one_arm_alone_has_no_contrast_and_a_group_without_its_control_says_so(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    summary = rebuild(place, GROUP)
    assert summary["contrasts"] == []
    assert summary["warnings"] == []
    (warning,) = rebuild(place, GROUP, AnalysisConfig(control="other"))["warnings"]
    assert "control other has no run" in warning
    assert warning.endswith("no_context.")


def test_a_control_or_a_seed_that_nothing_has_is_refused(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    states = [state.as_json() for state in group.read(place, GROUP).states]
    require_known(AnalysisConfig(seeds=[0]), states)
    with pytest.raises(ConfigError, match=r"analysis\.control=no_contxt is not a condition .* no_context"):
        require_known(AnalysisConfig(control="no_contxt"), states)
    with pytest.raises(ConfigError, match="no run has seed 3"):
        require_known(AnalysisConfig(seeds=[0, 3]), states)
    with pytest.raises(ConfigError, match=r"analysis\.seeds=\[\] looks at nothing"):
        AnalysisConfig(seeds=[])


@pytest.mark.parametrize("margin", [0, 1e-100, 1, float("nan")])
def test_a_margin_that_is_none_is_refused(margin):
    with pytest.raises(ConfigError, match=r"analysis\.margin must be at least 0\.001 and below 1"):
        AnalysisConfig(margin=margin)


def test_what_was_registered_before_the_first_outcome_is_what_a_group_is_judged_by(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    write_json(place.group(GROUP) / "group.json", {"analysis": {"control": "no_context", "margin": 0.02}})
    assert rebuild(place, GROUP)["analysis"]["margin"] == 0.02
    changed = rebuild(place, GROUP, AnalysisConfig(margin=0.1))
    assert changed["analysis"]["changed"] == ["margin"]
    (warning,) = changed["warnings"]
    assert "analysis.margin is 0.1" in warning
    assert "registered as 0.02" in warning
    meant = rebuild(place, GROUP, AnalysisConfig(), ["analysis.margin=0.05"])  # a default that was typed
    assert (meant["analysis"]["margin"], meant["analysis"]["changed"]) == (0.05, ["margin"])


def test_runs_that_differ_in_more_than_their_condition_are_named(place):
    settings = {"model": {"temperature": 0}, "condition": {"name": "a"}, "seed": 0}
    other = {"model": {"temperature": 1}, "condition": {"name": "b"}, "seed": 1}
    write_run(place, "n0", "no_context", 0, {"a": "resolved"}, settings=settings, packages={"litellm": "1"})
    write_run(
        place, "b0", "baseline_context", 0, {"a": "resolved"}, settings=other, packages={"litellm": "2"}
    )
    (warning,) = [w for w in rebuild(place, GROUP)["warnings"] if "differ" in w]
    assert warning == (
        "Runs of this group differ in more than condition and seed: "
        "packages.litellm: 2 -> 1; settings.model.temperature: 1 -> 0."
    )


def test_a_summary_meets_its_published_schema(place):
    for seed in (0, 1):
        write_run(place, f"n{seed}", "no_context", seed, dict.fromkeys("abcdef", "unresolved"))
        outcomes = dict.fromkeys("abcd", "resolved") | dict.fromkeys("ef", "unresolved")
        write_run(place, f"b{seed}", "baseline_context", seed, outcomes)
    schema = read_json(Path(__file__).parents[2] / "docs" / "summary.schema.json")
    assert schema == json_schema(), "make schema"
    rebuild(place, GROUP)
    jsonschema.validate(read_json(place.group(GROUP) / "summary.json"), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read_json(place.group(GROUP) / "summary.json") | {"contrasts": [{}]}, schema)


def test_the_page_for_people_has_the_answer_with_its_interval_and_no_markup_of_others(place):
    for condition, outcome in {"no_context": "unresolved", "<b>|x": "resolved"}.items():
        write_run(place, condition[:1], condition, 0, dict.fromkeys("abcdefgh", outcome))
    (contrast,) = rebuild(place, GROUP)["contrasts"]
    page = (place.group(GROUP) / "summary.md").read_text()
    assert contrast["verdict"] == "better"
    assert (
        f"**Better: \\<b\\>\\|x resolves more instances than no_context: +{100 * contrast['delta']['estimate']:.1f}"
        in page
    )
    assert "| 95 % interval | +" in page
    assert "| Minimum detectable effect" in page
    assert "8 instances x 1 seed, 8 pairs of results." in page
    assert "| p of equivalence within 5.0 points |" in page
    assert "<b>" not in page
    assert r"\<b\>\|x" in page


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
    with pytest.raises(ConfigError, match="available groups: g"):
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


def test_the_control_is_the_first_row_and_column_on_the_console(place, capsys):
    for condition in ("no_context", "placebo"):
        write_run(place, condition, condition, 0, {"a": "resolved"})
    show(place, rebuild(place, GROUP, AnalysisConfig(control="placebo")))
    shown = capsys.readouterr().out
    assert shown.index("placebo s0") < shown.index("no_context s0")
    assert shown.index("placebo   ") < shown.index("no_context   ")
