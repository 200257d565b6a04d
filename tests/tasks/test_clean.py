"""task=clean: it says what lies in the cache, and what can go goes when it is told so, and nothing else."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from contexttune.repos.git import git
from contexttune.signals.cache import pruning
from contexttune.signals.cache.blob_cache import BlobCache
from contexttune.signals.extraction import write_signals
from contexttune.system.files import locked
from contexttune.tasks.cache_contents import Section, sections
from tests.command_line import contexttune
from tests.gitrepos import commit, layout, workspace
from tests.signals.conftest import ALL

REPO, MONTH_S = "owner/lib", 30 * 86_400
LIMIT_BYTES = 2_000_000_000


def _made_long_ago(path: Path) -> None:
    os.utime(path, (time.time() - MONTH_S,) * 2)


@pytest.fixture
def root(tmp_path):
    """A cache as runs leave it, with something in each kind of thing that nobody needs."""
    sha = commit(tmp_path / "remotes" / "lib", {f"m{n}.py": f"def f{n}(): pass\n" for n in range(20)})
    other = commit(tmp_path / "remotes" / "lib", {"new.py": "import m1\n"})
    space, home = workspace(tmp_path, tmp_path / "remotes"), layout(tmp_path)
    write_signals(space.tree(REPO, sha), ALL, home.signals(REPO, sha))
    space.mirror(REPO, other)
    blobs = home.blob_cache.parent
    BlobCache(path=home.blob_cache, kind="text-1").put({"1" * 40: "old" * 9})
    BlobCache(path=home.blob_cache, kind="text-2").put({"1" * 40: "new" * 9})
    for name in ("records.sqlite", "owner__lib.sqlite", "owner__lib.files-1", "owner__lib/edges-0-1-2"):
        (blobs / name).parent.mkdir(exist_ok=True)
        (blobs / name).write_bytes(b"of an older version")
        _made_long_ago(blobs / name)
    half = tmp_path / "cache/mirrors/.owner__gone.git.123"
    (half / "objects").mkdir(parents=True)
    aside = home.signals(REPO, sha).with_name(".signals.json.abcd1234")
    for path in (aside, blobs / ".facts-1.x_y_z_12"):
        path.write_bytes(b"half")
        _made_long_ago(path)
    aside.with_name(".signals.json.now_now_").write_bytes(b"being written")
    (tmp_path / "results/g").mkdir(parents=True)
    (tmp_path / "results/g/summary.json").write_text("{}")
    return tmp_path


def _files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def _found(root: Path, limit_bytes: int = LIMIT_BYTES) -> dict[str, Section]:
    found = sections(layout(root), limit_bytes=limit_bytes)
    return {section.name: section for section in found}


def test_it_lists_and_deletes_nothing_by_itself(root):
    before = _files(root)
    done = contexttune("task=clean", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _files(root) - {name for name in _files(root) if name.startswith("multirun/")} == before
    assert "clean.apply=true deletes 8 items" in done.stdout
    for words in ("partial mirror", "older versions", "partial file"):
        assert words in done.stdout
    assert re.search(r"mirrors +1 ", done.stdout)


def test_what_it_deletes_is_what_it_has_listed_and_the_rest_works_as_before(root):
    before, listed = (
        _files(root),
        [one.path for section in _found(root).values() for one in section.deletable],
    )
    done = contexttune("task=clean", "clean.apply=true", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deleted 8 items" in done.stdout
    gone = {root / name for name in before - _files(root)}
    whole = {path for path in listed if path != layout(root).blob_cache}
    assert {path for path in gone if not any(one in (path, *path.parents) for one in whole)} == set()
    assert not any(path.exists() for path in whole)
    assert [one for section in _found(root).values() for one in section.deletable] == []
    assert (root / "results/g/summary.json").exists()
    remotes = root / "remotes"
    for sha in git("rev-list", "HEAD", cwd=remotes / "lib").decode().split():
        assert workspace(root, remotes).holds(REPO, [sha])


def test_records_of_the_last_version_stay_and_those_of_older_ones_go(root):
    cache = layout(root).blob_cache
    n = pruning.n_rows(cache)
    assert pruning.surplus_bytes(cache, LIMIT_BYTES) > 0
    pruning.prune(cache, LIMIT_BYTES)
    assert pruning.n_rows(cache) == n - 1
    assert BlobCache(path=cache, kind="text-1").get(["1" * 40]) == {}
    assert BlobCache(path=cache, kind="text-2").get(["1" * 40])["1" * 40] == "new" * 9
    assert pruning.surplus_bytes(cache, LIMIT_BYTES) == 0


def test_a_mirror_that_is_being_made_is_left_alone(root):
    with locked(root / "cache/mirrors/owner__gone.lock"):
        assert list(_found(root)["mirrors"].deletable) == []
    assert len(_found(root)["mirrors"].deletable) == 1


def test_the_limit_is_kept_by_what_was_used_least(tmp_path):
    cache = BlobCache(path=tmp_path / "facts.sqlite", kind="text-1")
    names = [f"{n:040x}" for n in range(400)]
    cache.put({name: "x" * 10_000 for name in names})
    with closing(sqlite3.connect(tmp_path / "facts.sqlite")) as db:
        db.execute("UPDATE kept SET used = used - 9")
        db.commit()
    assert len(cache.get(names[:50])) == 50  # which were written first, and are used last
    pruning.prune(tmp_path / "facts.sqlite", 2_000_000)
    assert (tmp_path / "facts.sqlite").stat().st_size <= 2_000_000
    left = set(cache.get(names))
    assert set(names[:50]) <= left
    assert 100 < len(left) < 200


def test_the_cache_keeps_its_limit_by_itself(tmp_path):
    path = tmp_path / "facts.sqlite"
    for number in range(30):
        names = [f"{number * 100 + n:040x}" for n in range(40)]
        cache = BlobCache(path=path, kind="text-1", limit_bytes=1_000_000)
        cache.put({name: "x" * 5_000 for name in names})
        assert len(cache.get(names)) == 40  # the newest stay
    assert path.stat().st_size < 1_500_000


def test_a_cache_that_is_no_cache_is_named_in_one_sentence(root):
    layout(root).blob_cache.write_bytes(b"no database at all" * 100)
    done = contexttune("task=clean", cwd=root)
    assert done.returncode == 3
    assert "facts.sqlite: file is not a database" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("key", ["workspace.cache_gb=0"])
def test_settings_out_of_range_are_refused(tmp_path, key):
    done = contexttune("task=clean", key, cwd=tmp_path)
    assert done.returncode == 2
    assert key.partition("=")[0] in done.stdout + done.stderr
