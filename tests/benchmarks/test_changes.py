"""benchmarks/changes.py: which commits of a history become rows, and that an audit takes them."""

import sys

import pytest

from benchmarks import changes
from tests.command_line import contexttune
from tests.gitrepos import commit


@pytest.fixture
def history(tmp_path):
    """One commit that fits, and one for each reason why one does not."""
    repo, many = tmp_path / "o__r", "x = 1\n" * 100
    files = {
        "lib/a.py": "def f():\n    return 1\n",
        "lib/b.py": "",
        "tests/test_a.py": "",
        "docs/conf.py": "",
    }
    base = commit(repo, files)
    fits = commit(
        repo, {"lib/a.py": "def f():\n    return 2\n", "tests/test_a.py": "1"}, "Fix f, see #7", day=2
    )
    for day, (what, message) in enumerate(
        [
            ({"lib/a.py": "def f():\n    return 3\n", "tests/test_a.py": "2"}, "Let f be three"),
            ({"lib/a.py": "def f():\n    return 4\n"}, "Fix f without a test"),
            ({"tests/test_a.py": "3"}, "Fix a test"),
            ({"docs/conf.py": "1", "tests/test_a.py": "4"}, "Fix the manual"),
            ({"lib/c.py": "1", "lib/a.py": "", "tests/test_a.py": "5"}, "Fix by a new file"),
            ({"lib/b.py": None, "lib/a.py": "1", "tests/test_a.py": "6"}, "Fix by dropping a file"),
            ({"lib/a.py": many, "tests/test_a.py": "7"}, "Fix a lot"),
        ],
        start=3,
    ):
        commit(repo, what, message, day=day)
    return repo, base, fits


def test_a_row_is_a_change_that_mends_what_was_there(history):
    repo, base, fits = history
    (row,) = changes.rows_of(repo / ".git", "o/r", most=25)
    assert (row["instance_id"], row["base_commit"]) == (f"o__r-{fits[:10]}", base)
    assert row["problem_statement"].strip() == "Fix f, see #7"
    assert "+    return 2" in row["patch"]
    assert "tests/" not in row["patch"]
    assert "tests/test_a.py" in row["test_patch"]


def test_an_audit_takes_the_rows(history, tmp_path, monkeypatch, capsys):
    rows, remote = tmp_path / "rows.jsonl", str(tmp_path / "{owner}__{name}" / ".git")
    monkeypatch.setattr(sys, "argv", ["changes", "--remotes", remote, "--out", str(rows), "o/r"])
    changes.main()
    assert capsys.readouterr().out == "o/r: 1 changes\n"
    words = ("task=audit", "slice=custom", f"slice.dataset={rows}", "audit.name=a", "condition=repo_map")
    done = contexttune(*words, f"workspace.remote='{remote}'", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "results/audits/a/audit.md").read_text()
    assert "## all, instances: 1\n" in page
    assert "| repo_map | 8,000 | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 |" in page
