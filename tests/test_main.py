"""What a user types and what comes back: exit codes, one sentence, no traceback."""

import json
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from contexttune.errors import ExitCode
from contexttune.main import run_command
from tests.command_line import contexttune, start
from tests.models.fault_server import error, ok, serving, stall

DEMO = "slice=demo", "harness=none", "condition=no_context"
ONE = "slice=demo", "harness=none", "runner=gold", "slice.limit=1"


def test_a_bare_command_says_what_is_missing_in_one_screen(tmp_path):
    done = contexttune(cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) <= 24
    for words in ("model.name=", "OPENAI_API_KEY", "OPENAI_BASE_URL", "-m experiment=demo"):
        assert words in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_groups_and_the_first_keys(tmp_path):
    done = contexttune("--help", cwd=tmp_path)
    assert done.returncode == 0
    for words in (
        "runner: empty, gold, mini_swe_agent, mini_swe_agent_swebench, single_shot",
        "condition: agents_md, baseline_context, file_context",
        "model.name",
        "group_id",
    ):
        assert words in done.stdout


def test_the_composed_configuration_can_be_looked_at_from_anywhere(tmp_path):
    done = contexttune("--cfg", "job", "experiment=demo", cwd=tmp_path)
    assert done.returncode == 0
    assert "_target_: contexttune.models.scripted.Scripted" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["runner=nope"], 2, "Could not find 'runner/nope'"),
        (["sed=1"], 2, "sed is not a key: did you mean seed?"),
        (["slice.limt=1"], 2, "did you mean slice.limit?"),
        (["modle.name=m"], 2, "did you mean model.name?"),
        (["+runer=gold"], 2, "runer is not a key: did you mean runner?"),
        (["++slice.limt=1", "slice=demo"], 2, "slice.limt is not a key"),
        (["model.nam=m"], 2, "model.nam is not a key of this option"),
        (
            ["hydra.launcher.partition=main"],
            2,
            "hydra.launcher.partition is not a key of this option: see --cfg hydra",
        ),
        (
            ["-m", "hydra/launcher=slurm", "hydra.launcher.additional_parameters={begin: 1}"],
            2,
            "+hydra.launcher.additional_parameters.begin=...",
        ),
        (["groups=g"], 2, "'groups=[g]'"),
        (["seed=0,1"], 2, "seed=0,1: add -m"),
        (["model.name={a}"], 2, "model.name={a} cannot be parsed"),
        (["model=null"], 2, "Got NoneType"),
        (["--resolve"], 2, "--resolve"),
        (["budget.cost_usd=nan"], 2, "budget.cost_usd=nan must be a finite number"),
        (["task=plan", "plan.tau=inf"], 2, "plan.tau=inf must be a finite number"),
        (["seed=abc"], 2, "could not be converted to Integer"),
        (["--help", "condition=nope"], 2, "Could not find 'condition/nope'"),
        (["seed=-1"], 2, "seed must be at least 0"),
        ([*DEMO], 2, "model.name is not set"),
        ([*DEMO, "model.name=m"], 3, "OPENAI_API_KEY is not set"),
        (
            [*DEMO, "model.name=m", "model.api_key_env=null", "model.base_url=http://127.0.0.1:9/v1"],
            3,
            "OPENAI_BASE_URL",
        ),
        ([*DEMO, "runner=gold", "slice.instance_ids=[no__such-1]"], 2, "no__such-1 not in"),
        ([*DEMO, "runner=gold", "slice.filter=x"], 2, "the slice is empty"),
        (["task=report", "group_id=absent"], 2, "group_id=absent has no run"),
        (
            [*DEMO, "runner=gold", "hydra/launcher=submitit_slurm"],
            2,
            "python -m contexttune -m slice=demo harness=none condition=no_context runner=gold hydra/launcher=submitit_slurm",
        ),
        (["slice=demo", "stages=[signals]", "workspace.remote=file:///absent"], 3, "workspace.remote"),
        (["slice=demo", "task=audit", "workspace.remote=file:///absent"], 3, "workspace.remote"),
        (
            [*DEMO, "runner=gold", "condition=baseline_context", "stages=[inference]"],
            2,
            "stages=[signals,context]",
        ),
    ],
)
def test_a_users_error_is_a_sentence_and_an_exit_code(tmp_path, arguments, code, words):
    done = contexttune(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len((done.stdout + done.stderr).splitlines()) <= 3


def test_an_unknown_endpoint_is_found_before_anything_is_computed(tmp_path):
    contexttune(*DEMO, "model.name=m", cwd=tmp_path)
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "artifacts").exists()


