"""Peak memory of a dry run over 50 instances.

python -m benchmarks.memory [--dataset ROWS.jsonl --remote TEMPLATE]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.signals import synthetic
from contexttune.git import git

LIMIT_MB = 400
_N = 50


def main() -> None:
    """Without flags, 50 instances at two commits of a synthetic repository."""
    parser = argparse.ArgumentParser(description="peak memory of a dry run")
    parser.add_argument("--dataset", help="rows of 50 instances; without it, synthetic ones")
    parser.add_argument("--remote", help="workspace.remote for them")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        dataset, remote = args.dataset, args.remote
        if dataset is None:
            dataset, remote = _rows(Path(scratch))
        keys = [
            f"slice.dataset={dataset}",
            f'workspace.remote="{remote}"',
            f"slice.limit={_N}",
            f"paths.root={scratch}/run",
        ]
        command = [sys.executable, "-m", "contexttune", "slice=custom", "dry_run=true", *keys]
        subprocess.run(command, check=True, cwd=scratch, capture_output=True)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"peak memory of a dry run of {_N} instances: {peak_mb:.0f} MB, {peak_mb / LIMIT_MB:.2f} of the limit"
    )


def _rows(scratch: Path) -> tuple[Path, str]:
    repo = synthetic(scratch)
    commits = git("--git-dir", repo, "log", "--format=%H").decode().split()
    columns = (
        "version",
        "FAIL_TO_PASS",
        "PASS_TO_PASS",
        "image",
        "eval_script",
        "log_parser",
        "eval_type",
        "patch",
        "test_patch",
    )
    rows = [
        dict.fromkeys(columns, "[]")
        | {"instance_id": f"bench__mark-{n}", "repo": "bench/mark", "base_commit": commits[n % len(commits)]}
        | {"problem_statement": "It breaks.\n" * 50}
        for n in range(_N)
    ]
    path = scratch / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, f"file://{repo}"


if __name__ == "__main__":
    main()
