"""Every option of every group composes, passes the schema and builds, offline; what is misspelt is refused."""

import socket

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf

from contexttune import interfaces
from contexttune.config.build import build
from contexttune.errors import ConfigError
from contexttune.experiment import identity
from contexttune.experiment.cell import cell_of
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir

GROUPS = {
    "task": interfaces.Task,
    "runner": interfaces.Runner,
    "condition": interfaces.ContextGenerator,
    "model": interfaces.Model,
    "harness": interfaces.Harness,
    "signal": interfaces.Signal,
    "card": interfaces.Card,
    "slice": None,
    "experiment": None,
    "prices": None,
}
OPTIONS = [(g, p.stem) for g in GROUPS for p in sorted((config_dir() / g).glob("*.yaml"))]

NEEDED = {  # keys without a default
    "replay": ["model.source=somewhere"],
    "file_context": ["condition.path=x.md"],
    "oracle_files": ["condition.allow_oracle=true"],
    "placebo_wrong_repo": ["slice=demo"],  # it chooses from the rows, and the default ones are on the hub
}


@pytest.fixture(autouse=True)
def composing(monkeypatch):
    def refuse(*_):
        raise AssertionError("composing and building must not touch the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        yield


def cell(*overrides: str):
    return cell_of(compose("config", overrides=list(overrides)))


def parts_of(group: str, option: str) -> list[object]:
    if group == "signal":
        return cell(f"signal=[{option}]").signals
    if group == "card":
        return list(
            cell("condition=baseline_context", f"card@condition.cards=[{option}]").generator.cards.values()
        )
    made = cell(f"{group}={option}", *([] if group == "model" else ["model.name=m"]), *NEEDED.get(option, []))
    if group == "task":
        return [build(made.container["task"], "task")]
    if group == "condition":
        return [made.generator]
    return [getattr(made, group)] if GROUPS[group] else []


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_an_option_composes_builds_and_meets_its_seam(group, option):
    for part in parts_of(group, option):
        assert isinstance(part, GROUPS[group])
        if group != "model":  # a model is called what its endpoint calls it
            assert part.name == option
    if group == "experiment":
        composed = cell(f"experiment={option}", "model.name=m")
        assert all([composed.runner, composed.harness, composed.generator])
    if group == "slice":
        assert cell(f"slice={option}").config.slice.name == option


def test_every_group_of_conf_is_tested():
    assert {p.name for p in config_dir().iterdir() if p.is_dir()} - {"hydra"} == set(GROUPS)


@pytest.mark.parametrize(
    "bad",
    [
        "seed=x",
        "sed=1",
        "runner.stp=1",
        "condition=nope",
        "slice.limt=3",
        "model.temprature=0",
        "workers=[1]",
    ],
)
def test_a_misspelt_override_is_refused_as_it_is_composed(bad):
    with pytest.raises(HydraException):
        compose("config", overrides=[bad])


def parts_that_fail(override: str) -> list[object]:
    made = cell(override.strip("'"), "model.name=m")
    return [made.generator, made.model, made.runner]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("seed=-1", "seed must be"),
        ("workers=0", "workers must be"),
        ("stages=[infer]", "stages="),
        ("stages=[]", "stages="),
        ("group_id=a/b", "group_id='a/b'"),
        ("group_id=..", "group_id="),
        ("groups=[a,../b]", "groups='../b'"),
        ("plan.group=/b", "plan.group='/b'"),
        ("'workspace.remote=\"x{nope}\"'", r"workspace\.remote"),
        ("condition.total_budget_chars=0", r"condition\.total_budget_chars"),
        ("+condition.extra=1", r"condition\.extra is not a key"),
        ("model.max_tokens=many", r"model\.max_tokens='many'"),
        ("runner.edit_format=udiff", r"runner\.edit_format='udiff'"),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence(bad, words):
    with pytest.raises(ConfigError, match=words) as caught:
        parts_that_fail(bad)
    assert "\n" not in str(caught.value)


def test_verified_mini_is_25_django_and_25_sphinx_instances():
    ids = cell("slice=verified_mini").config.slice.instance_ids
    repos = [name.rpartition("-")[0] for name in ids]
    assert (len(set(ids)), repos.count("django__django"), repos.count("sphinx-doc__sphinx")) == (50, 25, 25)


def test_hub_slices_pin_a_revision():
    for path in (config_dir() / "slice").glob("*.yaml"):
        loaded = yaml.safe_load(path.read_text())
        chosen = loaded.get("slice", loaded)
        on_the_hub = chosen["dataset"] and "://" not in chosen["dataset"]
        assert not on_the_hub or len(chosen["revision"]) == 40, path


MINE = "slice=demo", "runner=single_shot", "model=scripted", "harness=local"


@pytest.mark.parametrize(
    "inert",
    [
        "workers=9",
        "paths.root=/elsewhere",
        "harness.max_workers=7",
        "model.timeout_s=5",
        "stages=[signals]",
        "budget.calls=3",
        "reproduced_from=/a/run",
    ],
)
def test_what_cannot_change_a_result_leaves_the_run_its_name(inert):
    assert cell(*MINE, inert).run_id == cell(*MINE).run_id


@pytest.mark.parametrize(
    "change",
    [
        "seed=1",
        "condition=no_context",
        "condition.total_budget_chars=100",
        "model.temperature=1.0",
        "slice.limit=2",
        "harness.timeout_s=5",
    ],
)
def test_what_can_change_a_result_changes_the_run(change):
    assert cell(*MINE, change).run_id != cell(*MINE).run_id


def test_conditions_and_seeds_share_a_group_and_other_settings_do_not():
    group = cell(*MINE).group_id
    assert cell(*MINE, "seed=3", "condition=no_context").group_id == group
    assert cell(*MINE, "slice.shard_index=1", "slice.shard_count=2").group_id == group
    assert cell(*MINE, "model.temperature=1.0").group_id != group
    assert group.startswith("demo-single_shot-scripted-")


def test_shards_of_a_cell_share_the_hash():
    whole, first = cell(*MINE).run_id, cell(*MINE, "slice.shard_count=2").run_id
    assert first == f"{whole}-shard0of2"


def test_a_prediction_names_model_runner_and_condition():
    assert cell(*MINE, "model.name=org/m 1").model_name_or_path == "org-m-1__single_shot__baseline_context"
    assert cell("runner=gold", "condition=no_context").model_name_or_path == "gold__no_context"


def test_the_configuration_holds_no_value_of_a_secret(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    composed = compose("config", overrides=["model.name=m"])
    assert "sk-secret" not in OmegaConf.to_yaml(composed, resolve=True)
    assert "sk-secret" not in str(identity.run_settings(cell("model.name=m").container))
