"""Cost of signals and `repo_map`, relative to a plain parser and to aider, and of further commits relative to the first.

python -m benchmarks.signals [--repo GIT_DIR --commit SHA [--second SHA]] [--no-parser] [--aider PYTHON]
                             [--rows ROWS.jsonl --of owner/name --limit 10]

The repository is mirrored first, as by a workspace, and the mirror is warm. Each measurement is the best of several
fresh processes, which are interleaved (see benchmarks/extraction.py and benchmarks/aider_cold.py). The lean parser runs
with the garbage collector off, as signals do. `--rows` takes commits from a dataset: `--limit` of them one after the
other, relative to one of them and to the number of their distinct files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import extraction
from benchmarks.extraction import REPO, Cost
from benchmarks.plain_ast import blobs
from benchmarks.process_memory import PeakMemory
from benchmarks.synthetic import synthetic
from contexttune.paths import Layout
from contexttune.repos.git import Tree, git
from contexttune.repos.workspace import Workspace

_LIMIT_MB = 600


def main() -> None:
    """Parse flags, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repo", type=Path, help="git directory; without it, a synthetic repository")
    parser.add_argument("--commit", default="HEAD~1", help="the first commit")
    parser.add_argument("--second", help="a commit that shares most of its blobs with the first")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes per measurement")
    parser.add_argument("--no-parser", action="store_true", help="skip the slow comparison")
    parser.add_argument("--aider", help="a Python that has aider")
    parser.add_argument("--rows", type=Path, help="rows of a dataset, to measure many commits")
    parser.add_argument("--of", help="repository whose rows are used")
    parser.add_argument("--limit", type=int, default=10, help="number of commits")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        repo, second = args.repo.resolve() if args.repo else None, args.second
        if repo is None:
            repo, second = synthetic(Path(scratch)), "HEAD"
        many = _commits(args.rows, args.of, args.limit) if args.rows else []
        first, other = _full(repo, args.commit), _full(repo, second) if second else None
        layout = Layout(cache=Path(scratch) / "cache", artifacts=Path(scratch), results=Path(scratch))
        mirror = Workspace(layout=layout, remote=str(repo)).mirror(REPO, first)
        bench = _Bench(mirror, Path(scratch), first, other, many, args.aider)
        for number in range(args.rounds):  # interleaved, so that other load affects all measurements
            bench.run(number, parsers=not args.no_parser)
        bench.show()


def _full(repo: Path, name: str) -> str:
    return git("--git-dir", repo, "rev-parse", f"{name}^{{commit}}").decode().strip()


def _commits(rows: Path, repo: str, limit: int) -> list[str]:
    """Base commits of a repository's instances, in the order of the file."""
    found = (json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines())
    return list(dict.fromkeys(row["base_commit"] for row in found if row["repo"] == repo))[:limit]


