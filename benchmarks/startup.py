"""What looking at the configuration costs beside a bare Hydra application over the same groups.

python -m benchmarks.startup [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copytree

from contexttune.paths import config_dir

LIMIT = 1.5
_BARE = """\
import hydra
@hydra.main(version_base="1.3", config_path={conf!r}, config_name="config")
def main(cfg): pass
main()
"""
_HEAVY = ("swebench", "litellm", "datasets", "pandas", "openai", "docker", "minisweagent")


def main() -> None:
    """Time both, interleaved, and say which heavy modules ours imports."""
    parser = argparse.ArgumentParser(description="start-up against a bare Hydra application")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        ours = [sys.executable, "-m", "contexttune", "--cfg", "job"]
        bare = [sys.executable, str(_bare(Path(scratch))), "--cfg", "job"]
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        for _ in range(rounds):  # interleaved, so that a busy minute falls on both sides
            times["ours"].append(_time_s(ours, scratch))
            times["bare"].append(_time_s(bare, scratch))
    ratio = statistics.median(times["ours"]) / statistics.median(times["bare"])
    print(f"--cfg job against a bare Hydra application: {ratio:.2f} (<= {LIMIT})")
    print(f"heavy modules imported for it: {', '.join(_imported()) or 'none'}")


def _bare(scratch: Path) -> Path:
    """The same groups and options, without our schema, resolvers and callbacks."""
    copytree(config_dir(), scratch / "conf")
    config = scratch / "conf" / "config.yaml"
    config.write_text(config.read_text().replace("  - schema\n", ""))
    script = scratch / "bare.py"
    script.write_text(_BARE.format(conf=str(scratch / "conf")))
    return script


def _time_s(command: list[str], cwd: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - started


def _imported() -> list[str]:
    probe = (
        "import sys, atexit, os; sys.argv = ['contexttune', '--cfg', 'job']\nimport contexttune.main as m\n"
    )
    probe += "m._close = lambda code, _: sys.stderr.write(' '.join(sys.modules)) * 0\nm.main()"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return [name for name in _HEAVY if name in done.stderr.split()]


if __name__ == "__main__":
    main()
