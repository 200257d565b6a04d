import pytest

from contexttune.config.schema import AnalysisConfig, Config, PathsConfig
from contexttune.errors import ConfigError
from contexttune.report import comparison, group
from contexttune.report.registered_analysis import analysis_of
from contexttune.system.files import read_json, write_json
from contexttune.tasks.compare import _compare
from tests.gitrepos import layout
from tests.report.groups import write_run

NAMES = [f"i{number:02}" for number in range(20)]


def outcomes(n_resolved, start=0):
    return {n: "resolved" if start <= k < start + n_resolved else "unresolved" for k, n in enumerate(NAMES)}


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def analysis(place):
    return analysis_of(place, "a", AnalysisConfig())


def compared(place, *, force=False):
    return comparison.compare_groups(
        group.read(place, "a"), group.read(place, "b"), analysis(place), force=force
    )


def test_groups_that_differ_in_the_condition_alone_are_compared(place):
    write_run(place, "n", "no_context", 0, outcomes(4), group="a", packages={"litellm": "1"})
    write_run(place, "m", "repo_map", 0, outcomes(16), group="b", packages={"litellm": "1"})
    found = compared(place)
    (contrast,) = found.contrasts
    assert (contrast.control, contrast.treatment) == ("no_context of a", "repo_map of b")
    assert contrast.delta.estimate == pytest.approx(0.6)
    assert contrast.verdict == "better"
    assert found.differing == []


def test_groups_that_differ_in_more_are_refused_by_the_names_of_the_keys(place):
    write_run(place, "n", "no_context", 0, outcomes(4), group="a", settings={"model": {"temperature": 0.0}})
    write_run(place, "m", "repo_map", 0, outcomes(16), group="b", settings={"model": {"temperature": 0.7}})
    with pytest.raises(ConfigError, match=r"settings.model.temperature: 0.0 -> 0.7.*compare.force=true"):
        compared(place)
    found = compared(place, force=True)
    page = comparison.write(place, found).read_text()
    assert page.count("**Forced**") == 2 == 1 + len(found.contrasts)
    assert read_json(place.comparisons / "a--b.json")["differing"] == [
        "settings.model.temperature: 0.0 -> 0.7"
    ]


def test_another_commit_is_said_and_another_version_refused(place):
    known = {"version": "2.0", "commit": "1f", "dirty": False, "diff_sha256": None}
    write_run(place, "n", "no_context", 0, outcomes(4), group="a", contexttune=known)
    write_run(place, "m", "repo_map", 0, outcomes(16), group="b", contexttune=known | {"commit": "2e"})
    found = compared(place)
    assert found.differing == []
    assert "contexttune.commit: 1f -> 2e" in found.remarks[0]
    write_run(place, "m", "repo_map", 0, outcomes(16), group="b", contexttune=known | {"version": "3.0"})
    with pytest.raises(ConfigError, match=r"contexttune\.version: 2\.0 -> 3\.0\. Set compare"):
        compared(place)


def test_rows_that_changed_under_one_name_are_a_difference(place):
    write_run(place, "n", "no_context", 0, outcomes(4), group="a", rows_digest="1")
    write_run(place, "m", "repo_map", 0, outcomes(16), group="b", rows_digest="2")
    with pytest.raises(ConfigError, match="rows_digest: 1 -> 2"):
        compared(place)


def test_rows_of_any_shard_that_changed_are_a_difference(place):
    for condition, name in (("no_context", "a"), ("repo_map", "b")):
        for index in (0, 1):
            shard = {"shard_index": index, "shard_count": 2}
            own = dict(list(outcomes(4).items())[index::2])
            rows = f"{index}{name if index else ''}"
            write_run(
                place,
                f"{condition}-shard{index}of2",
                condition,
                0,
                own,
                group=name,
                rows_digest=rows,
                config={"slice": shard},
            )
    with pytest.raises(ConfigError, match=r"more than the condition: rows_digest: 1a -> 1b\. Set compare"):
        compared(place)


