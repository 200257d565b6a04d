"""What signals and context cost beside a plain parser, and a second commit beside the first.

python -m benchmarks.signals [--repo GIT_DIR --commit SHA [--second SHA]] [--no-parser]

The repository is mirrored first, as a workspace does it: a warm mirror is what is measured.
Each measurement is the best of some fresh processes. The time is that of the work, from a git directory
to signals.json and the text of the baseline context; starting Python and importing are left out on both
sides. The lean parser is the same one with the garbage collector off, as the signals have it.
"""

from __future__ import annotations

import argparse
import ast
import gc
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any, NamedTuple

from contexttune.git import Tree, git
from contexttune.interfaces import ContextGenerator, Signal
from contexttune.paths import Layout
from contexttune.workspace import Workspace

_MEASURED = ("parser", "lean_parser", "signals")


class Times(NamedTuple):
    """Seconds of one measurement; the context is 0 where none is built."""

    signals: float
    context: float
    processor: float  # of this process and of git

    @property
    def total(self) -> float:
        return self.signals + self.context


def main() -> None:
    """Parse flags; with `--measure` do one measurement, which is what the fresh processes do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repo", type=Path, help="git directory; without it, a synthetic repository")
    parser.add_argument("--commit", default="HEAD~1", help="the first commit")
    parser.add_argument("--second", help="a commit that shares most of its blobs with the first")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes a measurement is the best of")
    parser.add_argument("--no-parser", action="store_true", help="leave the slow yardstick out")
    parser.add_argument("--measure", choices=_MEASURED, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(*_measure(args.measure, args.repo, args.commit, args.work))
        return
    with tempfile.TemporaryDirectory() as scratch:
        repo, second = args.repo.resolve() if args.repo else None, args.second
        if repo is None:
            repo, second = synthetic(Path(scratch)), "HEAD"
        yardsticks = [] if args.no_parser else ["parser", "lean_parser"]
        first, other = _full(repo, args.commit), _full(repo, second) if second else None
        mirror = _mirrored(repo, first, Path(scratch))
        _report(mirror, first, other, yardsticks, scratch=Path(scratch), rounds=args.rounds)


def _full(repo: Path, name: str) -> str:
    return git("--git-dir", repo, "rev-parse", f"{name}^{{commit}}").decode().strip()


def _mirrored(repo: Path, commit: str, scratch: Path) -> Path:
    layout = Layout(cache=scratch / "cache", artifacts=scratch, results=scratch)
    return Workspace(layout=layout, remote=str(repo)).mirror("bench/mark", commit)


def _report(
    repo: Path, first: str, second: str | None, yardsticks: list[str], *, scratch: Path, rounds: int
) -> None:
    times: dict[str, list[Times]] = {}
    for number in range(rounds):  # interleaved, so that a busy minute falls on all of them
        work = scratch / str(number)
        plan: dict[str, str | None] = dict.fromkeys([*yardsticks, "first", "again"], first)
        plan["second"] = second
        for what, commit in plan.items():
            if commit:
                measure = what if what in _MEASURED else "signals"
                times.setdefault(what, []).append(_fresh(measure, repo, commit, work))
    best = {what: min(found, key=lambda one: one.total) for what, found in times.items()}
    busy = {what: min(one.processor for one in found) for what, found in times.items()}
    parts = ""
    if yardsticks:
        parts = f"{_ratio(best, 'first', 'parser')} of ast (<= 1/4), {_ratio(best, 'first', 'lean_parser')} of lean ast"
        _row("ast: parse, symbols, imports", best["parser"])
        _row("lean ast: garbage collector off", best["lean_parser"])
    _row("signals + context, empty cache", best["first"], parts)
    _row("the same commit again", best["again"], f"{_ratio(best, 'again', 'first')} of the first")
    if second:
        limit = f"{_ratio(best, 'second', 'first')} of the first (<= 1/5)"
        limit += f", 1/{busy['first'] / busy['second']:.1f} in processor time"
        _row(f"second commit, {_shared(repo, first, second)} shared", best["second"], limit)


def _row(what: str, times: Times, remark: str = "") -> None:
    context = f"({times.context * 1000:.1f} the context)" if times.context else ""
    print(f"{what:36} {times.total * 1000:9.1f} ms {context:20}  {remark}".rstrip())


def _ratio(best: dict[str, Times], part: str, whole: str) -> str:
    return f"1/{best[whole].total / best[part].total:.1f}"


def _shared(repo: Path, first: str, second: str) -> str:
    one, other = (set(_blobs(Tree(repo, "bench/mark", commit)).values()) for commit in (first, second))
    return f"{len(one & other) / len(other):.1%}"


def _fresh(what: str, repo: Path, commit: str, work: Path) -> Times:
    flags = ["--measure", what, "--repo", str(repo), "--commit", commit, "--work", str(work)]
    command = [sys.executable, "-m", "benchmarks.signals", *flags]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return Times(*map(float, done.stdout.split()))


def _measure(what: str, repo: Path, commit: str, work: Path) -> Times:
    from contexttune.signals.hot_paths import HotPaths
    from contexttune.signals.import_graph import ImportGraph
    from contexttune.signals.py_index import PyIndex
    from contexttune.signals.stage import write_signals
    from contexttune.signals.test_manifest import TestManifest
    from contexttune.signals.tree import FileTree
    from contexttune.types import RepoAtCommit

    signals: list[Signal] = [FileTree(), PyIndex(), ImportGraph(), TestManifest(), HotPaths()]
    baseline = _baseline()
    if what == "lean_parser":
        gc.disable()
    started, busy = time.perf_counter(), _processor()
    if what != "signals":
        _parse(Tree(repo, "bench/mark", commit))
        return Times(time.perf_counter() - started, 0, _processor() - busy)
    tree = Tree(repo, "bench/mark", commit, work / "blobs.sqlite")
    facts = write_signals(tree, signals, work / commit / "signals.json")
    extracted = time.perf_counter()
    at_commit = RepoAtCommit(repo="bench/mark", base_commit=commit, signals=facts, tree=tree)
    baseline.build(at_commit, None)
    return Times(extracted - started, time.perf_counter() - extracted, _processor() - busy)


def _processor() -> float:
    used = (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _baseline() -> ContextGenerator:
    from contexttune.contexts.cards.editing_norms import EditingNorms
    from contexttune.contexts.cards.key_modules import KeyModules
    from contexttune.contexts.cards.layout import Layout
    from contexttune.contexts.cards.pitfalls import Pitfalls
    from contexttune.contexts.cards.repo_identity import RepoIdentity
    from contexttune.contexts.cards.tests_howto import TestsHowto
    from contexttune.contexts.cards.where_to_look import WhereToLook
    from contexttune.contexts.cards_context import CardsContext

    cards = (RepoIdentity(), Layout(), TestsHowto(), WhereToLook(), KeyModules(), EditingNorms(), Pitfalls())
    return CardsContext(name="baseline_context", cards={card.name: card for card in cards})


def _parse(tree: Tree) -> tuple[dict[str, Any], dict[str, set[str]]]:
    """The plain way, in one process: parse every blob, walk for symbols, walk again for imports."""
    files = _blobs(tree)
    contents = dict(tree.read(sorted(set(files.values()))))
    trees: dict[str, ast.Module] = {}
    symbols: dict[str, Any] = {}
    for path, blob in files.items():
        try:
            trees[path] = ast.parse(contents[blob])
        except (SyntaxError, ValueError):
            continue
        symbols[path] = [
            (node.name, node.lineno)
            for node in ast.walk(trees[path])
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    names = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in files}
    return symbols, {path: _imported(path, module, names) for path, module in trees.items()}


def _imported(path: str, module: ast.Module, names: dict[str, str]) -> set[str]:
    found: set[str] = set()
    package = path.split("/")[:-1]
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            found |= {start, *(f"{start}.{alias.name}" for alias in node.names)}
    return {names[name] for name in found if name in names} - {path}


def _blobs(tree: Tree) -> dict[str, str]:
    return {entry.path: entry.blob for entry in tree.entries if entry.is_file and entry.path.endswith(".py")}


_HEAD = (
    '"""Module {n} of the synthetic package."""\n\nimport os\nfrom bench.part{other} import Thing{other}\n\n'
)
_CLASS = '''
class Thing{n}x{k}(Thing{other}):
    """A thing; a docstring with words in it, and
    def nothing(in_it): pass
    """

    def method(self, first: int, second: str = "a", *rest: object) -> dict[str, int]:
        """Say what it does."""
        values = [first * i for i in range(10) if i % 2]
        if values and second:
            return {{"a": values[0], "b": len(second)}}
        return {{"c": len(rest)}}

    def other(self, path=os.sep):
        total = 0
        for index, part in enumerate(path.split("/")):
            total += index * len(part)
        return total

'''


def synthetic(scratch: Path, n_modules: int = 600, n_classes: int = 10) -> Path:
    """A repository of 600 modules and 120,000 lines; its last commit changed 5 % of the modules."""
    work = scratch / "synthetic"
    package = work / "bench"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for n in range(n_modules):
        other = (n * 7 + 1) % n_modules
        body = "".join(_CLASS.format(n=n, k=k, other=other) for k in range(n_classes))
        (package / f"part{n}.py").write_text(_HEAD.format(n=n, other=other) + body)
    git("init", "--quiet", cwd=work)
    commit_all(work)
    for n in range(0, n_modules, 20):
        with (package / f"part{n}.py").open("a") as sink:
            sink.write("\n\ndef added():\n    return 1\n")
    commit_all(work)
    return work / ".git"


def commit_all(work: Path) -> None:
    """Commit all that is there, always at the same date."""
    who = {"NAME": "bench", "EMAIL": "bench@example.org", "DATE": "2020-01-01T00:00:00Z"}
    env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    git("add", ".", cwd=work)
    git("commit", "--quiet", "--no-gpg-sign", "-m", "state", cwd=work, env=env)


if __name__ == "__main__":
    main()
