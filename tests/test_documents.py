"""Every command of a document is run, alone or, where it walks through something, from the first line to the last."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.agents.outages import FINE
from tests.agents.scripted import ROTA, after
from tests.documents import ROOT, Document, shell, typed
from tests.launch.slurm.cluster import OFTEN
from tests.models.fault_server import error, ok, serving, stall
from tests.test_readme import CONTEXTS, LOCAL, README, RUNNING

DEMO = ["slice=demo", "harness=local"]
EC2 = Document(
    name="docs/ec2.md",
    extra={
        "apt-get": None,
        "usermod": None,
        "python3 -m venv": None,
        "activate": None,
        "pip install": None,
        "docker system df": None,
        "export OPENAI": None,
        "--limit": ["--", *DEMO],
        "experiment=demo": [],
        "experiment=smoke": [*DEMO, "slice.limit=1", "slice.instance_ids=null"],
        "experiment=verified_mini_baseline": DEMO,
        "task=report": [],
        "task=doctor": DEMO,
        **{part: [] for part in ("uname", "tail", "kill", "ls results")},
    },
)
# the test's cluster is this machine, where each job takes seconds
SMALL = ["hydra.launcher.cpus_per_task=1", "seed=0", "condition=no_context"]
SLURM = Document(
    name="docs/slurm.md",
    extra={
        "export OPENAI": None,
        "task=report": None,  # tested with docs/running.md
        "model/server=vllm": None,  # no GPU here
        "task=doctor": [*LOCAL, *SMALL],
        "stages=[evaluate": None,  # has a test of its own, with the one that comes before it
        "--config-dir my": [*LOCAL, *SMALL],
        "runner.container=apptainer": [*LOCAL, "dry_run=true", *SMALL],
        "hydra/launcher=slurm": [*LOCAL, "slice.limit=2", *SMALL],
        "dry_run=true": LOCAL,
        "stages=[signals,context]": ["slice=demo"],
    },
)
MINE = Document(
    name="docs/own_context.md",
    extra={
        "mkdir": [],
        "printf": None,  # of repositories that the demo does not have
        "export OPENAI": None,
        "task=audit": DEMO,
        "task=plan": DEMO,
        "task=doctor": DEMO,
        "-m condition=": [*DEMO, "slice.limit=2", "seed=0"],
        "analysis.control": [],
        "task=": [],
    },
)
DOCUMENTS = [README, RUNNING, CONTEXTS, EC2, SLURM, MINE]
STANDING_ALONE = [README, RUNNING, CONTEXTS, SLURM]


def marked(command: str) -> ParameterSet:
    on_slurm = (
        [pytest.mark.slurm, pytest.mark.slow] if "hydra/launcher=s" in command or "lab" in command else []
    )
    return pytest.param(command, marks=on_slurm, id=command.split("-m contexttune ")[1])


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """The preset of docs/slurm.md, where it says, for a cluster whose nodes are called otherwise."""
    (text,) = [text for language, text in SLURM.fences if language == "yaml"]
    name = text.splitlines()[0].removeprefix("# ")
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.mark.parametrize(
    "command", [marked(command) for document in STANDING_ALONE for command in document.runnable]
)
def test_a_command_works_as_written(command, lab, tmp_path):
    with serving(ok("no change")) as server:
        lab.write_text(lab.read_text().replace("http://node7:8000/v1", server.url))
        done = typed(command, tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="any", **OFTEN)
    assert done.returncode == 0, done.stdout + done.stderr
    if "model.name" in command and "dry_run" not in command and "task=plan" not in command:
        assert server.requests


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_command_of_a_document_has_a_test(document):
    assert document.commands
    assert [command for command in document.commands if not document.is_known(command)] == []
    unused = [part for part in document.extra if not any(part in command for command in document.commands)]
    assert unused == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_the_readme_leads_to_every_document(document):
    assert document is README or document.name in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.bwrap
def test_ones_own_file_is_measured_from_the_file_to_the_answer(tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("rota", "tablet", "inkfile"):
        (tmp_path / f"mine/ctdemo__{name}.md").write_text(f"Run pytest.\nBegin in {name}.\n")
    with serving(ok("no change")) as server:
        done = shell("\n".join(MINE.runnable), tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="any")
    assert done.returncode == 0, done.stdout + done.stderr
    told = [request["messages"][-1]["content"] for request in server.requests if "messages" in request]
    assert (
        sum("Begin in inkfile." in text for text in told) == 4
    )  # two instances, the file and its lines shuffled
    summary = json.loads((tmp_path / "results/mine/summary.json").read_bytes())
    assert sorted(summary["conditions"]) == ["file_context", "no_context", "placebo_shuffled"]
    assert summary["analysis"]["changed"] == ["control"]
    assert "this run would work here" in done.stdout
    assert "group mine is consistent" in done.stdout


@pytest.mark.slow
@pytest.mark.bwrap
def test_one_machine_with_docker(tmp_path):
    """Here with bubblewrap in the place of Docker. The endpoint stalls once, so that there is a run to stop."""
    stalls = tmp_path / "stalls"
    look = EC2.one("tail")
    done_once = (
        "compgen -G 'artifacts/preds/mini-1/*/*/attempt.json' >/dev/null"  # else there is nothing to resume
    )
    until = f"until [ -e {stalls} ] && {done_once}; do sleep 0.1; done"
    script = "\n".join(EC2.runnable).replace(look, f"{until}; {look}")
    answers = ok("no change"), ok("no change"), after(stalls.touch, stall(60)), ok("no change")
    with serving(*answers) as server:
        done = shell(script, tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="any")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run the same command again" in (tmp_path / "run.log").read_text()
    assert "resuming: " in done.stdout
    summaries = {path.parent.name for path in tmp_path.glob("results/*/summary.json")}
    assert {"demo-local", "mini-1"} < summaries
    assert len(list(tmp_path.glob("results/mini-1/runs/*/run.json"))) == 2


def solves(handler):
    """An agent that edits a file, and submits it."""
    if handler.command == "GET":  # the program looks whether anybody is there
        return error(404)(handler)
    turn = sum(message["role"] == "assistant" for message in handler.body["messages"])
    return FINE[min(turn, 1)](handler)


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.docker
def test_what_is_inferred_on_slurm_is_graded_on_a_machine_with_docker(tmp_path, demo_images):
    """By the two commands as they stand, with Docker in the place of Apptainer."""
    infer = SLURM.one("stages=[signals,context,inference]")
    grade = SLURM.one("stages=[evaluate,summarize]")
    here = ["slice=demo", f"slice.instance_ids=[{ROTA}]", "runner.container=docker", "seed=0"]
    with serving(solves) as server:
        env = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "any"}
        inferred = shell(shlex.join([*shlex.split(infer), *here, SMALL[0]]), tmp_path, **env)
        n_requests = len(server.requests)
        graded = shell(shlex.join([*shlex.split(grade), *here]), tmp_path, **env)
        assert len(server.requests) == n_requests == 4
    assert inferred.returncode == 0, inferred.stdout + inferred.stderr
    assert graded.returncode == 0, graded.stdout + graded.stderr
    (path,) = tmp_path.glob("results/*/summary.json")
    summary = json.loads(path.read_text())
    assert {cell["state"] for cell in summary["cells"]} == {"finished"}
    assert (summary["official"], summary["harness"]) == (True, "swebench_docker")


def test_its_packages_exist():
    command = EC2.one("apt-get")
    packages = [word for word in command.split("install -y")[1].split() if word != "-y"]
    assert packages
    if shutil.which("apt-cache") is None:
        pytest.skip("no Debian here")
    known = subprocess.run(
        ["apt-cache", "pkgnames"], capture_output=True, text=True, check=True
    ).stdout.split()
    if not known:
        pytest.skip("no list of packages here")
    assert set(packages) <= set(known)


def test_its_environment_can_be_made_and_filled(tmp_path):
    """What pip would do is already done in the environment that runs this; it needs no index to say so."""
    made = shell("\n".join((EC2.one("-m venv"), EC2.one("activate"), "command -v python")), tmp_path)
    assert made.stdout.split() == [str(tmp_path / ".venv" / "bin" / "python")]
    _, *words = shlex.split(EC2.one("pip install"))
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--dry-run"],
        cwd=ROOT,
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"Would install (.*)", done.stdout) == ["contexttune-0.1.0"]


@pytest.mark.docker
def test_the_engine_says_how_much_of_the_disk_it_takes(tmp_path):
    done = shell(EC2.one("docker system df"), tmp_path)
    assert done.returncode == 0, done.stderr
