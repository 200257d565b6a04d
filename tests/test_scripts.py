"""The old command lines: what each flag stands for, and that the command that is printed is the one that runs."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tests.command_line import contexttune, environment
from tests.models.fault_server import error, ok, serving

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
INFERENCE, BASELINE = "run_inference.py", "run_verified_mini_baseline.py"
RECIPE = ["-m", "experiment=verified_mini_baseline"]
DEMO = ("--", "slice=demo", "harness=none")


def run(script: str, *flags: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), *flags]
    return subprocess.run(
        command, cwd=cwd, env=environment(**env), capture_output=True, text=True, check=False
    )


@pytest.fixture
def command_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What a script with flags would become, without becoming it."""

    def command(script: str, flags: str) -> list[str]:
        became: list[list[str]] = []
        monkeypatch.setattr(os, "execve", lambda program, words, env: became.append(words))
        monkeypatch.setattr(sys, "argv", [script, *shlex.split(flags)])
        monkeypatch.syspath_prepend(str(SCRIPTS))
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")
        return became[0]

    return command


@pytest.mark.parametrize(
    ("script", "flags", "meant"),
    [
        (INFERENCE, "--model m", ["model.name=m"]),
        (INFERENCE, "--model openai/gpt-5-mini", ["model.name=openai/gpt-5-mini"]),
        (INFERENCE, "--model 'a b=c'", ['model.name="a b=c"']),
        (INFERENCE, "--model 7", ['model.name="7"']),
        (INFERENCE, "--runner gold", ["runner=gold"]),
        (INFERENCE, "--dry_run", ["dry_run=true"]),
        (INFERENCE, "--limit 5", ["slice.limit=5"]),
        (
            INFERENCE,
            "--instance_ids_file my/ids.txt",
            ["slice.instance_ids=null", "slice.ids_file=my/ids.txt"],
        ),
        (INFERENCE, "--max_workers_eval 2", ["harness.max_workers=2"]),
        (INFERENCE, "--timeout_s 900", ["harness.timeout_s=900"]),
        (INFERENCE, "--ablation no_context", ["condition=no_context"]),
        (INFERENCE, "--conditions no_context", ["condition=no_context"]),
        (INFERENCE, "--conditions a,b", ["-m", "condition=a,b"]),
        (INFERENCE, "--conditions a b,c", ["-m", "condition=a,b,c"]),
        (INFERENCE, "--run_id first", ["group_id=first"]),
        (INFERENCE, "--run_id 1e3", ['group_id="1e3"']),
        (INFERENCE, "--out runs/1", ["paths.root=runs/1"]),
        (
            INFERENCE,
            "--limit 5 -- seed=1 'slice.repos=[a/b]'",
            ["slice.limit=5", "seed=1", "slice.repos=[a/b]"],
        ),
        (INFERENCE, "--limit 5 -- -m seed=0,1", ["-m", "slice.limit=5", "seed=0,1"]),
        (BASELINE, "", RECIPE),
        (BASELINE, "--model m --limit 5", [*RECIPE, "model.name=m", "slice.limit=5"]),
        (BASELINE, "--conditions a b", [*RECIPE, "condition=a,b"]),
        (BASELINE, "--conditions a", [*RECIPE, "condition=a"]),
    ],
)
def test_a_flag_stands_for_an_override(command_of, script, flags, meant):
    assert command_of(script, flags) == [sys.executable, "-m", "contexttune", *meant]


@pytest.mark.parametrize(
    ("flags", "group"),
    [
        ("--run_id first", r"first-\d{8}T\d{6}Z"),
        ("--limit 5", r"\$\{default_group_id:\}-\d{8}T\d{6}Z"),
    ],
)
def test_force_begins_a_group_of_its_own(command_of, flags, group):
    (given,) = [word for word in command_of(INFERENCE, f"{flags} --force") if word.startswith("group_id=")]
    assert re.fullmatch(group, given.removeprefix("group_id="))


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
ODD = [
    "true",
    "1_000",
    "-1",
    "nan",
    ".5",
    "a,b",
    "[a]",
    "'\"",
    "a\\",
    '\\"',
    "${x}",
    "a${x",
    " a ",
    "$a",
    "~",
]


@pytest.fixture(scope="module")
def quoted() -> Callable[[str], str]:
    function = runpy.run_path(str(SCRIPTS / "translate.py"))["quoted"]
    assert callable(function)
    return function


def read_by_hydra(override: str) -> object:
    (parsed,) = OverridesParser.create().parse_overrides([override])
    return OmegaConf.create({"value": parsed.value()}).value


@given(name=NAMES)
@settings(max_examples=300)
def test_what_is_quoted_is_the_very_string_that_hydra_reads(quoted, name):
    assert read_by_hydra(f"model.name={quoted(name)}") == name


@pytest.mark.parametrize("name", ODD)
def test_so_is_what_looks_like_something_else(quoted, name):
    assert read_by_hydra(f"model.name={quoted(name)}") == name


