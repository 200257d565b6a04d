import pytest

from contexttune.errors import ArtifactError
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
    compared = []
    diffs = History._diffs
    monkeypatch.setattr(
        History, "_diffs", lambda self, names: compared.extend(names.split()) or diffs(self, names)
    )
    tree = repository.tree(commits[-1])
    for n_commits in windows:
        tree.shared(History).start(n_commits)
    for n_commits in windows:
        assert tree.shared(History).changes(n_commits) == History(tree).changes(n_commits)
    n_longest = max(windows)
    assert compared[:n_longest] == [name.encode() for name in commits[::-1][:n_longest]]


def test_a_commit_that_is_not_there_is_an_error_of_the_repository(repository, commits):
    with pytest.raises(ArtifactError):
        History(repository.tree("0" * 40)).changes(3)
