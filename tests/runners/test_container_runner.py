"""A further agent that works in the instance's image is one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from contexttune.config.schema import SliceConfig
from contexttune.instances.slices import load
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.paths import Layout
from contexttune.repos.workspace import Workspace
from contexttune.runners.agent_report import DONE, SUBMITTED, Report
from contexttune.runners.container_runner import ContainerRunner
from contexttune.sandbox.patch_collection import Patch
from contexttune.types import AttemptStatus
from tests.agents.scripted import DEMO, ROTA


@dataclass(frozen=True, kw_only=True)
class Echo(ContainerRunner):
    """Writes its context block to a file, without asking a model."""

    version: ClassVar[int] = 1
    name: str = "echo"
    prompts_sha256: ClassVar[str] = ""

    def work(self, instance: Any, block: str, out_dir: Any, testbed: Any, on_report: Any) -> Report:
        report = Report(n_steps=1)
        on_report(report)
        testbed.shell.run(f"echo {block} > block.txt", 20)
        report.kind, report.exit_status = DONE, SUBMITTED
        return report

    def submitted(self, report: Report, testbed: Any) -> Patch:
        return testbed.diff()


@pytest.mark.docker
def test_an_agent_in_the_image_needs_no_more_than_its_own_work(tmp_path, demo_images):
    layout = Layout(cache=tmp_path / "cache", artifacts=tmp_path, results=tmp_path / "results")
    (instance,) = load(SliceConfig(name="demo", dataset=str(DEMO), instance_ids=[ROTA]))
    runner = Echo(
        model=OpenAICompatible(seed=0, name="m"),
        workspace=Workspace(layout=layout, remote="unused"),
        run_label="g/r",
    )
    runner.preflight()
    attempt = runner.run(instance.public(), "hello", tmp_path)
    assert (attempt.status, attempt.n_steps) == (AttemptStatus.SUBMITTED, 1)
    assert "+hello" in attempt.model_patch
    assert attempt.details["engine"] == "docker"
    runner.stop()
    assert runner.engine.sweep(runner.label) == 0  # its container is gone
