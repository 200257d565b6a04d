"""Contexts of other tools and of simple methods, as conditions for task=audit."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from contexttune.contexts.cards.source_files import is_source
from contexttune.errors import ArtifactError
from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.repos.git import git, try_git
from contexttune.system.files import fingerprint, read_json, write_json
from contexttune.tasks.audit.recall import cut
from contexttune.types import Context, Instance

log = logging.getLogger(__name__)

_CHILD = Path(__file__).parent / "aider_map.py"
_CHILD_VERSION = 1  # raised when its output changes
_WORD = re.compile(r"[A-Za-z]+|[0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def source_files(repo: RepoAtCommit) -> list[str]:
    """Sorted paths of the Python source files that our contexts list too."""
    return [path for path in sorted(repo.signals["py_index"]["modules"]) if is_source(path)]


@dataclass(frozen=True, kw_only=True)
class DirectoryListing(ContextGenerator):
    """Every source file, one line per directory."""

    version: ClassVar[int] = 1
    name: str

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        groups: dict[str, list[str]] = {}
        for path in source_files(repo):
            directory, _, name = path.rpartition("/")
            groups.setdefault(directory or ".", []).append(name)
        return Context(
            text="\n".join(f"{directory}/: {' '.join(names)}" for directory, names in groups.items())
        )


@dataclass(frozen=True, kw_only=True)
class ChangeHistory(ContextGenerator):
    """Source files by how many of the last 1000 commits changed them, one path per line."""

    version: ClassVar[int] = 1
    name: str

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        ages = repo.signals["churn"]["ages"]
        changed = [path for path in source_files(repo) if path in ages]
        return Context(text="\n".join(sorted(changed, key=lambda path: (-len(ages[path]), path))))


@dataclass(frozen=True, kw_only=True)
class Bm25Outlines(ContextGenerator):
    """Source files by bm25s over path and text, with the names of their classes, methods and functions.

    An outline ends after `file_chars`, so that no file takes all the room.
    """

    version: ClassVar[int] = 1
    per_instance: ClassVar[bool] = True
    name: str
    file_chars: int = 1500

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        assert instance is not None
        modules = repo.signals["py_index"]["modules"]
        lines = (outline(path, modules[path]["symbols"]) for path in self._ranked(repo, instance))
        return Context(text="\n".join(cut(line, self.file_chars) for line in lines))

    def _ranked(self, repo: RepoAtCommit, instance: Instance) -> list[str]:
        import bm25s

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # importing it sets another level
        paths = source_files(repo)
        if not paths:
            return []
        blobs = {path: repo.tree.by_path[path].blob for path in paths}
        contents = dict(repo.tree.read(sorted(set(blobs.values()))))
        documents = [words(f"{path} {contents[blobs[path]].decode(errors='replace')}") for path in paths]
        index = bm25s.BM25()
        index.index(documents, show_progress=False)
        scores = index.get_scores(words(instance.problem_statement))
        return [path for _, path in sorted(zip(-scores, paths, strict=True))]


def words(text: str) -> list[str]:
    """Words in lower case, with identifiers split."""
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]


def outline(path: str, symbols: Iterable[Mapping[str, Any]]) -> str:
    """`a/b.py: Class(method method) function`, without names local to functions."""
    inside: dict[str, list[str]] = {}
    classes: set[str] = set()
    for symbol in symbols:
        top, _, rest = symbol["name"].partition(".")
        if not rest:
            inside.setdefault(top, [])
            classes |= {top} if symbol["kind"] == "class" else set()
        elif "." not in rest and top in classes:
            inside[top].append(rest)
    return f"{path}: {' '.join(f'{top}({chr(32).join(names)})' if names else top for top, names in inside.items())}"


@dataclass(frozen=True, kw_only=True)
class AiderMap(ContextGenerator):
    """aider's repo map, made by `python`, an interpreter with aider, and kept under `home` by instance."""

    version: ClassVar[int] = 1
    per_instance: ClassVar[bool] = True
    name: str
    python: str
    home: str
    kind: str  # "agnostic", or "issue" to include names and files that the issue mentions
    budgets_chars: list[int]
    total_budget_chars: int = 8000

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        assert instance is not None
        key = fingerprint([repo.base_commit, instance.problem_statement, self.budgets_chars, _CHILD_VERSION])
        path = Path(self.home) / f"{instance.instance_id}-{key}.json"
        maps = read_json(path)
        if maps is None:
            maps = self._run_aider(repo, instance)
            write_json(path, maps)
        return Context(text=maps[self.kind][str(self.total_budget_chars)])

    def _run_aider(self, repo: RepoAtCommit, instance: Instance) -> dict[str, Any]:
        files = [entry.path for entry in repo.tree.entries if entry.is_file]
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch) / repo.repo.partition("/")[2]
            check_out(repo, root)
            request = {
                "root": str(root),
                "files": files,
                "statement": instance.problem_statement,
                "budgets_chars": self.budgets_chars,
            }
            env = {**os.environ, "PYTHONHASHSEED": "0", "HOME": scratch}
            command = [self.python, str(_CHILD)]
            done = subprocess.run(
                command,
                input=json.dumps(request),
                capture_output=True,
                text=True,
                cwd=scratch,
                env=env,
                check=False,
            )
        if done.returncode != 0:
            raise ArtifactError(f"{instance.instance_id}: aider failed: {done.stderr.strip()[-2000:]}")
        return dict(json.loads(done.stdout))


def check_out(repo: RepoAtCommit, root: Path) -> None:
    """Write the files of the commit to `root`, without a repository.

    Data files may be missing from a partial copy of a repository; raises ArtifactError when Python files are.
    """
    root.mkdir(parents=True)
    env = {"GIT_INDEX_FILE": str(root.with_suffix(".index"))}
    git_dir = ("--git-dir", repo.tree.git_dir.resolve())
    git(*git_dir, "read-tree", repo.base_commit, env=env)
    done = try_git(*git_dir, "--work-tree", root, "checkout-index", "--all", cwd=root, env=env)
    missing = [
        entry.path for entry in repo.tree.entries if entry.is_file and not (root / entry.path).is_file()
    ]
    if any(path.endswith(".py") for path in missing) or (done.returncode != 0 and not missing):
        raise ArtifactError(f"{repo.repo}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    if missing:
        log.warning("%s: %d files are missing from %s", repo.repo, len(missing), repo.tree.git_dir)
