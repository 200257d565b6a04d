import pytest

from contexttune.errors import ConfigError
from contexttune.repos.git import Tree
from contexttune.signals.churn import Churn
from tests.gitrepos import commit


def test_ages_count_commits_backwards_and_only_of_files_that_are_there(tmp_path):
    commit(tmp_path / "r", {"a.py": "1", "gone.py": "1"}, day=1)
    commit(tmp_path / "r", {"a.py": "2", "gone.py": None}, day=2)
    old = commit(tmp_path / "r", {"b.c": "1"}, day=3)
    commit(tmp_path / "r", {"a.py": "later"}, day=4)
    tree = Tree(tmp_path / "r" / ".git", "o/r", old)
    assert Churn().extract(tree) == {"ages": {"a.py": [1, 2], "b.c": [0]}, "n_commits": 3}
    assert Churn(window_commits=2).extract(tree) == {"ages": {"a.py": [1], "b.c": [0]}, "n_commits": 2}


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"signal\.churn\.window_commits"):
        Churn(window_commits=0)
