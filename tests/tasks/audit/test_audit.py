"""task=audit over a little repository and a dataset of two rows."""

import csv
import json
import re
import xml.etree.ElementTree as ET

import pytest
from hydra import compose, initialize_config_dir

from contexttune.config.build import build
from contexttune.errors import ConfigError, PreflightError
from contexttune.experiment.cell import cell_of
from contexttune.experiment.pipeline import run_experiment
from contexttune.instances import slices
from contexttune.instances.row_checks import HARNESS
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir
from contexttune.system.progress import console
from tests.gitrepos import commit

CORE = "class Engine:\n    def start(self):\n        return 1\n\n\ndef run():\n    return Engine().start()\n"


def diff(path, number, old, new):
    return f"--- a/{path}\n+++ b/{path}\n@@ -{number} +{number} @@\n-{old}\n+{new}\n"


@pytest.fixture
def dataset(tmp_path):
    files = {
        "lib/__init__.py": '"""A library."""\n',
        "lib/core.py": CORE,
        "lib/far.py": "def away():\n    return 0\n",
    }
    sha = commit(tmp_path / "remotes" / "lib", files)
    patches = {
        "o__lib-1": diff("lib/core.py", 3, "        return 1", "        return 2"),
        "o__lib-2": diff("lib/far.py", 2, "    return 0", "    return 1")
        + diff("lib/core.py", 7, "    return Engine().start()", "    return Engine().start() + 1"),
    }
    rows = [
        dict.fromkeys(HARNESS, "")
        | {"instance_id": name, "repo": "o/lib", "base_commit": sha, "patch": patch, "test_patch": ""}
        | {
            "problem_statement": "core.py is wrong" if name == "o__lib-1" else "It is wrong.",
            "FAIL_TO_PASS": '["test_it_runs"]',
        }
        for name, patch in patches.items()
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def composing():
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        yield


@pytest.fixture
def composed(tmp_path, dataset):
    def make(*overrides):
        own = ["slice=custom", f"slice.dataset={dataset}", f"paths.root={tmp_path}", "paths.cache=cache"]
        remote = f'workspace.remote="file://{tmp_path}/remotes/{{name}}"'
        return compose("config", overrides=[*own, remote, *overrides])

    return make


def audit(cfg) -> str:
    with console().capture() as capture:
        assert build(dict(cfg.task), "task").execute(cfg).exit_code == 0
    return capture.get()


def rows_of(tmp_path):
    (path,) = tmp_path.glob("results/audits/*/audit.csv")
    with path.open(newline="") as source:
        return list(csv.DictReader(source))


def test_the_table_has_every_condition_budget_and_instance(composed, tmp_path):
    said = audit(
        composed(
            "task=audit", "audit.conditions=[baseline_context,no_context]", "audit.budgets_chars=[200,3200]"
        )
    )
    found = {(r["condition"], int(r["budget_chars"]), r["instance_id"]): r for r in rows_of(tmp_path)}
    assert len(found) == 8
    whole = found["baseline_context", 3200, "o__lib-2"]
    assert (whole["file"], whole["is_named"], whole["n_gold_files"]) == ("1.0", "False", "2")
    assert found["no_context", 3200, "o__lib-1"]["file"] == "0.0"
    assert all(int(row["n_chars"]) <= budget for (_, budget, _), row in found.items())
    assert "baseline_context" in said
    (home,) = tmp_path.glob("results/audits/custom-*")
    summary = json.loads((home / "audit.json").read_text())
    overall = [
        r
        for r in summary["summary"]
        if (r["part"], r["condition"], r["budget_chars"]) == ("all", "baseline_context", 3200)
    ]
    assert (overall[0]["file"]["mean"], overall[0]["file"]["n"], summary["leaks"]) == (1.0, 2, [])
    assert {r["part"] for r in summary["summary"]} >= {
        "o/lib",
        "issue names a gold file",
        "several gold files",
    }
    assert "## several gold files, instances: 1" in (home / "audit.md").read_text()
    assert len(ET.parse(home / "recall.svg").getroot().findall(".//{*}polyline")) == 4


def test_conditions_are_compared_by_instance_in_80_columns(composed, dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    two = dataset.read_text()
    dataset.write_text("".join(two.replace("o__lib-", f"o__lib-{n}") for n in range(3)))
    names = "audit.conditions=[baseline_context,no_context]"
    said = audit(composed("task=audit", names, "audit.budgets_chars=[3200]", "audit.reference=no_context"))
    assert "baseline_context - no_context" in said
    assert "+100.0 [100.0, 100.0]*" in said
    tables, _, _ = said.partition("\nPercentages")
    assert max(map(len, tables.splitlines())) <= 80
    assert "issue names no gold file, instances: 3" in said
    assert "several gold files, instances: 3" in said
    (path,) = tmp_path.glob("results/audits/*/audit.json")
    rows = json.loads(path.read_text())["differences"]
    (overall,) = [row for row in rows if row["part"] == "all"]
    assert (overall["condition"], overall["reference"], overall["file"]["mean"]) == (
        "baseline_context",
        "no_context",
        1.0,
    )
    assert (
        "| baseline_context - no_context | 3,200 | +100.0 [100.0, 100.0]* |"
        in path.with_suffix(".md").read_text()
    )
    (few,) = [row for row in rows if row["part"] == "several gold files"]
    assert (few["file"]["mean"], few["file"]["ci95"], few["file"]["verdict"]) == (1.0, None, "")


def test_what_is_held_out_is_reported_with_what_was_measured_on_it(composed, tmp_path):
    held = "task=audit", "audit.split=held_out", "audit.budgets_chars=[3200]"
    assert "baseline_context: 1." in audit(composed(*held))
    again = audit(composed(*held, "condition.card_budget_chars=60"))
    assert "baseline_context: 2;" in again
    (path,) = tmp_path.glob("results/audits/held_out.jsonl")
    assert len(path.read_text().splitlines()) == 2
    homes = list(tmp_path.glob("results/audits/*/audit.json"))
    assert sorted(
        json.loads(home.read_text())["held_out"]["settings"]["baseline_context"] for home in homes
    ) == [1, 2]


def test_two_audits_differ_in_seconds_alone(composed, tmp_path):
    cfg = composed("task=audit", "audit.name=mine", "audit.budgets_chars=[3200]")
    texts = []
    for _ in range(2):
        audit(cfg)
        texts.append((tmp_path / "results/audits/mine/recall.svg").read_text())
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("audit.conditions=[baseline_contxt]", r"audit\.conditions: 'baseline_contxt'"),
        ("audit.conditions=[]", "must name conditions"),
        ("audit.conditions=[no_context,no_context]", r"audit\.conditions=\['no_context', 'no_context'\]"),
        ("audit.budgets_chars=[0]", r"audit\.budgets_chars"),
        ("audit.leaks=maybe", r"audit\.leaks='maybe'"),
        ("audit.reference=no_context", r"audit\.reference=no_context must be one of .*: baseline_context"),
        ("audit.split=half", r"audit\.split='half' must be one of all, development, held_out"),
        ("audit.split=development", r"audit\.split=development .*audit\.development_repos"),
        ("audit.name=../x", r"audit\.name"),
        ("show=o__lib-9", "show=o__lib-9 is not in slice=custom"),
    ],
)
def test_what_cannot_be_audited_is_one_sentence(composed, override, words):
    with pytest.raises(ConfigError, match=words) as caught:
        audit(composed("task=audit", override))
    assert "\n" not in str(caught.value)