@dataclass
class _Bench:
    """Settings and results of all measurements."""

    mirror: Path
    scratch: Path
    first: str
    second: str | None
    many: list[str]
    aider: str | None
    costs: dict[str, list[Cost]] = field(default_factory=dict)

    def run(self, number: int, *, parsers: bool) -> None:
        """Measure everything once."""
        work = self.scratch / str(number)
        if parsers:
            self._measure("parser", "parser", [self.first], work)
            self._measure("lean_parser", "lean_parser", [self.first], work)
        if self.aider:
            self._aider(work)
        home = work / "cache"
        self._measure("first", "maps", [self.first], home)
        self._measure("again", "maps", [self.first], home)
        shutil.rmtree(home / "artifacts" / "contexts")
        self._measure("other context", "maps", [self.first], home)
        if self.second:
            self._measure("second", "maps", [self.second], home)
            self._measure("second, cold", "maps", [self.second], work / "cold")
        if self.many:
            self._measure("many", "maps", self.many, work / "many")
            self._measure("one of many", "maps", self.many[:1], work / "one")
        shutil.rmtree(work)

    def _measure(self, name: str, what: str, commits: Sequence[str], work: Path) -> None:
        found = extraction.measure(what, self.mirror, commits, work)
        self.costs.setdefault(name, []).append(found)

    def _aider(self, work: Path) -> None:
        checkout = work / "checkout"
        git("--git-dir", self.mirror, "worktree", "add", "--force", "--detach", checkout, self.first)
        script = Path(__file__).with_name("aider_cold.py")
        command = [str(self.aider), str(script), str(checkout)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=work)
        seconds, processor, _ = done.stdout.split()[-3:]
        self.costs.setdefault("aider", []).append(Cost(float(seconds), float(processor), 0, 0))

    def show(self) -> None:
        """Print ratios, each with its limit."""
        for name, words in (
            ("parser", "ast: parse, symbols, imports"),
            ("lean_parser", "lean ast: no garbage collector"),
        ):
            self._row(name, words)
        self._row("aider", "aider, cold map of 4,096 tokens")
        of = f"{self.ratio('first', 'parser', '1/4', 'ast')}{self.ratio('first', 'lean_parser', '', 'lean ast')}"
        of += self.ratio("first", "aider", "1/20", "aider")
        self._row("first", "signals + repo_map", of)
        self._row("again", "the same commit again", self.ratio("again", "first", "1/50", "the first"))
        self._row(
            "other context", "... its context alone", self.ratio("other context", "first", "", "the first")
        )
        self._second()
        self._many()
        print(f"peak memory of the first: {self._peak_mb():.0f} MB (<= {_LIMIT_MB})")

    def _second(self) -> None:
        if not self.second:
            return
        shared = _shared(self.mirror, self.first, self.second)
        fresh = self.best("second").scanned_bytes / self.best("second, cold").scanned_bytes
        cold = self.ratio("second", "second, cold", "1/10", "its own cold time")
        self._row("second, cold", "second commit, empty cache")
        self._row("second", f"... {shared} of its files known, {1 - fresh:.1%} of their bytes", cold)

    def _many(self) -> None:
        if not self.many:
            return
        many, one = self.best("many"), self.best("one of many")
        files, n_bytes = many.n_scanned / one.n_scanned, many.scanned_bytes / one.scanned_bytes
        times = many.seconds / one.seconds
        self._row("one of many", f"the first of {len(self.many)} commits: {one.n_scanned} files")
        words = (
            f"{times:.2f} times one: {times / files:.2f} by files (<= 1.3), {times / n_bytes:.2f} by bytes"
        )
        self._row("many", f"all of them: {files:.2f} times the files, {n_bytes:.2f} the bytes", words)

    def _peak_mb(self) -> float:
        command = [sys.executable, "-m", "benchmarks.extraction", "maps", str(self.mirror)]
        command += [str(self.scratch / "memory"), self.first]
        root = Path(__file__).resolve().parent.parent
        with (
            subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=root) as process,
            PeakMemory(process) as peak,
        ):
            process.wait()
        return peak.mb

    def best(self, name: str) -> Cost:
        """The fastest run of a measurement."""
        return min(self.costs[name], key=lambda one: one.seconds)

    def ratio(self, part: str, whole: str, limit: str, words: str) -> str:
        """`part` relative to `whole`, or "" when `whole` was not measured."""
        if whole not in self.costs:
            return ""
        seconds = self.best(whole).seconds / self.best(part).seconds
        busy = self.processor(whole) / self.processor(part)
        within = f"<= {limit}, " if limit else ""
        return f"1/{seconds:.1f} of {words} ({within}1/{busy:.1f} in processor time) "

    def processor(self, name: str) -> float:
        """Least CPU time of a measurement, in seconds."""
        return min(one.processor for one in self.costs[name])

    def _row(self, name: str, words: str, remark: str = "") -> None:
        if name in self.costs:
            print(f"{words:56} {self.best(name).seconds * 1000:9.1f} ms  {remark}".rstrip())


def _shared(repo: Path, first: str, second: str) -> str:
    one, other = (set(blobs(Tree(repo, REPO, commit)).values()) for commit in (first, second))
    return f"{len(one & other) / len(other):.1%}"


if __name__ == "__main__":
    main()
