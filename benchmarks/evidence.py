"""task=report over a synthetic group of agents: 500 instances, 2 conditions, 3 seeds, about 40 steps per attempt.

python -m benchmarks.evidence [--instances 500 --seeds 3 --keep DIRECTORY]

The program itself makes two runs with gold patches and harness=none. Their attempts then get the files of an agent and of
the SWE-bench harness: tokens and costs, a patch, a trajectory of 60 to 100 KB, a test report, a test log. All are random
with a fixed seed; words have the frequencies of prose, so that texts compress about as well as real ones.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.report import CONDITIONS, gold_runs, layout, report
from contexttune.experiment import rows
from contexttune.injection import block
from contexttune.paths import Layout
from contexttune.system.files import (
    dump_json,
    read_json,
    read_jsonl,
    sha256,
    write_atomic,
    write_json,
    write_jsonl,
)
from contexttune.types import Outcome

GOAL_S, GOAL_MB, GOAL_PAGE_MB = 20.0, 500.0, 5.0
_GROUP = "evidence"
_REPOS = ("django/django", "sympy/sympy", "sphinx-doc/sphinx", "pytest-dev/pytest", "astropy/astropy")
_DIFFICULTIES = ("<15 min fix", "15 min - 1 hour", "1-4 hours")
_N_STEPS = (25, 55)
_OBSERVED_CHARS = (100, 1_300)
_N_WORDS, _N_LINES = 4_000, 20_000
_CONTEXT_CHARS = 3_200
_EXPECTED = {CONDITIONS[0]: 0.0, CONDITIONS[1]: 0.04}  # added to an instance's probability


def main() -> None:
    """Make the group and compare the second of two reports with the limits; the first one reads cold files."""
    parser = argparse.ArgumentParser(description="task=report over a group of agents")
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="directory in which to make and keep the group")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = args.keep or Path(scratch)
        if not (root / "results").exists():
            write_group(root, args.instances, args.seeds)
        first, _ = report(root, _GROUP)
        seconds, mb = report(root, _GROUP)
        page = root / "results" / _GROUP / "report.html"
        print(
            f"{args.instances} instances x 2 conditions x {args.seeds} seeds, {_size_mb(root):,.0f} MB of trajectories; "
            f"task=report took {first:.1f} s the first time"
        )
        _check("task=report", seconds, GOAL_S, "s")
        _check("its peak memory", mb, GOAL_MB, "MB")
        _check(
            "report.html", page.stat().st_size / 1e6 if page.exists() else float("inf"), GOAL_PAGE_MB, "MB"
        )


def _check(what: str, measured: float, goal: float, unit: str) -> None:
    verdict = "holds" if measured <= goal else "MISSED"
    print(f"{what}: {measured:.2f} {unit} (<= {goal:.0f} {unit})   {verdict}")


def write_group(root: Path, n_instances: int, n_seeds: int) -> None:
    """Write a finished group below `root`."""
    root.mkdir(parents=True, exist_ok=True)
    for record in gold_runs(root, _GROUP, n_instances):
        for seed in range(n_seeds):
            Run(layout(root), record, seed).write()


def _size_mb(root: Path) -> float:
    return sum(path.stat().st_size for path in root.glob("artifacts/preds/*/*/*/*.traj.json")) / 1e6


def _write(path: Path, value: Any) -> None:
    """Write without fsync, which would take minutes for thousands of files."""
    write_atomic(path, dump_json(value), durable=False)


@cache
def _vocabulary() -> list[str]:
    letters = random.Random(1)
    pairs = ("ba", "co", "di", "fu", "ge", "la", "mo", "ne", "ri", "to", "st", "er")
    return ["".join(letters.choices(pairs, k=letters.randint(1, 5))) for _ in range(_N_WORDS)]


@cache
def _lines() -> list[str]:
    """Lines of twelve words: faster to draw than words, and as hard to compress."""
    lots = random.Random(2)
    weights = [1 / (rank + 2) for rank in range(_N_WORDS)]
    return [" ".join(lots.choices(_vocabulary(), weights, k=12)) for _ in range(_N_LINES)]


@dataclass
class Texts:
    """Random prose, patches and conversations."""

    lots: random.Random

    def prose(self, n_chars: int) -> str:
        """About `n_chars` in lines."""
        return "\n".join(self.lots.choices(_lines(), k=max(n_chars // 75, 1)))

    def path(self) -> str:
        return "/".join(self.lots.choices(_vocabulary(), k=3)) + ".py"

    def patch(self) -> str:
        """A unified diff of one or two files."""
        parts = []
        for _ in range(self.lots.randint(1, 2)):
            path = self.path()
            lines = self.prose(self.lots.randint(300, 1_500)).splitlines()
            body = "".join(f"{self.lots.choice('   +-')}{line}\n" for line in lines)
            parts.append(f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,9 +1,9 @@\n{body}")
        return "".join(parts)

    def messages(self, task: str) -> list[dict[str, Any]]:
        """A conversation in mini-swe-agent's format, with each output twice: as shown, and raw."""
        messages: list[dict[str, Any]] = [{"role": "system", "content": "You work in a shell."}]
        messages.append({"role": "user", "content": task})
        for number in range(self.lots.randint(*_N_STEPS)):
            command = f"sed -n '{number},{number + 40}p' {self.path()}"
            call = {
                "id": f"c{number}",
                "function": {"name": "bash", "arguments": f'{{"command": "{command}"}}'},
            }
            messages.append(
                {
                    "role": "assistant",
                    "content": self.prose(200),
                    "tool_calls": [call],
                    "extra": {"actions": [{"command": command}]},
                }
            )
            output = self.prose(self.lots.randint(*_OBSERVED_CHARS))
            messages.append(
                {
                    "role": "tool",
                    "tool_call_id": f"c{number}",
                    "content": output,
                    "extra": {"raw_output": output},
                }
            )
        return messages


