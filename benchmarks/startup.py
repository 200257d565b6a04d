"""What `--cfg job` and `--help` take beside a bare Hydra application of six groups of one option.

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

LIMIT = 1.5
_BARE = """\
import hydra
@hydra.main(version_base="1.3", config_path={conf!r}, config_name="config")
def main(cfg): pass
main()
"""
_HEAVY = ("swebench", "litellm", "datasets", "pandas", "openai", "docker", "minisweagent")


def main() -> None:
    """Time both, interleaved, and name the heavy modules that ours imports."""
    parser = argparse.ArgumentParser(description="start-up against a bare Hydra application")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        bare = str(_bare(Path(scratch)))
        for flags in (["--cfg", "job"], ["--help"]):
            ours_s, bare_s = [], []
            for _ in range(rounds):  # interleaved, so that a busy minute falls on both sides
                ours_s.append(_time_s([sys.executable, "-m", "contexttune", *flags], scratch))
                bare_s.append(_time_s([sys.executable, bare, *flags], scratch))
            ratio = statistics.median(ours_s) / statistics.median(bare_s)
            print(f"{' '.join(flags)} against a bare Hydra application: {ratio:.2f} (<= {LIMIT})")
    print(f"heavy modules imported for it: {', '.join(_imported()) or 'none'}")


def _bare(scratch: Path) -> Path:
    """A Hydra application of six groups with one option of one line each."""
    defaults = ["defaults:"]
    for group in "abcdef":
        option = scratch / "conf" / group / "one.yaml"
        option.parent.mkdir(parents=True)
        option.write_text("key: 1\n")
        defaults.append(f"  - {group}: one")
    (scratch / "conf" / "config.yaml").write_text("\n".join([*defaults, "  - _self_", ""]))
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