def test_a_dry_run_needs_no_model_and_sends_nothing(tmp_path):
    done = contexttune("slice=demo", "dry_run=true", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dry run: 6 requests" in done.stdout
    assert not (tmp_path / "artifacts" / "preds").exists()
    assert len(list(tmp_path.glob("artifacts/contexts/*/*/context.md"))) == 6


def test_a_stage_at_a_time_is_the_same_as_all_at_once(tmp_path):
    base = ("slice=demo", "runner=gold", "condition=baseline_context", "harness=none", "group_id=g")
    for stage in ("signals", "signals,context", "inference", "summarize"):
        done = contexttune(*base, f"stages=[{stage}]", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        if stage.startswith("signals"):
            kind = "contexts" if "context" in stage else "signals"
            found = re.search(rf"{kind} are in (\S+), such as (\S+)", done.stdout)
            assert found, done.stdout
            assert Path(found[1]) == tmp_path / "artifacts" / kind
            assert Path(found[1], found[2]).is_file()
    summary = json.loads((tmp_path / "results/g/summary.json").read_text())
    assert summary["conditions"]["baseline_context"]["outcomes"]["missing"] == 6
    assert [cell["state"] for cell in summary["cells"]] == ["finished"], "harness=none grades nothing"
    (preds,) = tmp_path.glob("artifacts/preds/g/*/preds.jsonl")
    assert len(preds.read_text().splitlines()) == 6


def test_outages_are_missing_units_and_the_same_command_fills_them(tmp_path):
    keys = (*DEMO, "model.name=m", "model.api_key_env=null", "model.attempts=1", "workers=1", "group_id=g")
    with serving(error(500)) as server:
        down = contexttune(*keys, cwd=tmp_path, OPENAI_BASE_URL=server.url)
    assert down.returncode == 4, down.stdout + down.stderr
    (preds,) = tmp_path.glob("artifacts/preds/g/*/preds.jsonl")
    assert preds.read_text() == ""
    with serving(ok("no change is needed")) as server:
        up = contexttune(*keys, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert len(server.requests) == 6
        again = contexttune(*keys, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert len(server.requests) == 6
    assert (up.returncode, again.returncode) == (0, 0)
    assert len(preds.read_text().splitlines()) == 6


def test_a_group_refuses_runs_that_differ_in_more_than_condition_and_seed(tmp_path):
    base = ("slice=demo", "harness=none", "condition=no_context", "group_id=g")
    assert contexttune(*base, "runner=gold", cwd=tmp_path).returncode == 0
    refused = contexttune(*base, "runner=empty", cwd=tmp_path)
    assert refused.returncode == 2
    assert "another runner.class, runner.name: choose another group_id" in refused.stdout
    assert contexttune(*base, "runner=gold", "seed=1", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_at_once_and_leaves_a_state_that_resumes(tmp_path, how):
    keys = (*DEMO, "model.name=m", "model.api_key_env=null", "group_id=g")
    with serving(ok("{}"), stall(60)) as server:
        child = start(*keys, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        while len(server.requests) < 3 and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(how)
        said, _ = child.communicate(timeout=15)
    assert child.returncode == 130, said
    assert "run the same command again" in said
    (run,) = tmp_path.glob("results/g/runs/*/run.json")
    assert json.loads(run.read_text())["status"] == "interrupted"


def test_no_file_of_a_run_holds_the_key(tmp_path):
    with serving(ok("no")) as server:
        done = contexttune(
            *DEMO,
            "model.name=m",
            "slice.limit=1",
            cwd=tmp_path,
            OPENAI_BASE_URL=server.url,
            OPENAI_API_KEY="sk-very-secret",
        )
    assert done.returncode == 0, done.stdout + done.stderr
    holding = [p for p in tmp_path.rglob("*") if p.is_file() and b"sk-very-secret" in p.read_bytes()]
    assert holding == []
    assert "sk-very-secret" not in done.stdout + done.stderr


def test_a_slice_that_cannot_be_does_not_become_the_groups(tmp_path):
    base = ("slice=demo", "harness=none", "condition=no_context", "runner=gold", "group_id=g")
    assert contexttune(*base, "slice.instance_ids=[no__such-1]", cwd=tmp_path).returncode == 2
    done = contexttune(*base, "slice.limit=1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("key", ["root", "results", "artifacts", "cache"])
@pytest.mark.parametrize("sweep", [[], ["-m"]])
def test_a_place_that_cannot_be_written_to_is_a_sentence(tmp_path, key, sweep):
    """A file in the way stands for all that a disk may refuse: rights, room, a mount that is read-only."""
    (tmp_path / "file").touch()
    base = (*ONE, "condition=repo_map")
    done = contexttune(*sweep, *base, f"paths.{key}=file", cwd=tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode == 3, said
    assert "paths.root" in said
    assert "file" in said
    assert "Traceback" not in said
    assert "HYDRA_FULL_ERROR" not in said


def test_who_asks_for_a_traceback_gets_it(tmp_path):
    done = contexttune("seed=abc", cwd=tmp_path, HYDRA_FULL_ERROR="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("content", ["", '{"a":', "[1]"])
def test_a_damaged_record_is_named_with_what_to_do(tmp_path, content):
    base = (*ONE, "condition=no_context", "group_id=g")
    assert contexttune(*base, cwd=tmp_path).returncode == 0
    for name in ("results/g/group.json", "results/g/runs/*/run.json", "artifacts/preds/g/*/*/attempt.json"):
        (path,) = tmp_path.glob(name)
        before = path.read_bytes()
        path.write_text(content)
        done = contexttune(*base, cwd=tmp_path)
        assert done.returncode == 3, done.stdout + done.stderr
        assert f"{path} is damaged" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        path.unlink()  # as the sentence says
        assert contexttune(*base, cwd=tmp_path).returncode == 0, name
        path.write_bytes(before)
    assert (
        "ceiling: not checked: harness=none grades nothing"
        in done.stdout + contexttune(*base, cwd=tmp_path).stdout
    )


def test_a_home_directory_is_meant_by_its_sign(tmp_path):
    """A shell leaves the ~ of key="~/x" alone."""
    home = tmp_path / "home"
    home.mkdir()
    base = (*ONE, "condition=repo_map")
    env = {"HOME": str(home), "CONTEXTTUNE_CACHE": "~/mine"}
    for mode in ([], ["-m"]):
        done = contexttune(*mode, *base, 'paths.root="~/runs"', cwd=tmp_path, **env)
        assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert {path.name for path in home.iterdir()} == {"runs", "mine"}
    assert {path.name for path in (home / "runs").iterdir()} == {"artifacts", "multirun", "results"}


def test_an_empty_root_is_refused_before_a_file_is_written_anywhere_else(tmp_path):
    done = contexttune("slice=demo", "harness=none", "runner=gold", "paths.root=", "group_id=g", cwd=tmp_path)
    assert done.returncode == 2
    assert "paths.root is empty" in done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] in ([], ["multirun"])


def test_a_terminal_that_is_not_utf_8_and_a_reader_that_has_seen_enough_end_no_run_in_a_traceback(tmp_path):
    base = (*ONE, "condition=no_context", "group_id=g")
    # so narrow that a heading is cut by a sign that ASCII lacks
    done = contexttune(*base, cwd=tmp_path, PYTHONIOENCODING="ascii", COLUMNS="60")
    assert done.returncode == 0, done.stdout + done.stderr
    for arguments in (["--help"], ["task=report", "group_id=g"]):
        command = f"{shlex.join([sys.executable, '-m', 'contexttune', *arguments])} | true"
        piped = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert "Traceback" not in piped.stderr, piped.stderr
    closed = shlex.join([sys.executable, "-m", "contexttune", "task=report", "group_id=g"]) + " >&-"
    done = subprocess.run(["sh", "-c", closed], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("sweep", [[], ["-m"]])
def test_a_machine_without_git_is_told_so_at_once(tmp_path, sweep):
    base = ("slice=demo", "harness=none", "condition=no_context", "runner=single_shot", "model=scripted")
    done = contexttune(*sweep, *base, cwd=tmp_path, PATH="/nonexistent")
    assert done.returncode == 3
    assert "git is not on PATH" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_group_that_has_not_begun_is_compared_with_nothing(tmp_path):
    base = ("slice=demo", "harness=none", "slice.limit=1")
    assert (
        contexttune(*base, "runner=gold", "condition=no_context", "group_id=a", cwd=tmp_path).returncode == 0
    )
    # refused in its jobs, for want of a key: planned, and no more
    assert (
        contexttune(
            "-m", *base, "model.name=m", "condition=no_context", "group_id=b", cwd=tmp_path
        ).returncode
        == 3
    )
    for groups in ("[a,b]", "[b,a]", "[b]"):
        done = contexttune("task=compare", f"groups={groups}", cwd=tmp_path)
        assert done.returncode == 2, done.stdout
        assert "no run of b has begun" in done.stdout
    assert not (tmp_path / "results/comparisons").exists()


@pytest.fixture
def in_process(tmp_path, monkeypatch):
    """`run_command` in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    return lambda *arguments: run_command(arguments)


def test_one_process_can_run_several_commands(in_process, tmp_path, capfd):
    for group_id in ("a", "b"):
        assert in_process(*ONE, "condition=no_context", f"group_id={group_id}") is ExitCode.DONE
        said = capfd.readouterr().out
        assert str(tmp_path / f"results/{group_id}/summary.json") in "".join(said.split())
        assert said.count("summary.json") == 1
        (job_log,) = tmp_path.glob(f"multirun/{group_id}/*/0/contexttune.log")
        assert f"of group {group_id}" in job_log.read_text()
    assert "of group b" not in next(tmp_path.glob("multirun/a/*/0/contexttune.log")).read_text()
    assert in_process("-m", *ONE, "condition=no_context,repo_map", "group_id=c") is ExitCode.DONE
    assert in_process("seed=-1") is ExitCode.BAD_CONFIG
    assert in_process("--help") is ExitCode.DONE
    summary = json.loads((tmp_path / "results/c/summary.json").read_text())
    assert set(summary["conditions"]) == {"no_context", "repo_map"}


@pytest.mark.parametrize(
    "arguments",
    [
        [*ONE, "condition=no_context"],
        ["-m", *ONE, "condition=no_context", "seed=0,1"],
        [*ONE, "condition=no_context", "hydra.verbose=true"],
        ["--cfg", "job"],
        ["seed=-1"],
        ["no-such-override"],
    ],
)
def test_a_command_restores_the_state_of_its_process(in_process, monkeypatch, arguments):
    monkeypatch.setattr(sys, "argv", ["pytest", "an-argument"])

    def state():
        root = logging.root
        return (
            (list(sys.argv), dict(os.environ), Path.cwd()),
            (root.level, list(root.handlers), logging.getLogger("contexttune").level),
            (GlobalHydra.instance().hydra, HydraConfig.instance().cfg),
            [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        )

    before = state()
    in_process(*arguments)
    assert state() == before


@pytest.mark.parametrize(
    "entry", [["-m", "contexttune"], ["-c", "from contexttune.__main__ import main; main()"]]
)
def test_versions_are_printed_without_loading_hydra(tmp_path, entry):
    command = [sys.executable, "-X", "importtime", *entry, "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    printed = dict(line.split() for line in done.stdout.splitlines())
    assert printed == {name: version(name) for name in ("contexttune", "swebench", "mini-swe-agent")}
    assert not re.search(r"\| +(hydra|omegaconf|swebench)$", done.stderr, re.MULTILINE)
