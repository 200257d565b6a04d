"""What an agent's step and instance cost beside `mini-extra swebench`: the same scripted endpoint, image, workers.

python -m benchmarks.agents [--instances 8 --steps 12 --workers 4 --rounds 3 --image IMAGE]

A step is the time between two requests of a conversation, as the endpoint sees it. An instance is the wall time
of the whole command, divided: start-up, the containers' start, the records and the closing table are in it. Ours
also has the removal of containers in it, and sets limits of memory and processes on them; mini-swe-agent leaves
removal to a process that goes on after its end. Memory is the highest sum of proportional set sizes over the
process and all that it started, in runs of their own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.agent_runs import Bench, Endpoint, Measured

GOAL = 1.0
_SIDES = ("ours", "mini-extra")
_IMAGE = "swebench/sweb.eval.x86_64.ctdemo_1776_rota-21:latest"
_ROOT = Path(__file__).resolve().parent.parent

Runs = dict[tuple[str, int], list[Measured]]
"""(side, workers) -> what was measured in each round."""


def main() -> None:
    """Measure both sides, interleaved, and print one line a quantity."""
    parser = argparse.ArgumentParser(description="agents against mini-extra swebench")
    parser.add_argument("--instances", type=int, default=8)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--workers", type=int, default=4, help="instances at once, beside one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--image", help="with a shell and git; without it, one of the demo's, built here")
    args = parser.parse_args()
    if why := _no_engine():
        print(f"skipped: no Docker engine answers ({why})")
        return
    if args.image is None:
        subprocess.run([sys.executable, "scripts/demo_images.py"], cwd=_ROOT, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as scratch:
        endpoint = Endpoint(args.steps)
        bench = Bench(
            scratch=Path(scratch),
            endpoint=endpoint,
            image=args.image or _IMAGE,
            n_instances=args.instances,
        )
        bench.write_rows()
        for side in _SIDES:
            bench.measure(side, args.workers)  # caches and bytecode are there from now on, for both
        timed = _rounds(bench, args.workers, args.rounds, memory=False)
        sampled = _rounds(bench, args.workers, args.rounds, memory=True)
    print(f"{args.instances} instances of {args.steps} steps; medians of {args.rounds} rounds, interleaved")
    print(f"{'':56}{'ours':>9}{'mini-extra':>12}{'ratio':>8}   goal <= {GOAL}")
    for line in (*_times(timed, args.workers, args.instances), *_memory(sampled, args.workers)):
        print(line)


def _no_engine() -> str:
    """Why no engine answers; "" when one does."""
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def _rounds(bench: Bench, workers: int, rounds: int, *, memory: bool) -> Runs:
    runs: Runs = {}
    for _ in range(rounds):
        for n_workers in (1, workers):
            for side in _SIDES:  # interleaved, so that a busy minute falls on both
                runs.setdefault((side, n_workers), []).append(bench.measure(side, n_workers, memory=memory))
    return runs


def _times(runs: Runs, workers: int, n_instances: int) -> Iterator[str]:
    quantities: dict[str, Callable[[Measured], float]] = {
        "seconds per step": lambda run: run.step_s,
        "seconds per instance": lambda run: run.wall_s / n_instances,
        "seconds per further instance (no start-up)": lambda run: run.further_s,
    }
    for what, of in quantities.items():
        for n_workers in (1, workers):
            named = f"{what}, {n_workers} at once"
            yield _line(named, [median(map(of, runs[side, n_workers])) for side in _SIDES], digits=3)


def _memory(runs: Runs, workers: int) -> Iterator[str]:
    quantities: dict[str, Callable[[Measured], float]] = {
        "": lambda run: run.mb,
        " with docker's clients": lambda run: run.with_clients_mb,
    }
    for what, of in quantities.items():
        one, all_ = ([median(map(of, runs[side, n])) for side in _SIDES] for n in (1, workers))
        yield _line(f"MB per instance, {workers} at once{what}", [mb / workers for mb in all_])
        further = [(b - a) / (workers - 1) for a, b in zip(one, all_, strict=True)]
        yield _line(f"MB per further instance{what}", further)


def _line(what: str, both: list[float], digits: int = 1) -> str:
    ours, theirs = both
    ratio = f"{ours / theirs:.2f}" if theirs > 0 else "-"  # a few threads may cost less than the noise
    verdict = "holds" if ours <= GOAL * theirs else "MISSED"
    return f"{what:56}{ours:9.{digits}f}{theirs:12.{digits}f}{ratio:>8}   {verdict}"


if __name__ == "__main__":
    main()
