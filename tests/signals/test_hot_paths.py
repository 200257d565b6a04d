import pytest

from contexttune.errors import ConfigError
from contexttune.signals.hot_paths import HotPaths


def test_churn_counts_ancestors_only_and_paths_that_exist(repository):
    repository.commit({"a.py": "1", "gone.py": "1", "tests/t.py": "1"})
    base = repository.commit({"a.py": "2", "b.py": "1", "tests/t.py": "2"})
    repository.commit({"a.py": "3", "b.py": "2", "future.py": "1"})
    facts = HotPaths(window_commits=10).extract(repository.tree(base))
    assert facts["window_commits"] == 2
    assert facts["by_churn"] == [
        {"path": "a.py", "commits": 2, "score": 19},
        {"path": "b.py", "commits": 1, "score": 10},
    ]


def test_the_window_limits_how_far_back_churn_looks(repository):
    repository.commit({"a.py": "1", "b.py": "1"})
    base = repository.commit({"a.py": "2", "b.py": "1"})
    facts = HotPaths(window_commits=1).extract(repository.tree(base))
    assert facts["by_churn"] == [{"path": "a.py", "commits": 1, "score": 1}]


def test_tests_and_documents_are_left_out(tree_of):
    files = {"p/a.py": "1", "tests/test_a.py": "1", "conftest.py": "1", "docs/conf.py": "1", "README.md": "1"}
    assert [one["path"] for one in HotPaths().extract(tree_of(files))["by_churn"]] == ["p/a.py"]


@pytest.mark.parametrize("key", ["window_commits", "top"])
def test_a_window_of_nothing_is_refused(key):
    with pytest.raises(ConfigError, match=rf"signal\.hot_paths\.{key}"):
        HotPaths(**{key: 0})
