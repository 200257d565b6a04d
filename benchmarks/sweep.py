"""A sweep of six dry runs, two conditions by three seeds, and how it grows with the number of instances.

python -m benchmarks.sweep [--instances 50 500 --commits 50]

Through the command line, each size in a directory of its own, so that every cache is cold. The repository is
synthetic; its commits are shared out among the instances, so signals cost the same for both sizes, and what grows is
the instances' own part. Growth beyond start-up is what a further instance costs, over what one of the small sweep did.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.synthetic import commit_all, synthetic
from contexttune.repos.git import git

_COLUMNS = [
    "version",
    "FAIL_TO_PASS",
    "PASS_TO_PASS",
    "image",
    "eval_script",
    "log_parser",
    "eval_type",
    "patch",
    "test_patch",
]
_SWEEP = ("condition=no_context,baseline_context", "seed=0,1,2")
_N_RUNS = 6
_N_MODULES = 120


class Cost(NamedTuple):
    seconds: float
    mb: float


def main() -> None:
    """Measure both sizes, the small one twice: the first fills the system's own caches."""
    parser = argparse.ArgumentParser(description="six dry runs through the command line")
    parser.add_argument("--instances", type=int, nargs=2, default=[50, 500])
    parser.add_argument("--commits", type=int, default=50)
    args = parser.parse_args()
    small, large = args.instances
    with tempfile.TemporaryDirectory() as scratch:
        rows = write_rows(Path(scratch), large, args.commits)
        costs = [measure(Path(scratch) / str(n), rows, size) for n, size in enumerate((small, small, large))]
    _, few, many = costs
    for size, cost in ((small, few), (large, many)):
        per_instance = cost.seconds / (_N_RUNS * size) * 1000
        print(
            f"{_N_RUNS} dry runs of {size} instances, {args.commits} commits: {cost.seconds:.1f} s "
            f"({per_instance:.1f} ms an instance and run), {cost.mb:.0f} MB at the most"
        )
    linear = large / small
    for what, ratio in (("seconds", many.seconds / few.seconds), ("memory", many.mb / few.mb)):
        verdict = "holds" if ratio <= linear else "MISSED"
        print(
            f"from {small} to {large} instances: {what} times {ratio:.2f} (<= {linear:.0f}, linear)   {verdict}"
        )


def measure(root: Path, rows: Path, n_instances: int) -> Cost:
    """One sweep in `root`: seconds, and the highest memory of its process."""
    root.mkdir()
    keys = (
        *("slice=custom", f"slice.dataset={rows}", f"slice.limit={n_instances}", "dry_run=true"),
        f'workspace.remote="file://{rows.parent}/synthetic/.git"',
    )
    command = [sys.executable, "-m", "contexttune", "-m", *_SWEEP, *keys]
    started = time.perf_counter()
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    said = (root / "log").read_text(errors="replace")
    if status != 0 or said.count(f"dry run: {n_instances} requests") != _N_RUNS:
        raise RuntimeError(said)
    return Cost(seconds, used.ru_maxrss / 1024)


def write_rows(scratch: Path, n_instances: int, n_commits: int, n_modules: int = _N_MODULES) -> Path:
    """A dataset over a synthetic repository, both below `scratch`."""
    repo = synthetic(scratch, n_modules)
    package = scratch / "synthetic" / "bench"
    for number in range(n_commits - 2):
        with (package / f"part{number % n_modules}.py").open("a") as sink:
            sink.write(f"\n\ndef added{number}():\n    return {number}\n")
        commit_all(package.parent)
    commits = git("--git-dir", repo, "log", "--format=%H").decode().split()
    rows = [
        dict.fromkeys(_COLUMNS, "[]")
        | {"instance_id": f"bench__mark-{n}", "repo": "bench/mark", "base_commit": commits[n % len(commits)]}
        | {"problem_statement": f"This is number {n}.\n" + "It breaks.\n" * 50, "patch": f"a patch {n}\n"}
        for n in range(n_instances)
    ]
    path = scratch / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


if __name__ == "__main__":
    main()
