"""Calls evaluate() in a process that a test may kill; arguments: TASK_REPO PREDICTIONS OUT_DIR."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from contexttune.harness.swebench_docker import SwebenchDocker
from tests.harness import toy_tasks

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    repo, predictions, out_dir = map(Path, sys.argv[1:])
    harness = SwebenchDocker(max_workers=2, timeout_s=120, attempts=1)
    harness.evaluate(predictions, toy_tasks.instances(repo), out_dir)
