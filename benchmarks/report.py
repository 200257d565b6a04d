"""task=report over a group of 100 runs of 500 instances, through the command line.

python -m benchmarks.report [--runs 100 --instances 500 --profile]

The program itself makes two runs with gold patches and harness=none. These are copied under other seeds, with random
verdicts, so that all records have their real form.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.sweep import write_rows
from contexttune.experiment import rows
from contexttune.paths import Layout
from contexttune.report import summary
from contexttune.system.files import read_json, write_json
from contexttune.types import Outcome

GOAL_S = 10.0
_GROUP = "bench"
CONDITIONS = ("no_context", "baseline_context")
_VERDICTS = (Outcome.RESOLVED.value, Outcome.UNRESOLVED.value)


def main() -> None:
    """Make the group and measure the second of two reports; the first one reads cold files."""
    parser = argparse.ArgumentParser(description="task=report over a large group")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--profile", action="store_true", help="print the slowest functions as well")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        write_group(root, args.runs, args.instances)
        first, _ = report(root)
        again, mb = report(root)
        print(
            f"task=report, {args.runs} runs of {args.instances} instances: {again:.1f} s ({first:.1f} s the first time), "
            f"{mb:.0f} MB; {again / GOAL_S:.2f} of the limit of {GOAL_S:.0f} s   {'holds' if again <= GOAL_S else 'MISSED'}"
        )
        if args.profile:
            profile(root)


def report(root: Path, group_id: str = _GROUP) -> tuple[float, float]:
    """(seconds, peak MB) of one `task=report`."""
    command = [sys.executable, "-m", "contexttune", "task=report", f"group_id={group_id}"]
    started = time.perf_counter()
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError((root / "log").read_text(errors="replace"))
    return time.perf_counter() - started, used.ru_maxrss / 1024


def profile(root: Path) -> None:
    """Print the functions with the most cumulative time."""
    import cProfile
    import pstats

    measured = cProfile.Profile()
    measured.runcall(summary.rebuild, layout(root), _GROUP)
    pstats.Stats(measured).sort_stats("cumtime").print_stats(25)


def write_group(root: Path, n_runs: int, n_instances: int) -> None:
    """Write `n_runs` finished runs of one group below `root`, half of them of each condition."""
    made = gold_runs(root, _GROUP, n_instances)
    lots = random.Random(0)
    for record in made:
        for seed in range(n_runs // len(made)):
            write_run(layout(root), record, seed, lots)


def gold_runs(root: Path, group_id: str, n_instances: int) -> list[dict[str, Any]]:
    """Run gold patches in both conditions, without grading; return the records of the runs."""
    dataset = write_rows(root, n_instances, n_commits=2)
    keys = (
        *("-m", f"condition={','.join(CONDITIONS)}", "runner=gold", "harness=none", f"group_id={group_id}"),
        *("slice=custom", f"slice.dataset={dataset}"),
        f'workspace.remote="file://{root}/synthetic/.git"',
    )
    subprocess.run([sys.executable, "-m", "contexttune", *keys], cwd=root, check=True, capture_output=True)
    return [read_json(path) for path in sorted(layout(root).group(group_id).glob("runs/*/run.json"))]


def layout(root: Path) -> Layout:
    return Layout(cache=root / "cache", artifacts=root / "artifacts", results=root / "results")


def write_run(where: Layout, record: dict[str, Any], seed: int, lots: random.Random) -> None:
    """Copy the run of `record` under another seed, with random verdicts."""
    own = str(record["run_id"])
    run_id = own.replace("-s0-", f"-s{seed}-", 1)
    old, new = where.predictions(_GROUP, own).parent, where.predictions(_GROUP, run_id).parent
    outcomes = {}
    for instance in record["instances"]:
        name = instance["instance_id"]
        attempt = old / name / "attempt.json"
        outcomes[name] = {
            "outcome": lots.choice(_VERDICTS),
            "patch_sha256": read_json(attempt)["patch_sha256"],
        }
        if run_id != own:
            (new / name).mkdir(parents=True)
            os.link(attempt, new / name / "attempt.json")  # saves disk space
    home = where.run(_GROUP, run_id)
    settings = record["manifest"]["settings"] | {"seed": seed}
    manifest = record["manifest"] | {"settings": settings}
    run = record | {"run_id": run_id, "seed": seed, "manifest": manifest}
    (home / "rows.jsonl").unlink(missing_ok=True)  # rows without verdicts
    write_json(home / "outcomes.json", outcomes)
    rows.keep_rows(where, run)
    write_json(home / "run.json", run)


if __name__ == "__main__":
    main()
