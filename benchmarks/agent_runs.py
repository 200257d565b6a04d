"""The same scripted agent by two programs: our runner, and `mini-extra swebench` of the locked environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.process_memory import PeakMemory
from contexttune.models.scripted import Rule, serve

_MARK = re.compile(r"bench__mark-\d+")
_COMMAND = "grep -rn def . | head -n 40; git status --short; echo step >> README.md"
_SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git diff"
_REMOVAL_S = 60.0
_SAMPLING = {"temperature": 0.0, "max_tokens": 4096, "seed": 0}  # what our defaults send


@dataclass(frozen=True, kw_only=True)
class Recorder(Rule):
    """Matches nothing, and notes when which conversation asked."""

    asked: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def matches(self, request: str, turn: int) -> bool:
        now = time.perf_counter()
        if found := _MARK.search(request):
            self.asked[found[0]].append(now)
        return False


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One command from its start to its end. Memory is 0 where it was not sampled, because that takes time."""

    wall_s: float
    step_s: float  # between two requests of a conversation: the answer, the command, and all around them
    further_s: (
        float  # between the starts of two conversations of the same worker: an instance without start-up
    )
    mb: float = 0.0
    with_clients_mb: float = 0.0


class Endpoint:
    """Every conversation's first answers are commands, and its last one a submission."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps
        self._recorder = Recorder(reply="")
        act = Rule(reply="I act.", commands=[_COMMAND], finish_reason="tool_calls")
        submit = Rule(reply="Done.", commands=[_SUBMIT], finish_reason="tool_calls", turn=n_steps - 1)
        self.server = serve([self._recorder, submit, act])
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def conversations(self) -> list[list[float]]:
        """When each conversation since the last call asked. Raises when one had another length than the others."""
        asked = list(self._recorder.asked.values())
        self._recorder.asked.clear()
        if set(map(len, asked)) != {self._n_steps}:
            raise RuntimeError(f"conversations of {sorted(map(len, asked))} requests, not of {self._n_steps}")
        return asked


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One image, one endpoint, and rows that both programs read."""

    scratch: Path
    endpoint: Endpoint
    image: str
    n_instances: int

    def write_rows(self) -> None:
        """The columns of a dataset made for swebench 5; mini-swe-agent reads its own three."""
        others = ("version", "FAIL_TO_PASS", "PASS_TO_PASS", "eval_script", "log_parser", "eval_type")
        rows = [
            dict.fromkeys((*others, "patch", "test_patch"), "[]")
            | {"repo": "bench/mark", "base_commit": "0" * 40, "instance_id": f"bench__mark-{number}"}
            | {"image": self.image, "image_name": self.image}
            | {"problem_statement": f"This is bench__mark-{number}.\n" + "It breaks.\n" * 50}
            for number in range(self.n_instances)
        ]
        (self.scratch / "rows").mkdir(parents=True)
        (self.scratch / "rows" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def measure(self, side: str, workers: int, *, memory: bool = False) -> Measured:
        """Run one side anew; only when everything of the run before is gone, its containers included."""
        _wait_until_removed()
        shutil.rmtree(self.scratch / "out", ignore_errors=True)
        (self.scratch / "out").mkdir()
        command = self._ours(workers) if side == "ours" else self._theirs(workers)
        started = time.perf_counter()
        with (self.scratch / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env=self._env(), cwd=self.scratch / "out", stdout=log, stderr=log
            )
            peak = PeakMemory(process)
            with peak if memory else nullcontext():
                code = process.wait()
        wall_s = time.perf_counter() - started
        if code != 0:
            raise RuntimeError((self.scratch / "log").read_text(errors="replace"))
        asked = self.endpoint.conversations()
        starts = sorted(times[0] for times in asked)
        return Measured(
            wall_s=wall_s,
            step_s=median(b - a for times in asked for a, b in pairwise(times)),
            further_s=(starts[-1] - starts[0]) / max(1, len(starts) - workers),
            mb=peak.mb,
            with_clients_mb=peak.with_clients_mb,
        )

    def _ours(self, workers: int) -> list[str]:
        keys = {
            "runner": "mini_swe_agent_swebench",
            "condition": "no_context",
            "harness": "none",
            "slice": "custom",
            "slice.dataset": self.scratch / "rows" / "test.jsonl",
            "workers": workers,
            "group_id": "bench",
            "model.name": "m",
            "model.base_url": self.endpoint.url,
            **{f"model.{key}": value for key, value in _SAMPLING.items() if key != "seed"},
            "seed": _SAMPLING["seed"],
        }
        return [sys.executable, "-m", "contexttune", *(f"{key}={value}" for key, value in keys.items())]

    def _theirs(self, workers: int) -> list[str]:
        settings: dict[str, Any] = {
            "model.model_name": "openai/m",
            "model.cost_tracking": "ignore_errors",
            "model.model_kwargs.api_base": self.endpoint.url,
            **{f"model.model_kwargs.{key}": value for key, value in _SAMPLING.items()},
        }
        program = str(Path(sys.executable).with_name("mini-extra"))
        command = [program, "swebench", "--subset", str(self.scratch / "rows"), "--split", "test"]
        command += ["-w", str(workers), "-o", "out", "-c", "swebench.yaml"]
        return command + [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]

    def _env(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "OPENAI_API_KEY": "none",
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(self.scratch / "hf"),  # kept from run to run: the dataset is prepared once
            "MSWEA_GLOBAL_CONFIG_DIR": str(self.scratch / "mini"),
            "MSWEA_SILENT_STARTUP": "1",
            "MSWEA_CONFIGURED": "true",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }


def _wait_until_removed() -> None:
    """mini-swe-agent removes containers after its end: that must not fall on the next run."""
    deadline = time.monotonic() + _REMOVAL_S
    command = ["docker", "ps", "--all", "--format", "{{.Names}}"]
    while True:
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        if not any(name.startswith(("minisweagent-", "contexttune-bench-")) for name in names):
            return
        if time.monotonic() > deadline:
            raise RuntimeError("agents' containers are on this engine that are not of this run: remove them")
        time.sleep(0.1)
