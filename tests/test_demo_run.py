"""The demo, end to end: what it ends in, that a second run works on nothing, that kill -9 changes nothing."""

import csv
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.command_line import contexttune, start

WITHOUT = {"tablet-12": "resolved", "tablet-17": "resolved", "inkfile-8": "resolved", "rota-26": "unresolved"}
WITHOUT |= {"inkfile-13": "empty_patch", "rota-21": "error"}
WITH = dict.fromkeys(WITHOUT, "resolved") | {"tablet-12": "unresolved"}
KILLS = int(os.environ.get("CONTEXTTUNE_KILLS", "4"))
RECORDS = ("cell.json", "run.json", "summary.json", "instances.csv")


def rows_as_written(results: Path) -> list[dict[str, str]]:
    """Rows of instances.csv, once their outcomes are those that the script is written for."""
    with (results / "instances.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    for condition, expected in (("no_context", WITHOUT), ("baseline_context", WITH)):
        outcomes = {
            r["instance_id"].removeprefix("ctdemo__"): r["outcome"]
            for r in rows
            if r["condition"] == condition
        }
        assert outcomes == expected
    return rows


def files(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything but Hydra's logs: path -> (mtime, content)."""
    kept = [
        p for place in ("cache", "artifacts", "results") for p in (root / place).rglob("*") if p.is_file()
    ]
    return {str(p.relative_to(root)): (p.stat().st_mtime_ns, p.read_bytes()) for p in kept}


def predictions(root: Path) -> dict[str, bytes]:
    return {p.parent.name: p.read_bytes() for p in root.glob("artifacts/preds/demo-local/*/preds.jsonl")}


def test_the_demo_ends_in_the_outcomes_that_its_script_is_written_for(demo_run):
    root, _ = demo_run
    rows = rows_as_written(root / "results/demo-local")
    assert all(int(r["prompt_tokens"]) > 0 and float(r["wall_s"]) >= 0 and r["n_calls"] == "1" for r in rows)
    assert {r["context_chars"] for r in rows if r["condition"] == "no_context"} == {"0"}


def test_the_demo_says_what_it_is_worth_and_where_its_files_are(demo_run):
    root, said = demo_run
    assert "The model is scripted" in said
    assert "unofficial" in said
    assert said.rstrip().endswith(f"summary: {root / 'results/demo-local/summary.json'}")
    summary = json.loads((root / "results/demo-local/summary.json").read_text())
    assert (summary["official"], summary["scripted"], summary["n_instances"]) == (False, True, 6)
    (contrast,) = summary["contrasts"]
    assert (len(contrast["gained"]), len(contrast["lost"])) == (3, 1)
    assert contrast["verdict"] == "inconclusive"
    assert contrast["sentence"] in " ".join(said.split())
    for run in summary["runs"]:
        assert {"run_id", "condition", "seed", "model_name_or_path", "manifest"} <= run.keys()


def test_a_context_of_the_demo_keeps_its_budget_and_sees_no_future(demo_run):
    root, _ = demo_run
    texts = [p.read_text() for p in root.glob("artifacts/contexts/*/*/context.md")]
    assert len(texts) == 6
    assert all(0 < len(text.rstrip("\n")) <= 3200 for text in texts)


def test_a_second_demo_does_no_work_again(demo_run, tmp_path):
    root, _ = demo_run
    copy = tmp_path / "again"
    shutil.copytree(root, copy)
    before = files(copy)
    done = contexttune("-m", "experiment=demo", cwd=copy)
    assert done.returncode == 0
    changed = {
        name
        for name, state in files(copy).items()
        if before.get(name) != state and not name.endswith(".lock")
    }
    rewritten = {name for name in changed if Path(name).name in RECORDS}
    assert changed == rewritten, "something was computed twice"
    assert "inference 1/" not in done.stdout
    assert "graded 1/" not in done.stdout


@pytest.mark.slow
def test_kill_9_at_any_moment_changes_no_prediction(demo_run, tmp_path):
    root, _ = demo_run
    moments, took_s = random.Random(0), float((root.parent / "seconds.txt").read_text())
    for _ in range(KILLS):
        child = start("-m", "experiment=demo", "workers=1", cwd=tmp_path)
        time.sleep(moments.uniform(0.1, 1.0) * took_s)
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    done = contexttune("-m", "experiment=demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert predictions(tmp_path) == predictions(root)
