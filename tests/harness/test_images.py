"""The images of task repos."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from contexttune.types import GoldInstance
from tests.harness import toy_tasks

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "demo_images.py"


@pytest.fixture(scope="module")
def demo_images_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_images", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_testbed_is_always_the_same_bytes(
    demo_images_script: ModuleType, toy_repo: Path, instances: list[GoldInstance], tmp_path: Path
) -> None:
    digests = set()
    for name in ("one.tar", "two.tar"):
        bundle = toy_repo / "repos" / "ctlab__calc.bundle"
        demo_images_script.write_testbed(bundle, toy_tasks.REPO, instances[0].base_commit, tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.docker
def test_an_image_holds_one_clean_commit_and_no_answer(
    toy_images: None, instances: list[GoldInstance]
) -> None:
    look = "git status --porcelain; git rev-list --all --count; grep -c of_nothing -r . ; ls /root /testbed"
    command = ["docker", "run", "--rm", "--network=none", instances[0].image, "bash", "-c", look]
    seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert seen[0] == "1"  # nothing to say about the working tree, and one commit
    assert not [line for line in seen if line.endswith(":1")]
    assert not [line for line in seen if "patch" in line]


@pytest.mark.docker
def test_images_are_built_once(
    toy_images: None, build_images: Callable[..., None], toy_repo: Path, instances: list[GoldInstance]
) -> None:
    def identity() -> str:
        form = ["docker", "image", "inspect", "--format", "{{.Id}}", instances[0].image]
        return subprocess.run(form, capture_output=True, text=True, check=True).stdout

    before = identity()
    build_images("--tasks", str(toy_repo))
    assert identity() == before
