"""`make bench`: every benchmark, as ratios measured in this run.

python -m benchmarks [--repo GIT_DIR --commit SHA [--second SHA]]      the flags go to benchmarks/signals.py
"""

from __future__ import annotations

import subprocess
import sys

_ALL = {
    "benchmarks.signals": sys.argv[1:],
    "benchmarks.startup": [],
    "benchmarks.memory": [],
    "benchmarks.sweep": [],
    "benchmarks.report": [],
    "benchmarks.evidence": [],
    "benchmarks.agents": [],
    "benchmarks.power": [],
    "benchmarks.statistics": [],
}

if __name__ == "__main__":
    for module, flags in _ALL.items():
        print(f"== {module} {' '.join(flags)}".rstrip(), flush=True)
        subprocess.run([sys.executable, "-m", module, *flags], check=True)
