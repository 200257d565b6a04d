"""The backends as a group."""

from __future__ import annotations

from pathlib import Path

import pytest

from contexttune.harness.local import Local
from contexttune.harness.none import NoHarness
from contexttune.harness.swebench_docker import SwebenchDocker
from contexttune.interfaces import Harness
from contexttune.types import GoldInstance
from tests.harness import toy_tasks


@pytest.mark.parametrize("name", ["local", "none", "swebench_docker"])
def test_each_backend_meets_the_protocol_and_its_yaml(name: str, toy_repo: Path, tmp_path: Path) -> None:
    import yaml

    from contexttune.config.build import build
    from contexttune.paths import config_dir

    services = {"workspace": toy_tasks.workspace(toy_repo, tmp_path), "bundled": True}
    node = yaml.safe_load((config_dir() / "harness" / f"{name}.yaml").read_text())
    harness = build(node, "harness", services)
    assert isinstance(harness, Harness)
    assert harness.name == name


def test_only_the_unchanged_harness_is_official() -> None:
    assert [kind.official for kind in (SwebenchDocker, Local, NoHarness)] == [True, False, False]


def test_no_harness_grades_nothing_and_needs_nothing(instances: list[GoldInstance], tmp_path: Path) -> None:
    predictions = toy_tasks.write_predictions(tmp_path / "preds.jsonl", {"ctlab__calc-1": toy_tasks.GOLD})
    NoHarness().preflight(instances)
    assert not NoHarness.grades
    assert NoHarness().evaluate(predictions, instances, tmp_path / "out") == {}
