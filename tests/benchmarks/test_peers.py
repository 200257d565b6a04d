"""The peers of benchmarks/, over a little repository, with a stand-in for aider's interpreter."""

import json
import sys

import pytest

from benchmarks import peers
from benchmarks.peer_contexts import AiderMap, Bm25Outlines, ChangeHistory, DirectoryListing, outline, words
from contexttune.errors import ArtifactError
from contexttune.interfaces import RepoAtCommit
from contexttune.repos.git import Tree
from contexttune.types import Instance
from tests.gitrepos import commit
from tests.tasks.audit.test_audit import dataset  # noqa: F401

SYMBOLS = [
    {"name": name, "kind": kind, "line": n}
    for n, (name, kind) in enumerate(
        [("A", "class"), ("A.f", "method"), ("A.f.g", "function"), ("h", "function"), ("h.i", "function")]
    )
]


@pytest.fixture
def repo(tmp_path):
    files = {
        "lib/core.py": "class Engine:\n    def start_engine(self):\n        pass\n",
        "lib/far.py": "x = 1\n",
        "lib/tests/test_core.py": "",
    }
    sha = commit(tmp_path / "r", files)
    sha = commit(tmp_path / "r", {"lib/far.py": "x = 2\n"}, day=2)
    modules = {path: {"symbols": SYMBOLS if "core" in path else []} for path in files}
    signals = {
        "py_index": {"modules": modules},
        "churn": {"ages": {"lib/core.py": [1], "lib/far.py": [0, 1]}},
    }
    return RepoAtCommit(
        repo="o/r", base_commit=sha, signals=signals, tree=Tree(tmp_path / "r/.git", "o/r", sha)
    )


def issue(repo, statement="startEngine fails"):
    return Instance(
        instance_id="o__r-1", repo="o/r", base_commit=repo.base_commit, problem_statement=statement
    )


def test_peers_are_texts_of_the_files_that_ours_list_too(repo):
    assert DirectoryListing(name="x").build(repo, None).text == "lib/: core.py far.py"
    assert ChangeHistory(name="x").build(repo, None).text == "lib/far.py\nlib/core.py"
    assert Bm25Outlines(name="x").build(repo, issue(repo)).text == "lib/core.py: A(f) h\nlib/far.py: "
    assert (
        Bm25Outlines(name="x", file_chars=18).build(repo, issue(repo)).text
        == "lib/core.py: A(f) \nlib/far.py: "
    )


def test_words_take_identifiers_apart():
    assert words("HTTPServer_name startEngine2") == ["http", "server", "name", "start", "engine", "2"]
    assert outline("a.py", SYMBOLS) == "a.py: A(f) h"


STAND_IN = """#!{python}
import json, pathlib, sys
asked = json.load(sys.stdin)
if asked["statement"] == "broken":
    sys.exit("no such thing")
with open("{log}", "a") as log:
    print(pathlib.Path(asked["root"], "lib/far.py").read_text().strip(), file=log)
json.dump({{kind: {{str(b): f"{{kind}} {{b}}" for b in asked["budgets_chars"]}} for kind in ("agnostic", "issue")}}, sys.stdout)
"""


@pytest.fixture
def aider(tmp_path):
    python = tmp_path / "python"
    python.write_text(STAND_IN.format(python=sys.executable, log=tmp_path / "log"))
    python.chmod(0o755)
    return {"name": "aider", "python": str(python), "home": str(tmp_path / "home"), "budgets_chars": [10, 20]}


def test_maps_of_aider_are_made_once_from_a_checkout_of_the_commit(repo, aider, tmp_path):
    for kind, budget in (("issue", 10), ("agnostic", 20), ("issue", 20)):
        made = AiderMap(**aider, kind=kind, total_budget_chars=budget).build(repo, issue(repo))
        assert made.text == f"{kind} {budget}"
    assert (tmp_path / "log").read_text() == "x = 2\n"


def test_a_map_that_fails_is_no_empty_map(repo, aider):
    with pytest.raises(ArtifactError, match="o__r-1: aider failed: no such thing"):
        AiderMap(**aider, kind="issue").build(repo, issue(repo, "broken"))


def test_the_table_has_peers_and_ours_at_every_budget(dataset, aider, tmp_path, monkeypatch, capsys):  # noqa: F811
    flags = [
        "--rows",
        str(dataset),
        "--remotes",
        f"file://{tmp_path}/remotes/{{name}}",
        "--out",
        str(tmp_path / "out"),
    ]
    aider_flags = [
        "--aider",
        aider["python"],
        "--conditions",
        "repo_map",
        "--budgets",
        "200,100",
        "--limit",
        "1",
    ]
    monkeypatch.setattr(sys, "argv", ["peers", *flags, *aider_flags])
    peers.main()
    said = capsys.readouterr().out
    assert "1 instances of 1 repositories, rows.jsonl" in said
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line.count(" / ") > 3}
    assert rows["listing"][1:4] == ["100.0", "/", "100.0"]
    assert rows["aider_issue"][1:4] == ["0.0", "/", "0.0"]
    assert set(rows) == {"aider_agnostic", "aider_issue", "bm25_outlines", "listing", "history", "repo_map"}
    differences = [line.split() for line in said.splitlines() if line.startswith("repo_map - ")]
    assert len(differences) == 5 * 2
    assert ["repo_map", "-", "aider_issue", "200", "+100.0"] in [row[:5] for row in differences]
    assert len(list((tmp_path / "out/aider").glob("*.json"))) == 1
    assert (
        json.loads(next((tmp_path / "out/aider").glob("*.json")).read_text())["issue"]["200"] == "issue 200"
    )