@dataclass
class Run:
    """Copies the run of `record` under another seed, with the files of an agent and the harness."""

    where: Layout
    record: dict[str, Any]
    seed: int

    def write(self) -> None:
        own = str(self.record["run_id"])
        run_id = own.replace("-s0-", f"-s{self.seed}-", 1)
        old, home = self.where.predictions(_GROUP, own).parent, self.where.run(_GROUP, run_id)
        problems = read_jsonl(self.where.problems(_GROUP, own))
        for number, problem in enumerate(problems):
            issue = Texts(random.Random(f"issue {number}")).prose(2_000)
            problem |= {"repo": _REPOS[number % len(_REPOS)], "base_commit": f"{number:040x}"}
            problem |= {"problem_statement": issue}
        instances = [
            instance | {"repo": _REPOS[n % len(_REPOS)], "difficulty": _DIFFICULTIES[n % len(_DIFFICULTIES)]}
            for n, instance in enumerate(self.record["instances"])
        ]
        outcomes = {}
        for number, (instance, problem) in enumerate(zip(instances, problems, strict=True)):
            source = read_json(old / instance["instance_id"] / "attempt.json")
            outcomes[instance["instance_id"]] = self._attempt(run_id, number, source, problem)
        settings = self.record["manifest"]["settings"] | {"seed": self.seed}
        run = self.record | {
            "run_id": run_id,
            "seed": self.seed,
            "instances": instances,
            "harness": "swebench_docker",
        }
        run |= {"official": True, "manifest": self.record["manifest"] | {"settings": settings}}
        (home / "rows.jsonl").unlink(missing_ok=True)  # those of the run without verdicts
        write_jsonl(self.where.problems(_GROUP, run_id), problems)
        write_json(home / "outcomes.json", outcomes)
        write_json(home / "harness" / "outcomes.json", outcomes)
        rows.keep_rows(self.where, run)
        write_json(home / "run.json", run)

    def _attempt(
        self, run_id: str, number: int, source: dict[str, Any], problem: dict[str, Any]
    ) -> dict[str, Any]:
        """Write one attempt; return its entry of outcomes.json."""
        name, condition = source["instance_id"], self.record["condition"]
        texts = Texts(random.Random(f"{number} {condition} {self.seed}"))
        chance = random.Random(f"chance {number}").choice((0.02, 0.1, 0.5, 0.9, 0.98)) + _EXPECTED[condition]
        resolved = texts.lots.random() < chance
        patch = texts.patch()
        messages = texts.messages(problem["problem_statement"])
        n_steps = sum(message["role"] == "assistant" for message in messages)
        prompt_tokens = texts.lots.randint(200_000, 900_000)
        attempt = source | {
            **{
                "model_patch": patch,
                "patch_chars": len(patch),
                "patch_sha256": sha256(patch),
                "status": "submitted",
            },
            **{
                "exit_status": "Submitted",
                "n_calls": n_steps,
                "n_steps": n_steps,
                "prompt_tokens": prompt_tokens,
            },
            **{"completion_tokens": 9_000, "cost_usd": prompt_tokens * 3e-7, "wall_s": 9.0 * n_steps},
        }
        if condition != CONDITIONS[0]:
            attempt |= self._context(number, problem)
        home = self.where.instance(_GROUP, run_id, name)
        _write(home / "attempt.json", attempt)
        _write(home / f"{name}.traj.json", {"instance_id": name, "info": {}, "messages": messages})
        self._graded(run_id, name, texts, resolved=resolved)
        outcome = Outcome.RESOLVED if resolved else Outcome.UNRESOLVED
        return {"outcome": outcome.value, "patch_sha256": sha256(patch), "harness_run_id": "ct-0123456789ab"}

    def _context(self, number: int, problem: dict[str, Any]) -> dict[str, Any]:
        """Write the context of a commit; return the attempt's fields about it."""
        text = Texts(random.Random(f"context {number}")).prose(_CONTEXT_CHARS)
        _write(self.where.contexts(problem["repo"], problem["base_commit"]) / "context.json", {"text": text})
        framed = block(text)
        return {"context_chars": len(framed), "block_sha256": sha256(framed)}

    def _graded(self, run_id: str, name: str, texts: Texts, *, resolved: bool) -> None:
        harness = self.where.run(_GROUP, run_id) / "harness" / "ct-0123456789ab"
        home = harness / "logs" / "run_evaluation" / "ct-0123456789ab" / "model" / name
        tests = [f"tests/{texts.path()}::test_{number}" for number in range(60)]
        failed = [] if resolved else tests[:3]
        status = {
            "FAIL_TO_PASS": {"success": [], "failure": failed}
            if failed
            else {"success": tests[:3], "failure": []},
            "PASS_TO_PASS": {"success": tests[3:], "failure": []},
        }
        report = {"patch_successfully_applied": True, "resolved": resolved, "tests_status": status}
        _write(home / "report.json", {name: report})
        write_atomic(
            home / "test_output.txt", texts.prose(6_000) + "\n>>>>> End Test Output\n", durable=False
        )


if __name__ == "__main__":
    main()
