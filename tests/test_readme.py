"""What the README says: its commands (those that stand alone: see test_documents.py), its table, its condition."""

import shlex
import shutil
import subprocess

import pytest

from tests.command_line import contexttune
from tests.documents import ROOT, Document

LOCAL = ["slice=demo", "harness=none"]
README = Document(
    name="README.md",
    extra={
        "experiment=audit_search": ["slice=demo", "audit.split=all", "condition.place_weight=0.8"],
        "task=audit": ["slice=demo"],
        "task=doctor": LOCAL,
        "task=": None,
        "experiment=health": None,
        # agents have tests of their own, with Docker and bubblewrap
        "runner=mini_swe_agent": [*LOCAL, "dry_run=true"],
        "runner=gold": LOCAL,
        "dry_run=true": LOCAL,
        "hydra/launcher": [*LOCAL, "seed=0"],
        "experiment=verified_mini_baseline": LOCAL,
        "condition=no_context,baseline_context": LOCAL,
        "condition=no_context,llm_context": [*LOCAL, "slice.limit=1", "seed=0"],
        "llm_context": [*LOCAL, "slice.limit=1"],
        "slice.dataset=rows.jsonl": None,
        "--config-dir": None,
        "make demo": None,
        "export": None,
    },
)


def test_contexts_are_built_from_a_file_and_own_mirrors(tmp_path):
    command = README.one("rows.jsonl")
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
    own_test = ("task=audit", "task=doctor")
    for command in (c for c in README.commands if "task=" in c or "health" in c):
        if any(part in command for part in own_test):
            continue
        own = ["slice=demo", "harness=local", "slice.limit=2"] if "experiment=health" in command else []
        done = contexttune(*shlex.split(command)[3:], *own, cwd=tmp_path)
        assert done.returncode == 0, command + done.stdout + done.stderr
        said[command.partition("contexttune ")[2]] = done.stdout
    assert len(said) == 7
    assert "group my-group holds together" in said["task=verify group_id=my-group"]
    assert "my-group/summary.json" in said["task=report group_id=my-group"]
    group = tmp_path / "results/my-group"
    assert (group / "report.html").read_text().startswith("<!doctype html>")
    assert (group / "summary.md").exists()
    # the control has empty patches there, which no harness runs
    assert len(list(group.glob("runs/baseline_context-*/reevaluations.json"))) == 2
    assert list(tmp_path.glob("results/health/*.json"))
    assert (tmp_path / "results/comparisons/my-group--other-group.md").exists()
    assert "noise floor" in said["task=compare groups=[my-group]"].lower()


def test_the_condition_that_the_readme_adds_works(tmp_path):
    python, yaml = (text for kind, text in README.fences if kind in ("python", "yaml"))
    (tmp_path / "my_conditions.py").write_text(python)
    (tmp_path / "my/condition").mkdir(parents=True)
    (tmp_path / "my/condition/readme.yaml").write_text(yaml)
    command = README.one("--config-dir")
    # the scripted model answers by the issue alone, so any context will do
    done = contexttune(*shlex.split(command)[3:], "harness=none", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    (text,) = list(tmp_path.glob("artifacts/contexts/ctdemo__rota/*/readme-*.md"))[:1]
    assert text.read_text().startswith("# ")


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
