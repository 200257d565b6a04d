"""The controls on the bundled tasks: each arm is what it says beside the baseline, and the oracle is marked."""

from collections import Counter
from contextlib import ExitStack

import pytest
from hydra import compose, initialize_config_dir

from contexttune.errors import ExitCode
from contexttune.experiment.blocks import Blocks
from contexttune.experiment.cell import cell_of
from contexttune.experiment.pipeline import Experiment
from contexttune.experiment.run_record import RunRecord
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir
from contexttune.report.summary import rebuild

DEMO = "slice=demo", "runner=single_shot", "model=scripted", "harness=none"
CONTEXTS = "stages=[signals,context]"


@pytest.fixture(scope="module", autouse=True)
def composing():
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("controls")


def cell(root, *overrides):
    return cell_of(compose("config", overrides=[*DEMO, f"paths.root={root}", *overrides]))


def blocks(root, *overrides):
    """instance_id -> block, with what is on disk alone."""
    assert Experiment(cell(root, CONTEXTS, *overrides)).run() == ExitCode.DONE
    with ExitStack() as serving:
        return Blocks(cell(root, "stages=[inference]", *overrides), lambda: None).make(serving)


@pytest.fixture(scope="module")
def arms(root):
    composed = compose("config", overrides=["experiment=controls"], return_hydra_config=True)
    names = composed.hydra.sweeper.params.condition.split(",")
    return {name: blocks(root, f"condition={name}") for name in names}


def test_the_experiment_has_the_baseline_between_nothing_and_three_placebos(arms):
    placebos = [f"placebo_{kind}" for kind in ("shuffled", "wrong_repo", "neutral")]
    assert list(arms) == ["no_context", "baseline_context", *placebos]
    assert set(arms["no_context"].values()) == {""}
    assert all(all(arms[name].values()) and len(arms[name]) == 6 for name in list(arms)[1:])


def test_each_placebo_is_made_of_the_baseline(arms):
    for name, right in arms["baseline_context"].items():
        shuffled, wrong, neutral = (
            arms[f"placebo_{kind}"][name] for kind in ("shuffled", "wrong_repo", "neutral")
        )
        assert shuffled != right
        assert Counter(shuffled.split("\n")) == Counter(right.split("\n"))
        package = name.removeprefix("ctdemo__").rpartition("-")[0]
        assert f"\n{package}/" in right
        assert f"\n{package}/" not in wrong + neutral
        assert len(wrong) <= len(right)
        assert len(right) - 100 < len(neutral) <= len(right)


def test_how_a_run_is_cut_into_shards_changes_no_context(root, arms):
    for n in range(3):
        found = blocks(root, "condition=placebo_wrong_repo", "slice.shard_count=3", f"slice.shard_index={n}")
        assert len(found) == 2
        assert found.items() <= arms["placebo_wrong_repo"].items()


def test_another_condition_can_be_the_wrapped_one(root):
    wrapped = cell(root, "condition=placebo_shuffled", "condition@condition.of=agents_md").generator.of
    assert wrapped.name == "agents_md"
    right, wrong = (
        blocks(root, *chosen)
        for chosen in (
            ["condition=agents_md"],
            ["condition=placebo_shuffled", "condition@condition.of=agents_md"],
        )
    )
    assert {n: Counter(b.split("\n")) for n, b in right.items()} == {
        n: Counter(b.split("\n")) for n, b in wrong.items()
    }


def test_a_placebo_of_a_placebo_gets_its_services_too(root):
    assert cell(
        root, "condition=placebo_neutral", "condition@condition.of=placebo_wrong_repo"
    ).generator.of.pool


def test_the_oracle_is_told_the_gold_files_and_its_record_says_so(root):
    oracle = "condition=oracle_files", "condition.allow_oracle=true"
    found = blocks(root, *oracle)
    made = cell(root, *oracle, "slice.instance_ids=[ctdemo__rota-21]")
    changed = {
        line.split("/", 1)[1] for line in made.instances[0].patch.split("\n") if line.startswith("--- a/")
    }
    assert all(f"- `{path}`" in found["ctdemo__rota-21"] for path in changed)
    assert Experiment(made).run() == ExitCode.DONE
    assert RunRecord(made).read()["gold_context"] is True
    summary = rebuild(made.layout, made.group_id, made.config.analysis)
    assert any("oracle_files" in line and "gold patch" in line for line in summary["warnings"])