def test_what_was_typed_for_a_condition_holds_for_it_alone(composed, tmp_path):
    typed = composed(
        "task=audit", "condition.card_budget_chars=60", "audit.conditions=[no_context,baseline_context]"
    )
    audit(typed)
    (path,) = tmp_path.glob("results/audits/*/audit.json")
    conditions = json.loads(path.read_text())["settings"]["conditions"]
    assert conditions["baseline_context"]["card_budget_chars"] == 60
    assert "card_budget_chars" not in conditions["no_context"]


def test_the_block_is_shown_with_the_gold_marked(composed):
    said = audit(composed("task=audit", "show=o__lib-2", "audit.conditions=[baseline_context,no_context]"))
    assert "lib/core.py: run" in said
    assert "======BEGIN_REPO_CONTEXT=====" in said
    marked = [line for line in said.splitlines() if line[:3].strip() in ("F", "FS", "S")]
    assert any(line.endswith("lib/far.py") and "far.py" in line for line in marked)
    assert "## Where to look  <- card where_to_look" in said
    assert "no_context sends no block" in said


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("baseline_context", r"lib/core\.py  <- [\d.]+: 1 changes in \d+ commits, \d+ lines"),
        ("repo_map", r"lib/core\.py: .*  <- [\d.]+: \d+ changes in \d+ commits, \d+ lines"),
        ("issue_map", r"lib/core\.py: .*  <- [\d.]+: .*changes \d\.\d\d"),
    ],
)
def test_each_line_of_a_block_has_the_reason_why_it_stands_there(composed, condition, reason):
    said = audit(composed("task=audit", "show=o__lib-2", f"condition={condition}"))
    assert re.search(reason, said)


