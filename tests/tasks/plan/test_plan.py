import copy
import csv
import functools

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from contexttune.config import schema
from contexttune.config.build import build
from contexttune.config.validation import check
from contexttune.errors import ConfigError
from contexttune.instances import slices
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir
from contexttune.system.progress import console
from contexttune.tasks.plan.assumptions import AMOUNTS, Range
from contexttune.tasks.plan.table import number, show, span
from tests.command_line import contexttune

AGENT = ("runner=mini_swe_agent_swebench", "model.name=gpt-5-mini")


@functools.cache
def composed(*overrides):
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        return compose("config", overrides=["task=plan", *overrides])


def planned(tmp_path, *overrides):
    """(task, configuration) of task=plan in a directory of its own."""
    cfg = copy.deepcopy(composed(*overrides))
    cfg.paths.root = str(tmp_path)
    return build(dict(cfg.task), "task"), cfg


def study(tmp_path, *overrides):
    task, cfg = planned(tmp_path, *overrides)
    return task.study(check(cfg), OmegaConf.to_container(cfg, resolve=True))


def printed(tmp_path, *overrides) -> str:
    task, cfg = planned(tmp_path, *overrides)
    with console().capture() as capture:
        assert task.execute(cfg).exit_code == 0
    return capture.get()


def write_group(tmp_path, rows):
    """rows: (condition, seed, instance, outcome, extra columns)."""
    columns = ("run_id", "condition", "seed", "instance_id", "repo", "outcome", "n_calls", "n_steps")
    columns += ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd", "wall_s", "steps_to_patch")
    columns += ("difficulty",)
    home = tmp_path / "results" / "earlier"
    home.mkdir(parents=True)
    with (home / "instances.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        for condition, seed, instance, outcome, extra in rows:
            known = {"condition": condition, "seed": seed, "instance_id": instance, "outcome": outcome}
            writer.writerow({**known, "repo": "o/r", **extra})


@pytest.mark.parametrize(
    ("option", "keys", "n"),
    [
        ("verified_mini", {}, 50),
        ("verified", {}, 500),
        ("lite", {}, 300),
        ("smoke", {}, 1),
        ("verified", {"limit": 40}, 40),
        ("verified_mini", {"limit": 40, "shard_index": 1, "shard_count": 4}, 40),
        ("verified_mini", {"repos": ["django/django"]}, 25),
        ("verified_mini", {"filter": "sphinx.*-8.*"}, 9),
        ("verified", {"filter": "x"}, None),
        ("verified", {"split": "dev"}, None),
        ("custom", {"dataset": "some/where"}, None),
    ],
)
def test_the_number_of_instances_is_known_without_a_dataset(option, keys, n):
    shipped = yaml.safe_load((config_dir() / "slice" / f"{option}.yaml").read_text())
    assert slices.count(schema.SliceConfig(**(shipped | keys))) == n


def test_ids_that_pass_no_filter_are_no_slice():
    ids = schema.SliceConfig(dataset="some/where", instance_ids=["a__b-1"], filter="x")
    with pytest.raises(ConfigError, match="the slice is empty"):
        slices.count(ids)


def test_a_file_is_counted(tmp_path):
    assert study(tmp_path, "slice=demo", "harness=none").n_instances == 6


def test_a_number_that_only_the_dataset_knows_is_asked_for(tmp_path):
    with pytest.raises(ConfigError, match=r"plan\.instances=N"):
        study(tmp_path, "slice=verified", "slice.filter=x")
    assert study(tmp_path, "slice=verified", "slice.filter=x", "plan.instances=123").n_instances == 123


def test_what_a_design_takes_is_multiplied_out(tmp_path):
    three = study(tmp_path, "slice=verified", "plan.conditions=3", "workers=10", *AGENT).with_seeds(3)
    assert (three.runs, three.attempts) == (9, 4500)
    assert (three.calls.low, three.calls.high) == (4500 * 20, 4500 * 75)
    assert (three.tokens.low, three.tokens.high) == (4500 * 205_000, 4500 * 1_520_000)
    assert three.hours.high == pytest.approx(4500 * 1200 / 10 / 3600)
    assert three.disk_gb.low == pytest.approx(4500 * 0.2 / 1000 + 500 * 0.10)
    assert three.mde80 == pytest.approx(0.038, abs=1e-3)
    assert three.mde80_range == pytest.approx((0.027, 0.045), abs=1e-3)


@pytest.mark.parametrize(
    ("model", "low", "high"), [("gpt-5-mini", 0.05, 0.07), ("claude-haiku-4-5", 0.33, 0.33)]
)
def test_what_an_agent_is_assumed_to_cost_holds_what_was_published(tmp_path, model, low, high):
    """vals-ai/Valkyrie pull request 138: mini-swe-agent on Verified."""
    usd = study(tmp_path, AGENT[0], f"model.name={model}").facts["usd"]
    assert usd.low < low <= high < usd.high


def test_a_cost_is_that_of_little_cached_to_much_that_is_not(tmp_path):
    price = "model.price={prompt: 1, cached: 0.1, completion: 10}"
    usd = study(tmp_path, AGENT[0], price).facts["usd"]
    assert usd.low == pytest.approx((20_000 * 1 + 180_000 * 0.1 + 5_000 * 10) / 1e6)
    assert usd.high == pytest.approx((750_000 * 1 + 750_000 * 0.1 + 20_000 * 10) / 1e6)


def test_images_take_disk_only_where_they_are_used(tmp_path):
    assert study(tmp_path).images
    assert study(tmp_path, "harness=none", *AGENT).images
    assert not study(tmp_path, "harness=local", "runner=mini_swe_agent").images


def test_a_runner_without_a_model_takes_no_calls_and_no_money(tmp_path):
    one = study(tmp_path, "runner=gold").with_seeds(1)
    assert (one.calls.high, one.tokens.high, one.usd.high) == (0, 0, 0)
    assert one.hours.high > 0


def test_a_group_takes_the_place_of_assumptions(tmp_path):
    spent = {"n_calls": 30, "prompt_tokens": 1000, "completion_tokens": 100, "wall_s": 60}
    outcomes = {
        "a": ("resolved", "resolved"),
        "b": ("unresolved", "unresolved"),
        "c": ("resolved", "empty_patch"),
    }
    rows = [
        ("no_context", seed, name, outcome, spent | {"cached_tokens": 250, "cost_usd": 0.5})
        for letter, pair in outcomes.items()
        for seed, outcome in enumerate(pair)
        for name in (f"{letter}{number}" for number in range(8))
    ]
    rows.append(("baseline_context", 0, "a0", "resolved", spent | {"n_calls": 79, "cost_usd": 2.95}))
    rows.append(("baseline_context", 0, "b0", "infra_error", {"n_calls": 5000}))
    write_group(tmp_path, rows)
    found = study(tmp_path, "plan.group=earlier")
    facts = found.facts
    assert facts["resolve_rate"] == Range(
        low=0.5, high=0.5, source="from group earlier: 24 instances of no_context"
    )
    # between: 2 x 24/23 x 1/6 = .34783; within: 8 x .5 / 24 = .16667; their difference by their sum
    assert facts["icc"].low == pytest.approx(0.18116 / 0.51449, abs=1e-4)
    assert facts["icc"].source == "from group earlier: 24 instances"
    assert facts["calls"] == Range(low=31, high=31, source="from group earlier")
    assert facts["cached_share"].high == 0.25
    assert facts["usd"].low == pytest.approx((48 * 0.5 + 2.95) / 49)  # its own: the model has no price
    assert (facts["tau"].source, facts["disk_mb"].source) == (
        "assumed: plan.tau",
        "assumed: task.one_completion.disk_mb",
    )
    assert (found.icc_range, found.with_seeds(1).mde80_range) == (None, None)
    priced = study(tmp_path, "plan.group=earlier", "model.price={prompt: 1, cached: 0.2, completion: 2}")
    assert priced.facts["usd"].high == pytest.approx((750 + 250 * 0.2 + 200) / 1e6)


def test_a_group_of_one_seed_leaves_the_correlation_assumed_and_its_extremes_are_held(tmp_path):
    write_group(tmp_path, [("no_context", 0, f"i{number}", "unresolved", {}) for number in range(20)])
    facts = study(tmp_path, "plan.group=earlier").facts
    assert facts["icc"].source.startswith("assumed: plan.icc; group earlier has too few")
    assert facts["resolve_rate"].low == 0.02
    assert "which has 0.00" in facts["resolve_rate"].source
    assert facts["calls"].source == "assumed: task.one_completion.calls"


def test_a_small_group_says_what_attempts_take_and_not_how_they_end(tmp_path):
    """Six instances on which both seeds agree would promise to see anything."""
    rows = [
        ("no_context", seed, f"i{number}", "resolved" if number < 3 else "error", {"wall_s": 5})
        for seed in (0, 1)
        for number in range(6)
    ]
    write_group(tmp_path, rows)
    found = study(tmp_path, "plan.group=earlier")
    assert (found.facts["icc"].low, found.facts["resolve_rate"].low) == (0.5, 0.5)
    assert found.facts["resolve_rate"].source.startswith(
        "assumed: plan.resolve_rate; group earlier has too few"
    )
    assert found.icc_range == (0.30, 0.75)
    assert found.facts["wall_s"].source == "from group earlier"


def test_a_group_that_is_not_there_or_has_no_result_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"plan\.group=absent has no instances\.csv .*: none"):
        study(tmp_path, "plan.group=absent")
    write_group(tmp_path, [("no_context", 0, "a", "missing", {})])
    with pytest.raises(ConfigError, match=r"plan\.group=absent .* groups that have one: earlier"):
        study(tmp_path, "plan.group=absent")
    with pytest.raises(ConfigError, match=r"plan\.group=earlier has no results yet"):
        study(tmp_path, "plan.group=earlier")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"agent": {"calls": [1, 2]}}, r"task\.agent must have the keys calls"),
        ({"image_gb": [3, 1]}, r"task\.image_gb=\[3, 1\] must be \[low, high\]"),
        ({"image_gb": [1]}, r"task\.image_gb=\[1\]"),
        ({"image_gb": "much"}, r"task\.image_gb='much'"),
        ({"icc_range": [0, 1]}, r"task\.icc_range=\[0, 1\]"),
    ],
)
def test_a_range_that_is_none_is_refused_by_its_key(wrong, words):
    shipped = yaml.safe_load((config_dir() / "task" / "plan.yaml").read_text())
    with pytest.raises(ConfigError, match=words):
        build(shipped | wrong, "task")


