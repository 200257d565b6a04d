"""`reproduce=`: the same configuration again, what is typed wins, the old files stay, and what changed is said."""

import json
import shutil
from pathlib import Path

import pytest

from contexttune.errors import ConfigError
from contexttune.experiment import drift
from contexttune.experiment.past_run import past_run
from contexttune.launch import hydra_setup
from contexttune.launch.reproduce import expand, quoted
from tests.command_line import contexttune

# A recipe of the user's own, with every trap in it: it sweeps, and it makes `-m` unnecessary.
RECIPE = """\
# @package _global_
defaults:
  - override /runner: gold
  - override /slice: demo
  - override /harness: none
workers: 3
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      seed: 0,1
"""
TYPED = (
    "experiment=mine",
    "condition=no_context,baseline_context",
    "slice.filter='ctdemo__(inkfile-8|rota-21)'",
    "+prices.mine={prompt: 1.0, completion: 2.0}",
    "++budget.calls=9",
    "~prices.o3",
    "hydra.job.name=other",
)


def record_of(directory: Path) -> dict:
    return json.loads((directory / "run.json").read_bytes())


def runs(root: Path, group_id: str) -> list[Path]:
    return sorted((root / "results" / group_id / "runs").glob("*/run.json"))


def reproduced(root: Path, run: Path, *more: str, code: int = 0, **env: str) -> str:
    done = contexttune(*more, f"reproduce={run}", cwd=root, **env)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def content(directory: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A sweep of four jobs, in directories with spaces."""
    root = tmp_path_factory.mktemp("a past")
    (root / "my conf/experiment").mkdir(parents=True)
    (root / "my conf/experiment/mine.yaml").write_text(RECIPE)
    done = contexttune("--config-dir", "my conf", *TYPED, "group_id=g", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(runs(root, "g")) == 4
    return root


@pytest.fixture
def copy(past, tmp_path):
    shutil.copytree(past, tmp_path / "a copy")
    return tmp_path / "a copy"


def job(root: Path, seed: int = 1, condition: str = "baseline_context") -> Path:
    found = [
        path.parent
        for path in root.glob("multirun/g/*/*/run.json")
        if (record_of(path.parent)["seed"], record_of(path.parent)["condition"]) == (seed, condition)
    ]
    return found[0]


def own(root: Path, seed: int = 1, condition: str = "baseline_context") -> Path:
    (found,) = (root / "results/g/runs").glob(f"{condition}-s{seed}-*/")
    return found


def predictions(root: Path) -> Path:
    return root / "artifacts/preds/g" / own(root).name


@pytest.mark.parametrize("directory", [job, own, predictions])
def test_a_run_is_made_again_in_a_group_of_its_own(copy, directory):
    before = content(copy / "results/g") | content(copy / "artifacts/preds/g")
    said = reproduced(copy, directory(copy))
    assert "in group g-reproduced" in said
    assert "reproduced run: " not in said
    assert content(copy / "results/g") | content(copy / "artifacts/preds/g") == before
    (again,) = runs(copy, "g-reproduced")  # one, though the recipe is for two
    assert again.parent.name == own(copy).name
    record = record_of(again.parent)
    assert record["reproduction"] == {
        "from": str(directory(copy).resolve()),
        "versions_known": True,
        "drift": [],
    }
    assert record["manifest"]["settings"] == record_of(own(copy))["manifest"]["settings"]
    for key, value in (("workers", 3), ("budget", {"calls": 9})):
        then, now = record_of(own(copy))["manifest"]["config"][key], record["manifest"]["config"][key]
        assert then == now
        assert now == value or now["calls"] == 9
    assert "o3" not in record["manifest"]["config"]["prices"]
    (preds,) = copy.glob("artifacts/preds/g-reproduced/*/preds.jsonl")
    assert preds.read_bytes() == (predictions(copy) / "preds.jsonl").read_bytes()


def test_the_same_command_again_resumes_and_what_is_reproduced_can_be_reproduced(copy):
    assert "inference 1/2" in reproduced(copy, job(copy))
    assert "inference 1/2" not in reproduced(copy, job(copy))
    (again,) = runs(copy, "g-reproduced")
    assert len(record_of(again.parent)["sessions"]) == 2
    assert "in group g-reproduced-reproduced" in reproduced(copy, again.parent)


def test_what_is_typed_wins_and_is_told_from_what_was(copy):
    said = reproduced(copy, job(copy), "seed=5", "+prices.mine={prompt: 3.0}", "~prices.o3", "group_id=h")
    (again,) = runs(copy, "h")
    assert record_of(again.parent)["seed"] == 5
    assert record_of(again.parent)["reproduction"]["drift"] == [
        {"key": "prices.mine.completion", "then": 2.0, "now": "not set"},
        {"key": "prices.mine.prompt", "then": 1.0, "now": 3.0},
        {"key": "seed", "then": 1, "now": 5},
    ]
    assert "differs from the reproduced run: seed: 1 -> 5" in said
    assert said.index("seed: 1 -> 5") < said.index("inference 1/2")


def test_a_sweep_over_a_past_run_has_the_typed_jobs_and_no_others(copy):
    said = reproduced(copy, own(copy), "-m", "seed=10,11", "slice.filter=null", "slice.limit=1,2")
    assert "drift" not in said
    groups = {path.parts[-4] for path in copy.glob("results/*/runs/*/run.json")} - {"g"}
    assert len(groups) == 2  # since a group refuses runs of different slices
    assert all(name.startswith("g-reproduced-") for name in groups)
    assert sorted(record_of(p.parent)["seed"] for name in groups for p in runs(copy, name)) == [
        10,
        10,
        11,
        11,
    ]
    assert {record_of(p.parent)["condition"] for name in groups for p in runs(copy, name)} == {
        "baseline_context"
    }


@pytest.mark.slow
def test_a_launcher_of_today_takes_a_past_run(copy):
    reproduced(copy, job(copy), "-m", "seed=10", "hydra/launcher=submitit_local")
    assert [record_of(p.parent)["seed"] for p in runs(copy, "g-reproduced")] == [10]


@pytest.mark.parametrize("flags", [("--cfg", "job"), ("--help",), ("--cfg", "hydra")])
def test_a_past_run_can_be_looked_at(copy, flags):
    shown = reproduced(copy, own(copy), *flags)
    words = {"job": "workers: 3", "hydra": "name: contexttune", "--help": "Groups and their options"}
    assert words[flags[-1]] in shown
    assert not (copy / "results/g-reproduced").exists()


def test_a_default_that_has_changed_is_a_line(past, tmp_path):
    shutil.copytree(past / "my conf", tmp_path / "conf")
    made = contexttune(
        *("--config-dir", str(tmp_path / "conf"), "experiment=mine", "condition=no_context", "seed=0"),
        *("slice.limit=1", "group_id=g"),
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    recipe = tmp_path / "conf/experiment/mine.yaml"
    recipe.write_text(RECIPE.replace("workers: 3", "workers: 2\nbudget: {calls: 50}").replace("0,1", "0,1,2"))
    said = reproduced(tmp_path, next(tmp_path.glob("multirun/g/*/0")))
    lines = [line for line in said.splitlines() if "reproduced run" in line]
    assert [line.partition("reproduced run: ")[2] for line in lines] == [
        "budget.calls: None -> 50",
        "workers: 3 -> 2",
    ]
    assert len(runs(tmp_path, "g-reproduced")) == 1


def test_a_run_that_several_commands_have_done_is_done_by_one(tmp_path):
    keys = (
        "slice=demo",
        "slice.limit=1",
        "harness=none",
        "condition=baseline_context",
        "runner=gold",
        "group_id=g",
    )
    for stages in ("signals,context", "inference", "summarize"):
        assert contexttune(*keys, f"stages=[{stages}]", cwd=tmp_path).returncode == 0
    said = reproduced(tmp_path, next(tmp_path.glob("results/g/runs/*/")), "paths.root=elsewhere")
    assert "inference 1/1" in said
    assert "reproduced run: " not in said
    assert len(runs(tmp_path / "elsewhere", "g-reproduced")) == 1


def test_a_search_path_of_the_users_is_searched_again(past, tmp_path):
    where = f"hydra.searchpath=['file://{past}/my conf']"
    made = contexttune(
        where, "experiment=mine", "hydra.mode=RUN", "group_id=g", "slice.limit=1", cwd=tmp_path
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "reproduced run: " not in reproduced(tmp_path, next(tmp_path.glob("results/g/runs/*/")))
    assert len(runs(tmp_path, "g-reproduced")) == 1


def test_other_versions_rows_and_code_are_lines_too(copy):
    path = own(copy) / "run.json"
    record = json.loads(path.read_bytes())
    record["manifest"]["packages"]["swebench"] = "4.1.0"
    record["manifest"]["contexttune"]["commit"] = "0" * 40
    record["manifest"] |= {"python": "3.9.1", "rows_digest": "another"}
    record["manifest"]["packages"]["gone"] = "1"
    path.write_text(json.dumps(record))
    said = reproduced(copy, own(copy))
    for words in ("packages.swebench: 4.1.0 -> 5.", "python: 3.9.1 -> 3.", "rows_digest: another -> "):
        assert f"differs from the reproduced run: {words}" in said
    assert f"contexttune.commit: {'0' * 40} -> " in said
    assert "packages.gone: 1 -> not set" in said


def test_a_job_that_never_began_its_run_is_reproduced_from_what_hydra_saved(copy):
    directory = job(copy)
    (directory / "run.json").unlink()
    said = reproduced(copy, directory)
    assert "so versions cannot be compared" in said
    assert "reproduced run: " not in said
    (again,) = copy.glob("results/g-reproduced-*/runs/*/run.json")
    assert again.parent.name == own(copy).name


def errors(copy: Path, what: str) -> tuple[list[str], str]:
    """The command's arguments, and a part of what it must say."""
    run = job(copy)
    if what == "a deleted option":
        (copy / "my conf/experiment/mine.yaml").unlink()
        # the configuration directory is that which was recorded
        saved = run / ".hydra/hydra.yaml"
        saved.write_text(
            saved.read_text().replace(
                record_of(run)["manifest"]["config_sources"][0]["path"].removeprefix("file://"),
                str(copy / "my conf"),
            )
        )
        return [f"reproduce={run}"], "experiment/mine"
    if what == "a configuration directory that is gone":
        path = own(copy) / "run.json"
        path.write_text(path.read_text().replace("my conf", "our conf"))
        return [f"reproduce={own(copy)}"], "--config-dir"
    if what == "a torn record":
        (own(copy) / "run.json").write_text("{")
        return [f"reproduce={own(copy)}"], "cannot be read"
    if what == "a report":
        assert contexttune("task=report", "group_id=g", "hydra.run.dir=report", cwd=copy).returncode == 0
        return ["reproduce=report"], "is of task=report"
    return {
        "nothing": ["reproduce="],
        "absent": ["reproduce=no/such/run"],
        "a file": [f"reproduce={own(copy) / 'run.json'}"],
        "empty": [f"reproduce={copy / 'results'}"],
        "a sweep": [f"reproduce={run.parent}"],
        "two": [f"reproduce={run}", f"reproduce={run}"],
        "unknown key": [f"reproduce={run}", "nosuch=1"],
    }[what], {
        "nothing": "is empty",
        "absent": "no/such/run is not a directory",
        "a file": "is not a directory",
        "empty": "has no record of a run",
        "a sweep": "is a sweep: give one of its jobs",
        "two": "one command reproduces one run",
        "unknown key": "nosuch is not a key",
    }[what]


@pytest.mark.parametrize(
    "what",
    [
        *(
            "a deleted option",
            "a configuration directory that is gone",
            "a torn record",
            "a report",
            "nothing",
        ),
        *("absent", "a file", "empty", "a sweep", "two", "unknown key"),
    ],
)
def test_what_cannot_be_reproduced_is_a_sentence(copy, what):
    arguments, words = errors(copy, what)
    done = contexttune(*arguments, cwd=copy)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(copy.glob("results/*reproduced*"))


def test_without_reproduce_the_command_line_is_what_was_typed():
    argv = ["-m", "seed=1,2", "model.name='a b'", "~x"]
    assert expand(argv) == argv


@pytest.mark.parametrize(
    ("typed", "dropped"),
    [
        ("seed=4", "seed=1"),
        ("+prices.mine=null", "+prices.mine={prompt:1.0,completion:2.0}"),
        ("++prices.mine=null", "+prices.mine={prompt:1.0,completion:2.0}"),
        ("~prices.o3", "~prices.o3=null"),  # as Hydra writes it in a sweep
        ("prices.o3=null", "~prices.o3=null"),
        ("slice.filter=x", "slice.filter='ctdemo__(inkfile-8|rota-21)'"),
        ("prices.mine=null", None),  # which needs the key that was added
        ("not an override", None),
    ],
)
def test_a_recorded_override_gives_way_to_one_that_says_it_anew(past, typed, dropped):
    recorded = past_run(own(past).resolve()).overrides
    made = expand([f"reproduce={own(past)}", typed])
    assert {text for text in recorded if text not in made} == {"group_id=g", dropped} - {None}
    assert typed in made


def test_what_must_differ_is_no_drift():
    then = {"seed": 1, "paths": {"root": "/a"}, "group_id": "g", "prices": {}, "ids": [1, 2]}
    now = {"seed": 1, "paths": {"root": "/b"}, "group_id": "h", "reproduced_from": "/a", "prices": {}}
    assert list(drift.configuration(then, now | {"ids": [2, 1]})) == [
        ("ids.0", 1, 2),
        ("ids.1", 2, 1),
    ]
    assert list(drift.configuration(then, now | {"ids": [1, 2], "prices": {"a": None}})) == [
        ("prices.a", "not set", None)
    ]


def test_a_key_of_a_newer_version_is_no_drift_where_it_has_its_default():
    then = {"slice": {"limit": None}}
    now = {"slice": {"limit": None, "healthy_only": False}, "groups": None, "analysis": {"margin": 0.05}}
    assert drift.configuration(then, now) == []
    now |= {"slice": {"limit": 1, "healthy_only": True}, "analysis": {"margin": 0.1}}
    assert drift.configuration(then, now) == [
        ("analysis.margin", "not set", 0.1),
        ("slice.healthy_only", "not set", True),
        ("slice.limit", None, 1),
    ]
    assert drift.configuration({"analysis": {"margin": 0.1}}, {}) == [("analysis.margin", 0.1, "not set")]


@pytest.mark.parametrize("text", ["a b", "it's", "back\\slash", "ends\\", "a\\'b", "x,y=[1]{2}", "ü"])
def test_a_quoted_path_is_what_hydra_reads(text):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    read = OverridesParser.create().parse_override(f"reproduced_from={quoted(text)}").value()
    assert read == text


def test_a_secret_that_was_left_out_of_a_record_must_be_said_again(copy):
    path = own(copy) / "run.json"
    path.write_text(path.read_text().replace("++budget.calls=9", "++budget.calls=***"))
    past_run.cache_clear()
    with pytest.raises(ConfigError, match=r"budget\.calls"):
        expand([f"reproduce={own(copy)}"])
    assert "++budget.calls=8" in expand([f"reproduce={own(copy)}", "++budget.calls=8"])


def test_a_group_id_stays_within_its_length(past, tmp_path):
    from hydra import compose, initialize_config_dir

    from contexttune.paths import config_dir

    long = tmp_path / "long"
    shutil.copytree(own(past), long)
    record = record_of(long) | {"group_id": "g" * 100}
    (long / "run.json").write_text(json.dumps(record))
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        given = [f"reproduced_from={quoted(str(long))}", "group_id=${reproduced_group_id:}", "model.name=m"]
        group_id = compose("config", overrides=given).group_id
    assert len(group_id) == 100
    assert "-reproduced-" in group_id
