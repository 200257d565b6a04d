"""Measure the cost of one commit, in a process that benchmarks/signals.py starts.

The time is from a git directory to signals.json and the context on disk, as in a run, without starting Python and
importing modules.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import NamedTuple

from contexttune.interfaces import RepoAtCommit, Signal
from contexttune.repos.git import Tree
from contexttune.types import Instance

REPO = "bench/mark"
LIMIT_BYTES = 2_000_000_000


class Cost(NamedTuple):
    """Result of one measurement."""

    seconds: float
    processor: float  # CPU seconds of this process and of git
    n_scanned: int  # files that were not cached
    scanned_bytes: int


def measure(what: str, mirror: Path, commits: Iterable[str], work: Path) -> Cost:
    """Measure in a fresh process. `what` is parser, lean_parser or maps; cache and artifacts are written to `work`."""
    command = [sys.executable, "-m", "benchmarks.extraction", what, str(mirror), str(work), *commits]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return Cost(**json.loads(done.stdout))


class _Scanned(logging.Handler):
    """Adds up the scanned files that are logged."""

    n_files = n_bytes = 0

    def emit(self, record: logging.LogRecord) -> None:
        found = re.search(r": (\d+) files scanned, (\d+) bytes", record.getMessage())
        if found:
            self.n_files += int(found[1])
            self.n_bytes += int(found[2])


def main() -> None:
    """Print the cost as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=("parser", "lean_parser", "maps"))
    parser.add_argument("mirror", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("commits", nargs="+")
    args = parser.parse_args()
    steps = _maps(args.mirror, args.commits, args.work)
    if args.what != "maps":
        steps = _parsed(args.mirror, args.commits, lean=args.what == "lean_parser")
    scanned = _Scanned()
    logger = logging.getLogger("contexttune.signals.cache.blob_facts")
    logger.addHandler(scanned)
    logger.setLevel(logging.DEBUG)
    next(steps)  # imports
    started, busy = time.perf_counter(), _processor()
    for _ in steps:
        pass
    seconds, processor = time.perf_counter() - started, _processor() - busy
    cost = Cost(seconds, processor, scanned.n_files, scanned.n_bytes)
    print(json.dumps(cost._asdict()))


def _parsed(mirror: Path, commits: Iterable[str], *, lean: bool) -> Iterator[None]:
    from benchmarks.plain_ast import parse

    yield
    if lean:
        gc.disable()
    for commit in commits:
        parse(Tree(mirror, REPO, commit))


def _maps(mirror: Path, commits: Iterable[str], work: Path) -> Iterator[None]:
    import ctypes  # noqa: F401 -- imported once per process by the code that is measured

    import filelock  # noqa: F401

    from contexttune.contexts.context_files import ContextStage
    from contexttune.contexts.repo_map import RepoMap
    from contexttune.paths import Layout
    from contexttune.signals.extraction import write_signals

    layout = Layout(cache=work / "cache", artifacts=work / "artifacts", results=work / "results")
    signals = _signals()
    stage = ContextStage(layout=layout, generator=RepoMap(), settings={"name": "repo_map"}, signals=signals)
    yield
    for commit in commits:
        instance = Instance(instance_id="i", repo=REPO, base_commit=commit, problem_statement="")
        path = layout.signals(REPO, commit)
        if (
            stage.saved_block(instance) is not None and path.exists()
        ):  # as contexttune/experiment/pipeline.py asks
            continue
        tree = Tree(mirror, REPO, commit, layout.blob_cache, cache_bytes=LIMIT_BYTES)
        facts = write_signals(tree, signals, path)
        stage.build(RepoAtCommit(repo=REPO, base_commit=commit, signals=facts, tree=tree), instance)


def _signals() -> list[Signal]:
    from contexttune.signals.churn import Churn
    from contexttune.signals.code_index import CodeIndex
    from contexttune.signals.hot_paths import HotPaths
    from contexttune.signals.py_index import PyIndex
    from contexttune.signals.test_manifest import TestManifest
    from contexttune.signals.tree import FileTree

    return [FileTree(), PyIndex(), TestManifest(), HotPaths(), Churn(), CodeIndex()]


def _processor() -> float:
    used = (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
