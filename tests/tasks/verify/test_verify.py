"""task=verify: a group that is as it was left holds together, and whatever is changed in it afterwards is found."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contexttune.paths import Layout
from contexttune.report import summary
from contexttune.tasks.check import State, run_checks
from contexttune.tasks.verify import CHECKS, answer
from contexttune.tasks.verify.group_files import Records
from tests.command_line import contexttune

pytestmark = pytest.mark.bwrap  # the demo is graded in it

GROUP = "demo-local"


@pytest.fixture
def root(demo_run, tmp_path) -> Path:
    shutil.copytree(demo_run[0], tmp_path / "root")
    return tmp_path / "root"


def found_in(root: Path) -> dict[str, list[tuple[State, str]]]:
    layout = Layout(cache=root / "cache", artifacts=root / "artifacts", results=root / "results")
    found: dict[str, list[tuple[State, str]]] = {}
    for one in run_checks(CHECKS, Records(layout=layout, group_id=GROUP)):
        found.setdefault(one.check, []).append((one.state, one.message))
    return found


def edit(path: Path, change: Callable[[dict], None]) -> None:
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value))


def edit_line(path: Path, change: Callable[[dict], None]) -> None:
    first, *rest = path.read_text().splitlines()
    value = json.loads(first)
    change(value)
    path.write_text("\n".join([json.dumps(value), *rest]) + "\n")


def in_run(root: Path, name: str) -> Path:
    return next(root.glob(f"results/{GROUP}/runs/baseline_context-*/{name}"))


def attempt(root: Path, name: str = "attempt.json") -> Path:
    """Of an instance whose patch is not empty."""
    homes = sorted(root.glob(f"artifacts/preds/{GROUP}/baseline_context-*/*/attempt.json"))
    return next(p for p in homes if json.loads(p.read_bytes())["model_patch"]).with_name(name)


def predicted(root: Path) -> Path:
    return next(root.glob(f"artifacts/preds/{GROUP}/baseline_context-*/preds.jsonl"))


def test_what_was_left_alone_holds_together_and_is_not_changed(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    found = found_in(root)
    assert {state for lines in found.values() for state, _ in lines} == {State.OK}
    counts = {name: re.findall(r"\d+", " ".join(message for _, message in found[name])) for name in found}
    assert (counts["verdicts"], counts["contexts"], counts["accounts"]) == (["11", "1"], ["6", "6"], ["12"])
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_what_was_changed_ends_with_its_name_and_exit_code_3(root):
    edit(root / f"results/{GROUP}/summary.json", lambda s: s["conditions"]["no_context"].update(rate=0.99))
    done = contexttune("task=verify", f"group_id={GROUP}", cwd=root)
    assert done.returncode == 3
    assert "conditions.no_context.rate: 0.99 -> 0.5" in done.stdout
    assert done.stdout.splitlines()[-1] == f"group {GROUP} is inconsistent: summary"
    assert "Traceback" not in done.stdout + done.stderr
    assert contexttune("task=report", f"group_id={GROUP}", cwd=root).returncode == 0
    done = contexttune("task=verify", f"group_id={GROUP}", cwd=root)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"group {GROUP} is consistent")


def test_a_copy_of_rows_that_is_wrong_is_deleted_and_all_is_well(root):
    rows = in_run(root, "rows.jsonl")
    edit_line(rows, lambda row: row.update(n_calls=7))
    assert "run task=report" in found_in(root)["rows"][0][1]
    rows.unlink()
    assert contexttune("task=report", f"group_id={GROUP}", cwd=root).returncode == 0
    assert {state for lines in found_in(root).values() for state, _ in lines} == {State.OK}


def resolve(rows: dict) -> None:
    for row in rows.values():
        row["outcome"] = {"resolved": "unresolved", "unresolved": "resolved"}.get(
            row["outcome"], row["outcome"]
        )


PATCH = "diff --git a/x b/x\n"
CHANGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a predicted patch": (
        "predictions",
        lambda root: edit_line(predicted(root), lambda row: row.update(model_patch=PATCH)),
        "have different patches",
    ),
    "an attempt's patch": (
        "predictions",
        lambda root: edit(attempt(root), lambda a: a.update(model_patch=PATCH)),
        "does not match its digest",
    ),
    "a prediction of nothing": (
        "predictions",
        lambda root: edit_line(predicted(root), lambda row: row.update(instance_id="ctdemo__none-1")),
        "is missing from preds.jsonl",
    ),
    "an attempt that is gone": (
        "predictions",
        lambda root: attempt(root).unlink(),
        "which has no attempt",
    ),
    "a damaged record": ("predictions", lambda root: attempt(root).write_text("{"), "is damaged"),
    "a verdict": (
        "verdicts",
        lambda root: edit(in_run(root, "outcomes.json"), resolve),
        "but the harness's files say",
    ),
    "a verdict on another patch": (
        "verdicts",
        lambda root: edit(in_run(root, "outcomes.json"), lambda o: o[min(o)].update(patch_sha256="0" * 64)),
        "for a different patch",
    ),
    "a call that is gone": (
        "accounts",
        lambda root: attempt(root, "calls.jsonl").write_text(""),
        "calls.jsonl has n_calls 0, but attempt.json counts 1",
    ),
    "tokens": (
        "accounts",
        lambda root: edit(attempt(root), lambda a: a.update(prompt_tokens=a["prompt_tokens"] + 1)),
        "calls.jsonl has prompt_tokens",
    ),
    "a row": (
        "rows",
        lambda root: edit_line(in_run(root, "rows.jsonl"), lambda row: row.update(n_calls=7)),
        "rows.0.n_calls: 7 -> 1",
    ),
    "a table": (
        "summary",
        lambda root: (root / f"results/{GROUP}/instances.csv").write_text("run_id\n"),
        "instances.csv does not match its records",
    ),
    "a record of another version": (
        "accounts",
        lambda root: edit(attempt(root), lambda a: a.pop("n_calls")),
        "(KeyError: 'n_calls')",
    ),
    "a name that leads elsewhere": (
        "predictions",
        lambda root: edit(
            in_run(root, "run.json"), lambda run: run["instances"][0].update(instance_id="../../x")
        ),
        "has an instance called '../../x'",
    ),
    "a summary that is gone": (
        "summary",
        lambda root: (root / f"results/{GROUP}/summary.json").unlink(),
        f"task=report group_id={GROUP}",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found(root, name):
    what, change, words = CHANGES[name]
    change(root)
    found = found_in(root)
    assert found[what][-1][0] is State.FAILED
    assert words in found[what][-1][1]


WARNINGS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "contexts that are gone": (
        "contexts",
        lambda root: shutil.rmtree(root / "artifacts/contexts"),
        "6 attempts got a block that is not on disk",
    ),
    "logs that are gone": (
        "verdicts",
        lambda root: shutil.rmtree(in_run(root, "harness")),
        "6 verdicts cannot be checked",
    ),
    "a run that goes on": (
        "runs",
        lambda root: edit(in_run(root, "run.json"), lambda run: run.update(status="interrupted")),
        "1 runs are not finished",
    ),
    "another harness": (
        "arms",
        lambda root: edit(
            in_run(root, "run.json"), lambda run: run["manifest"]["harness"].update(swebench="4.0")
        ),
        "runs differ in harness.swebench: 4.0 -> ",
    ),
    "a context that leaks": (
        "leaks",
        lambda root: in_run(root, "run.json").with_name("leaks.json").write_text('{"x": []}'),
        "1 contexts reveal the answer",
    ),
    "a harness of somebody else's": (
        "verdicts",
        lambda root: edit(
            in_run(root, "run.json"),
            lambda run: run["manifest"]["config"]["harness"].update(_target_="antigravity.Harness"),
        ),
        "6 verdicts cannot be checked",
    ),
    "a commit that is none": (
        "contexts",
        lambda root: in_run(root, "problems.jsonl").write_text(
            in_run(root, "problems.jsonl").read_text().replace('"base_commit": "', '"base_commit": "../')
        ),
        "6 attempts got a block that is not on disk",
    ),
    "a journal that goes on": (
        "accounts",
        lambda root: attempt(root, "calls.jsonl").write_text(attempt(root, "calls.jsonl").read_text() * 2),
        "1 journals have uncounted calls",
    ),
    "a price": (
        "accounts",
        lambda root: edit(attempt(root), lambda a: a.update(cost_usd=1.0)),
        "1 attempts have a cost that differs",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_may_be_is_a_warning(root, name):
    what, change, words = WARNINGS[name]
    if name == "a price":
        edit(
            in_run(root, "run.json"),
            lambda run: run["manifest"]["config"]["model"].update(price={"prompt": 1, "completion": 1}),
        )
    change(root)
    state, said = found_in(root)[what][-1]
    assert (state, words in said) == (State.WARNING, True), said


@pytest.mark.parametrize("place", ["results", "artifacts/preds"])
def test_a_key_is_found_wherever_it_lies_also_across_what_is_read_at_once(root, monkeypatch, place):
    monkeypatch.setenv("LAB_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setattr(answer, "_CHUNK_BYTES", 16)
    assert found_in(root)["secrets"][0][0] is State.OK
    (root / place / GROUP / "note.bin").write_bytes(b"x" * 9 + b"sk-0123456789abcdef" + b"\xff")
    ((state, words),) = found_in(root)["secrets"]
    assert state is State.FAILED
    assert "note.bin contains the value of LAB_API_KEY" in words
    assert "sk-0" not in words


def test_shards_seeds_and_replays_hold_together(tmp_path):
    local = ["slice=demo", "model=scripted", "harness=local", "slice.limit=2", "group_id=g"]
    sharded = ["-m", "slice.shard_count=2", "slice.shard_index=0,1", "condition=no_context,baseline_context"]
    assert contexttune(*sharded, *local, cwd=tmp_path).returncode == 0
    assert contexttune("condition=no_context", "seed=1", *local, cwd=tmp_path).returncode == 0
    replay = ["model=replay", "model.source=artifacts/preds/g", "group_id=again"]
    assert contexttune("condition=no_context", *local, *replay, cwd=tmp_path).returncode == 0
    for group_id in ("g", "again"):
        done = contexttune("task=verify", f"group_id={group_id}", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert summary.rebuild(
        Layout(cache=tmp_path / "c", artifacts=tmp_path / "artifacts", results=tmp_path / "results"), "g"
    )
