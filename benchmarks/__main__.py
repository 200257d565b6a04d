"""`make bench`: every benchmark, as ratios measured in this run.

python -m benchmarks [--repo GIT_DIR --commit SHA [--second SHA]] [-- --rows FILE --remotes TEMPLATE [--aider PYTHON]]

The flags go to benchmarks/signals.py, those after `--` to benchmarks/peers.py, which runs for them alone: it measures what contexts
are worth and not what they cost, over rows and repositories that are yours.
"""

from __future__ import annotations

import subprocess
import sys

_AT = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
_ALL = {
    "benchmarks.signals": sys.argv[1:_AT],
    "benchmarks.startup": [],
    "benchmarks.memory": [],
    "benchmarks.sweep": [],
    "benchmarks.report": [],
    "benchmarks.evidence": [],
    "benchmarks.agents": [],
    "benchmarks.power": [],
    "benchmarks.statistics": [],
    **({"benchmarks.peers": sys.argv[_AT + 1 :]} if len(sys.argv) > _AT else {}),
}

if __name__ == "__main__":
    for module, flags in _ALL.items():
        print(f"== {module} {' '.join(flags)}".rstrip(), flush=True)
        subprocess.run([sys.executable, "-m", module, *flags], check=True)
