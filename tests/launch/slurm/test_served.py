"""A job on the real Slurm that serves its model: nothing of the server outlives it, however Slurm ends it."""

import subprocess

import pytest

from tests.launch.slurm.cluster import sweeping
from tests.models.families import alive, gone, pids
from tests.models.test_server_process import arguments

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


@pytest.mark.parametrize("how", [(), ("--signal=KILL", "--full")])
def test_a_cancelled_job_leaves_nothing_of_its_server(tmp_path, how):
    said = arguments("--load_s", "0", "--answer_s", "600", "--family", str(tmp_path / "family"))
    with sweeping(tmp_path, *said) as sweep:
        job = sweep.job_id(0)
        family = pids(tmp_path / "family")
        assert all(map(alive, family))
        subprocess.run(["scancel", *how, job], check=True)
        assert gone(family, 60)