LEAKING = "\n".join(["Engine starts", "see test_it_runs"])


@pytest.fixture
def leaking(monkeypatch):
    """A condition that tells the name of a test that does not exist yet."""
    from contexttune.contexts.cards_context import CardsContext
    from contexttune.types import Context

    monkeypatch.setattr(CardsContext, "build", lambda *_: Context(text=LEAKING))


def test_an_audit_of_a_leak_is_written_and_fails(composed, tmp_path, leaking):
    with pytest.raises(
        PreflightError, match=r"2 of 2 contexts leak; .*o__lib-1 contains a test .*line 2: test_it_runs"
    ):
        audit(composed("task=audit", "audit.budgets_chars=[3200]"))
    assert [row["n_leaks"] for row in rows_of(tmp_path)] == ["1", "1"]
    audit(composed("task=audit", "audit.budgets_chars=[3200]", "audit.leaks=warn"))


RUN = "runner=empty", "harness=none"


def test_a_run_whose_context_leaks_is_refused_before_inference(composed, tmp_path, leaking):
    with pytest.raises(PreflightError, match=r"test_it_runs.*set audit\.leaks=warn"):
        run_experiment(composed(*RUN))
    assert list(tmp_path.glob("artifacts/preds/*")) == []
    cfg = composed(*RUN, "audit.leaks=warn")
    run_experiment(cfg)
    cell = cell_of(cfg)
    record = json.loads(cell.layout.leaks(cell.group_id, cell.run_id).read_text())
    assert [leak["kind"] for leak in record["o__lib-1"]] == ["test_name"]
    run_experiment(composed(*RUN, "audit.leaks=off"))


def test_the_leak_check_is_no_part_of_what_a_run_is_called(composed):
    assert cell_of(composed(*RUN)).run_id == cell_of(composed(*RUN, "audit.leaks=off", "show=x")).run_id


def test_a_condition_brings_the_signals_that_no_other_needs(composed, tmp_path):
    names = "audit.conditions=[baseline_context,repo_map,issue_map]"
    build(dict(composed("task=audit", names).task), "task").execute(composed("task=audit", names))
    (found,) = tmp_path.glob("results/audits/*/audit.csv")
    rows = list(csv.DictReader(found.open(newline="")))
    assert {row["condition"] for row in rows} == {"baseline_context", "repo_map", "issue_map"}


def test_a_row_whose_patch_cannot_be_read_is_named_with_the_remedy(composed, monkeypatch):
    rows, cut = slices.load_rows, "--- a/x\n+++ b/x\n@@ -1,5 +1,9 @@\n-x\n+y\n"
    monkeypatch.setattr(slices, "load_rows", lambda config: [row | {"patch": cut} for row in rows(config)])
    with pytest.raises(ConfigError, match=r"o__lib-\d .*the patch cannot be read .*audit\.leaks=off"):
        run_experiment(composed(*RUN))
    run_experiment(composed(*RUN, "audit.leaks=off"))
