"""What the README says: its commands (those that stand alone: see test_documents.py), its table, its condition."""

import shlex
import shutil
import subprocess

import pytest

from tests.command_line import contexttune
from tests.documents import ROOT, Document

LOCAL = ["slice=demo", "harness=none"]
ONE = [*LOCAL, "slice.limit=1"]
README = Document(
    name="README.md",
    extra={
        "task=doctor": LOCAL,
        "task=plan": [],
        "task=report": None,
        "experiment=verified_mini_baseline": ONE,
        "make demo": None,
        "export": None,
    },
)
RUNNING = Document(
    name="docs/running.md",
    extra={
        "task=doctor": LOCAL,
        "task=": None,
        "experiment=health": None,
        # agents have tests of their own, with Docker and bubblewrap
        "runner=mini_swe_agent": [*LOCAL, "dry_run=true"],
        "runner=gold": LOCAL,
        "hydra/launcher": [*ONE, "seed=0"],
        "condition=no_context,baseline_context": ONE,
        "slice.dataset=rows.jsonl": None,
    },
)
CONTEXTS = Document(
    name="docs/contexts.md",
    extra={
        "experiment=audit_search": ["slice=demo", "audit.split=all", "condition.place_weight=0.8"],
        "task=audit": ["slice=demo"],
        "experiment=controls": LOCAL,
        "condition=no_context,llm_context": [*ONE, "seed=0"],
        "llm_context": ONE,
    },
)


def test_contexts_are_built_from_a_file_and_own_mirrors(tmp_path):
    command = RUNNING.one("rows.jsonl")
    from swebench.task.repo import load_task_repo

    from contexttune.system.files import write_jsonl

    write_jsonl(tmp_path / "rows.jsonl", [dict(r) for r in load_task_repo(str(ROOT / "contexttune/demo"))])
    mirrors = tmp_path / "mirrors"
    for bundle in (ROOT / "contexttune/demo/repos").glob("*.bundle"):
        subprocess.run(["git", "clone", "-q", "--bare", bundle, mirrors / f"{bundle.stem}.git"], check=True)
    arguments = shlex.split(command.replace("file:///mirrors", f"file://{mirrors}"))[3:]
    # the default slice pins the ids of Verified Mini, which this file does not have
    done = contexttune(*arguments, "slice=custom", "slice.dataset=rows.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("artifacts/contexts/*/*/context.md"))) == 6


@pytest.mark.bwrap
@pytest.mark.slow
def test_the_answer_is_had_by_its_commands(tmp_path):
    """All of that section, as typed, over two small groups of the demo."""
    demo = ["slice=demo", "model=scripted", "runner=single_shot", "harness=local", "slice.limit=2"]
    both = ["-m", "condition=no_context,baseline_context", "seed=0,1", "group_id=my-group"]
    for words in (both, ["condition=baseline_context", "group_id=other-group"]):
        done = contexttune(*words, *demo, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    said = {}
    for command in (c for c in RUNNING.commands if "task=" in c or "health" in c):
        if "task=doctor" in command:
            continue
        own = ["slice=demo", "harness=local", "slice.limit=2"] if "experiment=health" in command else []
        done = contexttune(*shlex.split(command)[3:], *own, cwd=tmp_path)
        assert done.returncode == 0, command + done.stdout + done.stderr
        said[command.partition("contexttune ")[2]] = done.stdout
    assert len(said) == 6
    assert "group my-group is consistent" in said["task=verify group_id=my-group"]
    assert "my-group/summary.json" in said["task=report group_id=my-group"]
    group = tmp_path / "results/my-group"
    assert (group / "report.html").read_text().startswith("<!doctype html>")
    assert (group / "summary.md").exists()
    # the control has empty patches there, which no harness runs
    assert len(list(group.glob("runs/baseline_context-*/reevaluations.json"))) == 2
    assert list(tmp_path.glob("results/health/*.json"))
    assert (tmp_path / "results/comparisons/my-group--other-group.md").exists()
    assert "noise floor" in said["task=compare groups=[my-group]"].lower()


def test_the_table_of_the_readme_is_what_the_demo_prints(demo_run):
    (table,) = [text for kind, text in README.fences if kind == "text"]
    _, said = demo_run
    for line in table.splitlines():
        assert line.rstrip() in said


def test_make_demo_is_the_demo():
    if shutil.which("make") is None:
        pytest.skip("no make here")
    assert "make demo" in README.commands
    planned = subprocess.run(
        ["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "-m contexttune -m experiment=demo" in planned
