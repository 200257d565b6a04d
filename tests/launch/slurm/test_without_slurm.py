"""Machines that are no part of a cluster."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from contexttune.launch.slurm import refusal
from tests.command_line import contexttune


@pytest.mark.parametrize("launcher", ["slurm", "submitit_slurm"])
def test_a_slurm_launcher_without_slurm_is_one_sentence(tmp_path, launcher):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("git", "sh", "bash", "uname"):
        (tools / name).symlink_to(shutil.which(name) or "")
    keys = ("slice=demo", "harness=none", "runner=gold", "condition=no_context", "seed=0,1", "slice.limit=1")
    path = f"{tools}:{Path(sys.executable).parent}"
    done = contexttune("-m", *keys, f"hydra/launcher={launcher}", cwd=tmp_path, PATH=path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "sbatch" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_an_array_that_is_too_large_has_its_own_remedy():
    from submitit.core.utils import FailedJobError

    found = refusal(
        FailedJobError("sbatch: error: Batch job submission failed: Invalid job array specification")
    )
    assert "MaxArraySize" in str(found)
    assert "hydra.launcher" in str(refusal(FailedJobError("sbatch: error: invalid partition specified: x")))
