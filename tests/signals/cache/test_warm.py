"""Whatever was read before, in whatever order and however damaged, the file has the bytes of an empty cache."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from contexttune.repos.git import Tree
from contexttune.signals.cache import listing
from contexttune.signals.cache.blob_cache import Kept
from contexttune.signals.cache.last_commit import LastCommit, is_stale
from contexttune.signals.extraction import write_signals
from contexttune.signals.python import python_files
from tests.signals.test_extraction import ALL

_PATHS = [
    *("p/__init__.py", "p/a.py", "p/b.py", "p/q/__init__.py", "p/q/a.py", "p/q.py", "q/a.py", "src/p/a.py"),
    *("tests/p/__init__.py", "tests/test_a.py", "a.py", "b.py", "a/b.py", "a/b/c.py", "setup.cfg", "x.txt"),
    *(
        b"caf\xe9.py",
        "gr\u00fc\u00df/\U0001f600.py",
        "\uffee.py",
        "a-b.py",
        "a.b/c.py",
        "sp ace.py",
        "t\tab.py",
    ),
]
_LINES = [
    "import a",
    "import p.q",
    "from p import a, b, q",
    "from . import a",
    "from .q import a",
    "import b",
]
_LINES += ["from .. import p", "from p.q.a import f", "def f(x): pass", "class C: pass", "print 'x'", "x = 1"]
_SUBMODULE = f"160000 {'1' * 40}"


def _content(rng: random.Random) -> str:
    return "\n".join(rng.choices(_LINES, k=rng.randrange(6))) + "\n"


def _changed(rng: random.Random, files: dict) -> dict:
    """`files` after a commit: some come, some go, some differ. A file makes way for a directory."""
    after = {path: text for path, text in files.items() if rng.random() > 0.08}
    for path in rng.sample(_PATHS, rng.randrange(4)):
        after[path] = _content(rng)
    plain = {path for path in after if isinstance(path, str)}
    return {
        p: t
        for p, t in after.items()
        if isinstance(p, bytes) or not any(o.startswith(f"{p}/") for o in plain)
    }


@pytest.fixture(scope="module", params=range(3))
def history_of_commits(request, tmp_path_factory):
    """A repository, and its commits with the bytes that each has without a cache."""
    from tests.signals.conftest import Repository

    rng = random.Random(request.param)
    root = tmp_path_factory.mktemp("warm")
    repository = Repository(root)
    files = {path: _content(rng) for path in _PATHS if path not in ("a/b.py", "p/q.py", "a/b/c.py")}
    cold = {}
    for number in range(7):
        links = {"link": "p/a.py"} if rng.random() < 0.5 else {}
        links |= {"sub": _SUBMODULE} if rng.random() < 0.5 else {}
        commit = repository.commit(files, links)
        cold[commit] = _bytes(repository.tree(commit), root / f"{number}.json")
        files = _changed(rng, files)
    return repository, cold


def _bytes(tree: Tree, path: Path) -> bytes:
    path.unlink(missing_ok=True)
    write_signals(tree, ALL, path)
    return path.read_bytes()


@pytest.fixture(params=["seldom replaced", "always replaced"])
def replaced(request, monkeypatch):
    """How often a commit becomes the last one."""
    always = request.param == "always replaced"
    for module in (python_files, listing):
        monkeypatch.setattr(module, "is_stale", lambda n, of: always or n == 0)


@pytest.mark.usefixtures("replaced")
def test_any_order_of_commits_gives_the_bytes_of_an_empty_cache(history_of_commits, tmp_path):
    repository, cold = history_of_commits
    rng = random.Random(0)
    for number in range(3):
        cache = tmp_path / str(number) / "blobs.sqlite"
        for commit in rng.choices(list(cold), k=6):
            tree = Tree(repository.git_dir, "owner/name", commit, cache)
            assert _bytes(tree, tmp_path / "signals.json") == cold[commit]


@pytest.mark.parametrize("damage", ["emptied", "cut", "flipped", "removed", "a directory"])
def test_a_damaged_last_commit_is_a_miss(history_of_commits, tmp_path, damage, caplog):
    repository, cold = history_of_commits
    first, second, *_ = cold
    cache = tmp_path / "records.sqlite"
    _bytes(Tree(repository.git_dir, "owner/name", first, cache), tmp_path / "signals.json")
    kept = [path for path in (tmp_path / "owner__name").iterdir() if path.name != "claim"]
    assert len(kept) == 3
    for path in kept:
        _damage(path, damage)
    got = _bytes(Tree(repository.git_dir, "owner/name", second, cache), tmp_path / "signals.json")
    assert got == cold[second]
    assert ("owner__name" in caplog.text) == (damage != "removed")


def _damage(path: Path, how: str) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    if how in ("removed", "a directory"):
        path.unlink()
    if how == "a directory":
        path.mkdir()
    elif how != "removed":
        path.write_bytes(bytes({"emptied": b"", "cut": raw[:-7], "flipped": raw}[how]))


def test_a_last_commit_that_the_repository_has_lost_is_a_miss(history_of_commits, tmp_path):
    repository, cold = history_of_commits
    commit = next(iter(cold))
    tree = Tree(repository.git_dir, "owner/name", commit, tmp_path / "blobs.sqlite")
    LastCommit.of(tree, "files-1").put(Kept("2" * 40, b"100644 blob 00\tno.py\0"))
    assert _bytes(tree, tmp_path / "signals.json") == cold[commit]


@pytest.mark.parametrize(
    ("found", "needed", "stale"), [(0, 1, True), (0, 0, False), (90, 100, False), (89, 100, True)]
)
def test_a_commit_replaces_the_last_one_when_a_tenth_is_new(found, needed, stale):
    assert is_stale(found, needed) is stale
