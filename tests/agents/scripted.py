"""Scripted agents against the real program: their answers, their runs, and what may not be left of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from contexttune.config.schema import SliceConfig
from contexttune.experiment.finished_work import FinishedWork
from contexttune.experiment.inference import Inference
from contexttune.instances.slices import load
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.paths import PACKAGE, Layout
from contexttune.repos.workspace import Workspace
from contexttune.runners.mini_swe_agent import MiniSweAgent
from contexttune.runners.mini_swe_agent_swebench import MiniSweAgentSwebench
from contexttune.system.files import fingerprint, read_jsonl
from tests.command_line import Program, contexttune, start
from tests.fork_server import MARK, comm
from tests.models.fault_server import Answer, ok

ROTA = "ctdemo__rota-21"
TABLET = "ctdemo__tablet-12"
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && cat patch.txt"
EDIT = "echo a new line >> README.md && git diff -- README.md > patch.txt"
BWRAP, DOCKER = "mini_swe_agent", "mini_swe_agent_swebench"
PODMAN, APPTAINER = "podman", "apptainer"  # DOCKER, by other engines
RUNNERS: Mapping[str, Any] = {BWRAP: MiniSweAgent, DOCKER: MiniSweAgentSwebench}
DEMO = PACKAGE / "demo"
NOTHING: Mapping[str, Any] = MappingProxyType({})


def calls(*commands: str, text: str = "I act.") -> Answer:
    """An answer with one tool call a command."""
    made = [
        {
            "id": f"c{number}",
            "type": "function",
            "function": {"name": "bash", "arguments": json.dumps({"command": command})},
        }
        for number, command in enumerate(commands)
    ]
    return ok(text, finish_reason="tool_calls", tool_calls=made)


def fenced(command: str, fence: str = "mswea_bash_command") -> Answer:
    """The same in a text protocol."""
    return ok(f"THOUGHT: I act.\n\n```{fence}\n{command}\n```")


def close_server(handler: Any) -> None:
    """Answer this once, and never again: the port is closed."""
    calls("true")(handler)
    handler.server.shutdown()
    handler.server.socket.close()


def after(action: Callable[[], Any], answer: Answer) -> Answer:
    """An answer that something happens before."""

    def do_both(handler: Any) -> None:
        action()
        answer(handler)

    return do_both


@dataclass
class Agent:
    """Runs of one directory."""

    root: Path
    runner: str = BWRAP
    engine: str = ""  # whose containers it works in
    command: str | None = None  # what that engine is called
    overrides: tuple[str, ...] = ()  # of a run
    model: tuple[str, ...] = ("model.name=m", "model.api_key_env=null", "model.rate_limit_wait_s=0")
    # of `infer`: the runner's settings, and where instances and repositories come from
    settings: Mapping[str, Any] = field(default_factory=dict)
    dataset: Path = DEMO
    remote: str = f"{DEMO}/repos/{{owner}}__{{name}}.bundle"
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def arguments(self, *more: str) -> list[str]:
        common = ("slice=demo", "harness=none", "condition=no_context", "group_id=g", "workers=1")
        engine = [f"runner.container={self.engine}"] if self.engine else []
        engine += [f"runner.container_command={self.command}"] if self.command else []
        return [f"runner={self.runner}", *engine, *common, *self.model, *self.overrides, *more]

    def run(
        self, url: str, *more: str, instances: str = ROTA, **env: str
    ) -> subprocess.CompletedProcess[str]:
        arguments = self.arguments(f"slice.instance_ids=[{instances}]", *more)
        return contexttune(*arguments, cwd=self.root, **{"OPENAI_BASE_URL": url, MARK: self.mark} | env)

    def start(self, url: str, *more: str, instances: str = ROTA, **env: str) -> Program:
        arguments = self.arguments(f"slice.instance_ids=[{instances}]", *more)
        return start(*arguments, cwd=self.root, **{"OPENAI_BASE_URL": url, MARK: self.mark} | env)

    def attempt(self, instance: str = ROTA) -> dict[str, Any]:
        (path,) = self.root.glob(f"artifacts/preds/g/*/{instance}/attempt.json")
        return json.loads(path.read_bytes())

    def trajectory(self, instance: str = ROTA) -> dict[str, Any]:
        (path,) = self.root.glob(f"artifacts/preds/g/*/{instance}/{instance}.traj.json")
        return json.loads(path.read_bytes())

    def observations(self, instance: str = ROTA) -> list[str]:
        """What each command printed, untruncated."""
        messages = self.trajectory(instance)["messages"]
        return [m["extra"]["raw_output"] for m in messages if "raw_output" in m.get("extra", {})]

    def predictions(self) -> dict[str, str]:
        """instance_id -> model_patch of the only run."""
        (path,) = self.root.glob("artifacts/preds/g/*/preds.jsonl")
        return {row["instance_id"]: row["model_patch"] for row in read_jsonl(path)}

    def infer(
        self, url: str, instances: str = ROTA, model: Mapping[str, Any] = NOTHING, **settings: Any
    ) -> dict[str, dict[str, Any]]:
        """Attempt instances from this very process, which saves the seconds of a start; records by instance."""
        layout = Layout(
            cache=self.root / "cache", artifacts=self.root / "artifacts", results=self.root / "results"
        )
        chosen = load(SliceConfig(name="some", dataset=str(self.dataset), instance_ids=instances.split(",")))
        parts = {"workspace": Workspace(layout=layout, remote=self.remote), "run_label": "g/r"}
        keys: dict[str, Any] = {"seed": 0, "name": "m", "base_url": url, "api_key_env": None}
        keys |= {"rate_limit_wait_s": 0, **model}
        with OpenAICompatible(**keys) as endpoint:
            engine = {"container": self.engine, "container_command": self.command} if self.engine else {}
            inference = Inference(
                runner=RUNNERS[self.runner](
                    model=endpoint, **parts, **engine | dict(self.settings) | settings
                ),
                done=FinishedWork(layout, "g", "r"),
                model_name_or_path="m",
                workers=1,
            )
            records = inference.run(chosen, {i.instance_id: "" for i in chosen})
        assert multiprocessing.active_children() == []
        return records

    def containers(self) -> list[str]:
        """Names of containers of runs of this directory, running or not."""
        if not self.engine:
            return []
        if self.engine == APPTAINER:
            return self.instances()
        command = [self.engine, "ps", "--all", "--filter", "label=contexttune.run"]
        label = (
            '{{.Label "contexttune.run"}}'
            if self.engine == "docker"
            else '{{index .Labels "contexttune.run"}}'
        )
        command += ["--format", "{{.Names}} " + label]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        own = fingerprint(str((self.root / "results").resolve()))
        return [line.split()[0] for line in listed if line.endswith(own)]

    def instances(self) -> list[str]:
        """Names of apptainer's, which are this agent's own."""
        listed = subprocess.run(
            [str(self.command), "instance", "list", "--json"], capture_output=True, check=True
        )
        return [one["instance"] for one in json.loads(listed.stdout)["instances"]]

    def processes(self) -> list[str]:
        """Command lines of living processes that this agent's runs started (those in a sandbox aside)."""
        return [
            command
            for pid, command in living()
            if self.mark in _environ(pid) or _comm(pid) == comm(self.mark)
        ]


def living() -> Iterator[tuple[int, str]]:
    """(pid, command line) of every process that is no zombie; those inside containers and sandboxes included."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if command:  # a zombie has none, nor has a thread of the kernel
            yield int(folder.name), command


def is_living(words: str) -> bool:
    """Whether a process of this machine has `words` in its command line."""
    return any(words in command for pid, command in living() if pid != os.getpid())


def _environ(pid: int) -> str:
    """What a process was started with; a fork has that of its parent."""
    return _proc(pid, "environ")


def _comm(pid: int) -> str:
    return _proc(pid, "comm").strip()


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