def test_a_small_design_is_told_that_it_will_not_see_the_effect(tmp_path):
    words = printed(tmp_path)
    assert "An effect of 5 points is not detectable with 50 instances and 1, 3 or 5 seeds." in words
    assert "Detecting 5 points on these 50 instances takes 61 seeds" in words
    assert "810 with 1 seed, 295 with 3 seeds, 192 with 5 seeds." in words
    assert "model.name=null has no price in conf/prices; set model.price=" in words
    assert "No number of seeds on these 50 instances is enough" in printed(tmp_path, "plan.effect=0.02")


def test_a_large_design_is_told_what_it_needs(tmp_path):
    words = printed(tmp_path, "slice=verified", "plan.conditions=3", *AGENT)
    assert "is not detectable" not in words
    assert "Detecting 5 points on these 500 instances takes 2 seeds (3 if they correlate 0.30)" in words
    assert "(Holm)" in words
    assert "has no price" not in words


def test_an_effect_without_room_is_said_to_have_none(tmp_path):
    assert "leaves no room for an improvement of 5 points" in printed(tmp_path, "plan.resolve_rate=0.97")
    one = study(tmp_path, "plan.resolve_rate=0.97").with_seeds(1)
    assert (one.mde80, one.mde80_range) == (None, (None, None))


def test_every_fact_is_printed_with_its_source(tmp_path):
    facts = study(tmp_path, *AGENT)
    with console().capture() as capture:
        show(facts, [1], [])
    said = " ".join(capture.get().split())
    assert set(facts.facts) == {*AMOUNTS, "resolve_rate", "icc", "tau", "image_gb", "usd"}
    assert said.count("assumed:") == len(facts.facts) - 1  # USD follows from the others


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.019, "0.019"), (0.5, "0.5"), (1, "1"), (2.25, "2.2"), (75, "75"), (1200, "1.2k")],
)
def test_numbers_have_a_few_digits(value, words):
    assert number(value) == words


def test_a_range_whose_ends_read_the_same_is_one_number():
    assert span(Range(low=1_500_000, high=1_510_000, source="")) == "1.5M"
    assert span(Range(low=0.05, high=0.33, source="")) == "0.05-0.33"
    assert span(None) == "-"


def test_a_plan_needs_no_endpoint_and_leaves_no_run(tmp_path):
    done = contexttune("task=plan", "plan.seeds=[1]", cwd=tmp_path, HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "An effect of 5 points is not detectable with 50 instances and 1 seed." in done.stdout
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "artifacts").exists()
