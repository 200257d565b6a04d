import pytest

from contexttune.errors import ArtifactError
from contexttune.repos.git import git
from contexttune.signals import history
from contexttune.signals.history import History


@pytest.fixture
def commits(repository):
    names = ["a.py", "b.py", b"caf\xe9.py", "new\nline.py"]
    return [repository.commit({name: f"x = {n}\n" for name in names[: 1 + n % 4]}) for n in range(9)]


def test_changes_are_those_of_the_last_commits_newest_first(repository, commits):
    changes = History(repository.tree(commits[2])).changes(9)
    assert changes == [["a.py", "b.py", "caf\udce9.py"], ["a.py", "b.py"], ["a.py"]]


@pytest.mark.parametrize("windows", [(3, 6), (6, 3), (2, 4, 9)])
def test_windows_of_any_order_compare_each_commit_once(repository, commits, monkeypatch, windows):
    asked = []
    monkeypatch.setattr(history, "git", lambda *args, **keys: asked.append(args[2]) or git(*args, **keys))
    changes = {n: History(repository.tree(commits[-1])).changes(n) for n in windows}
    asked.clear()
    tree = repository.tree(commits[-1])
    for n_commits in windows:
        assert tree.shared(History).changes(n_commits) == changes[n_commits]
        assert len(changes[n_commits]) == n_commits
    assert asked == ["rev-list", "diff-tree"]


def test_a_window_longer_than_what_was_read_is_read(repository, commits, monkeypatch):
    monkeypatch.setattr(history, "_AT_ONCE", 2)
    read = History(repository.tree(commits[-1]))
    assert [len(read.changes(n)) for n in (1, 2, 5, 3)] == [1, 2, 5, 3]


def test_a_commit_that_is_not_there_is_an_error_of_the_repository(repository, commits):
    with pytest.raises(ArtifactError):
        History(repository.tree("0" * 40)).changes(3)
