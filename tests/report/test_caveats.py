import pytest

from contexttune.config.schema import AnalysisConfig
from contexttune.report.summary import rebuild
from tests.gitrepos import layout
from tests.report.groups import GROUP, write_run


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_runs_of_one_condition_name_with_different_settings_are_reported(place):
    for seed, document_seed in ((0, 0), (1, 0), (2, 1)):
        settings = {"condition": {"name": "c", "document_seed": document_seed}}
        write_run(place, f"c{seed}", "c", seed, {"a": "resolved"}, settings=settings)
    assert any("condition.document_seed: 0 -> 1" in line for line in rebuild(place, "g")["warnings"])
    write_run(
        place, "c2", "c", 2, {"a": "resolved"}, settings={"condition": {"name": "c", "document_seed": 0}}
    )
    assert not any("document_seed" in line for line in rebuild(place, "g")["warnings"])


def test_a_shard_missing_in_one_arm_is_reported(place):
    whole = dict.fromkeys("abcd", "resolved")
    write_run(place, "n0", "no_context", 0, whole)
    write_run(place, "b0-shard0of2", "baseline_context", 0, {"a": "unresolved", "c": "resolved"})
    summary = rebuild(place, GROUP)
    assert summary["contrasts"][0]["n_pairs"] == 2
    (warning,) = summary["warnings"]
    assert warning.startswith("2 results of no_context have no counterpart in baseline_context")
    assert "slice.shard_index" in warning


def test_a_missing_control_is_reported(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    summary = rebuild(place, GROUP)
    assert summary["contrasts"] == []
    assert summary["warnings"] == []
    (warning,) = rebuild(place, GROUP, AnalysisConfig(control="other"))["warnings"]
    assert "control other has no run" in warning
    assert warning.endswith("no_context.")


def test_differences_besides_the_condition_are_reported(place):
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
