"""Peak memory of a dry run over 50 instances.

python -m benchmarks.memory [--dataset ROWS.jsonl --remote TEMPLATE]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.sweep import write_rows

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
            dataset = write_rows(Path(scratch), _N, n_commits=2, n_modules=600)
            remote = f"file://{scratch}/synthetic/.git"
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


if __name__ == "__main__":
    main()