def test_prompts_of_the_runner_that_are_not_the_same_are_a_difference(place):
    for run_id, condition, group_id in (("n", "no_context", "a"), ("m", "repo_map", "b")):
        write_run(place, run_id, condition, 0, outcomes(4), group=group_id)
        path = place.instance(group_id, run_id, "i00") / "attempt.json"
        write_json(path, read_json(path) | {"prompts_sha256": run_id})
    with pytest.raises(ConfigError, match="prompts: the runner's own, for 1 of 1 instances"):
        compared(place)


def test_a_condition_that_both_have_is_compared_with_itself(place):
    for name, n in (("a", 4), ("b", 5)):
        for condition in ("no_context", "repo_map"):
            write_run(place, condition, condition, 0, outcomes(n), group=name)
    pairs = [(one.control, one.treatment) for one in compared(place).contrasts]
    assert pairs == [("no_context of a", "no_context of b"), ("repo_map of a", "repo_map of b")]


def test_contrasts_of_one_table_are_corrected_together_and_no_group_misses_its_own_control(place):
    write_run(place, "n", "no_context", 0, outcomes(4), group="a")
    for condition, n in (("repo_map", 10), ("other", 5)):
        write_run(place, condition, condition, 0, outcomes(n), group="b")
    found = compared(place)
    by_name = {one.treatment: one for one in found.contrasts}
    # six gains and no loss: mid-p 1 / 64, the smaller one of two
    strong = by_name["repo_map of b"]
    assert (strong.delta.p, strong.delta.p_holm) == (pytest.approx(1 / 64), pytest.approx(2 / 64))
    assert "Holm's correction over 2 contrasts" in strong.sentence
    assert found.remarks == []


def test_a_margin_that_the_other_group_registered_is_said(place):
    write_run(place, "n", "no_context", 0, outcomes(4), group="a")
    write_run(place, "m", "repo_map", 0, outcomes(16), group="b")
    write_json(place.group("b") / "group.json", {"analysis": {"control": "no_context", "margin": 0.02}})
    found = _compare(Config(groups=["a", "b"], paths=PathsConfig(root=str(place.results.parent))))
    (remark,) = found.remarks
    assert ("0.05" in remark, "b registered 0.02" in remark) == (True, True)


def test_a_group_that_is_not_finished_is_withheld(place):
    write_run(place, "n", "no_context", 0, outcomes(4), group="a")
    write_run(place, "m", "repo_map", 0, outcomes(16), group="b")
    planned = {"run_id": "x", "condition": "repo_map", "seed": 1, "job_dir": "/nowhere"}
    write_json(place.planned("b", "x"), planned)
    (contrast,) = compared(place).contrasts
    assert contrast.verdict == "withheld"
    assert "repo_map of b is not finished (seed 1 is missing)" in contrast.sentence


def test_a_seed_that_only_one_group_has_is_named(place):
    for run_id, condition, seed, name in (
        ("n", "no_context", 0, "a"),
        *((f"m{s}", "repo_map", s, "b") for s in (0, 1)),
    ):
        write_run(place, run_id, condition, seed, outcomes(4), group=name)
    (remark,) = compared(place).remarks
    assert "eed 1 of repo_map of b has no counterpart in no_context of a" in remark


def test_the_seeds_of_one_condition_give_the_noise_floor(place):
    for seed in (0, 1):
        write_run(place, f"n{seed}", "no_context", seed, outcomes(10, start=seed), group="a")
    found = comparison.compare_seeds(group.read(place, "a"), analysis(place))
    (contrast,) = found.contrasts
    assert (contrast.control, contrast.treatment) == ("no_context seed 0", "no_context seed 1")
    assert contrast.delta.estimate == 0
    assert contrast.n_instances == 20
    # 2 of 20 instances differ: 1.96 * sqrt(0.1 / 20) = 0.1386
    assert "two seeds differ on 10.0 % of 20 instances" in found.remarks[0]
    assert "up to 13.9 points" in found.remarks[0]


def test_one_seed_has_no_noise_floor(place):
    write_run(place, "n", "no_context", 0, outcomes(10), group="a")
    with pytest.raises(ConfigError, match="no condition with two seeds"):
        comparison.compare_seeds(group.read(place, "a"), analysis(place))