def test_both_arms_run_by_the_command_that_is_printed(tmp_path):
    flags = (
        "--model",
        "org/a model",
        "--limit",
        "1",
        "--run_id",
        "g",
        "--conditions",
        "no_context,baseline_context",
    )
    env = {"OPENAI_API_KEY": "any"}
    with serving(ok("no change")) as server:
        done = run(INFERENCE, *flags, "--out", "o", *DEMO, cwd=tmp_path, OPENAI_BASE_URL=server.url, **env)
        assert (done.returncode, len(server.requests)) == (0, 2), done.stdout + done.stderr
        assert {request["model"] for request in server.requests} == {"org/a model"}
        again = by_hand(done.stdout.splitlines()[0], tmp_path, OPENAI_BASE_URL=server.url, **env)
        assert (again.returncode, len(server.requests)) == (0, 2), again.stdout + again.stderr
    summary = json.loads((tmp_path / "o/results/g/summary.json").read_text())
    assert set(summary["conditions"]) == {"no_context", "baseline_context"}


def test_the_baseline_of_verified_mini_is_the_experiment(tmp_path, command_of):
    flags = ("--model", "m", "--limit", "1")
    with serving(ok("no change")) as server:
        env = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "any"}
        rehearsal = command_of(BASELINE, shlex.join([*flags, "--dry_run", *DEMO]))
        rehearsed = contexttune(*rehearsal[3:], cwd=tmp_path, **env)
        assert (rehearsed.returncode, len(server.requests)) == (0, 0), rehearsed.stdout + rehearsed.stderr
        assert rehearsed.stdout.count("dry run: 1 requests") == 2
        done = run(BASELINE, *flags, "--force", *DEMO, cwd=tmp_path, **env)
        assert (done.returncode, len(server.requests)) == (0, 2), done.stdout + done.stderr
    (summary,) = tmp_path.glob("results/demo-single_shot-m-*Z/summary.json")
    assert set(json.loads(summary.read_text())["conditions"]) == {"no_context", "baseline_context"}


def test_the_exit_code_is_the_programs(tmp_path):
    keys = ("--model", "m", "--limit", "1", "--ablation", "no_context", *DEMO, "model.attempts=1")
    with serving(error(500)) as server:
        done = run(INFERENCE, *keys, cwd=tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="any")
    assert done.returncode == 4, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--modell m", "unrecognized arguments: --modell"),
        ("--conditions a --ablation b", "not allowed with"),
        ("", "nothing to do"),
    ],
)
def test_what_cannot_be_is_said_before_the_program_starts(tmp_path, flags, words):
    done = run(INFERENCE, *shlex.split(flags), cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--runner", "single_shoot", "--dry_run"), "mini_swe_agent_swebench"),
        (("--conditions", "no_such", "--dry_run"), "baseline_context"),
        (("--limit", "0", "--dry_run", *DEMO), "slice.limit must be at least 1"),
        (("--run_id", "a/b", "--dry_run", *DEMO), "group_id='a/b' must"),
    ],
)
def test_what_cannot_be_is_said_in_the_programs_own_words(tmp_path, command_of, flags, words):
    done = contexttune(*command_of(INFERENCE, shlex.join(flags))[3:], cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_without_its_libraries_a_script_says_what_to_install(tmp_path):
    command = [sys.executable, "-S", str(SCRIPTS / INFERENCE)]  # -S: the standard library alone
    for flags, code, words in ((["-h"], 0, "--ablation"), (["--model", "m"], 1, "requirements.txt")):
        done = subprocess.run(
            [*command, *flags], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert words in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_a_checkout_that_is_not_installed_runs_from_anywhere(tmp_path):
    """What is installed in the interpreter that runs it is another checkout: PYTHONPATH is part of the command."""
    checkout = tmp_path / "other checkout"
    for part in ("contexttune", "conf", "scripts"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    away = tmp_path / "away"
    away.mkdir()
    script = str(checkout / "scripts" / INFERENCE)
    done = run(script, "--runner", "gold", "--dry_run", "--limit", "1", *DEMO, cwd=away)
    assert done.returncode == 0, done.stdout + done.stderr
    (cloned,) = re.findall(r"cloning (.*)/contexttune/demo", done.stdout + done.stderr)
    assert Path(cloned) == checkout
    assert by_hand(done.stdout.splitlines()[0], away).returncode == 0


def by_hand(line: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A printed line, pasted into a shell."""
    env = environment(**env)
    return subprocess.run(["bash", "-c", line], cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", [INFERENCE, BASELINE])
def test_help_names_every_flag_and_what_it_stands_for(tmp_path, script):
    done = run(script, "-h", cwd=tmp_path)
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    for words in (
        "--instance_ids_file",
        "slice.ids_file=FILE",
        "--force",
        "group_id=NAME-TIME",
        "harness.timeout_s=S",
    ):
        assert words in said
