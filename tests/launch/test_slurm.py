"""Where sacct answers it is asked; where it does not, squeue is. Real accounts need a database that is not here."""

import pytest

from contexttune.launch import slurm


@pytest.fixture
def with_commands(tmp_path, monkeypatch):
    submitit = pytest.importorskip("submitit.slurm.slurm")
    monkeypatch.setattr(submitit.SlurmJob, "watcher", submitit.SlurmJob.watcher)
    monkeypatch.setattr(submitit.SlurmJob, "results", submitit.SlurmJob.results)

    def put(**scripts: str):
        for name, body in scripts.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        slurm.wait_for_all_jobs()
        return submitit.SlurmJob.watcher

    return put


NO_ACCOUNTS = "echo 'Slurm accounting storage is disabled' >&2; exit 1"


def test_accounts_are_asked_where_there_are_some(with_commands):
    table = "JobID|State|NodeList\\n7_0|COMPLETED|n1\\n7_0.batch|COMPLETED|n1\\n7_1|RUNNING|n2\\n"
    watcher = with_commands(sacct=f"printf '{table}'", squeue="exit 1")
    watcher.register_job("7_0")
    watcher.register_job("7_1")
    assert watcher.is_done("7_0", mode="force")
    assert not watcher.is_done("7_1", mode="cache")


def test_a_job_that_the_controller_has_forgotten_is_over(with_commands, tmp_path):
    watcher = with_commands(sacct=NO_ACCOUNTS, squeue=f"cat {tmp_path}/jobs")
    watcher.register_job("7")
    (tmp_path / "jobs").write_text("7|N/A|RUNNING|n1\n")
    watcher.update()
    assert not watcher.is_done("7", mode="cache")
    (tmp_path / "jobs").write_text("")
    watcher.update()
    assert watcher.is_done("7", mode="cache")


def test_a_controller_that_is_away_ends_no_job(with_commands, tmp_path):
    watcher = with_commands(sacct=NO_ACCOUNTS, squeue=f"cat {tmp_path}/jobs")
    watcher.register_job("7")
    (tmp_path / "jobs").write_text("7|N/A|RUNNING|n1\n")
    watcher.update()
    (tmp_path / "jobs").unlink()
    for _ in range(50):
        watcher.update()
    assert watcher.get_state("7", mode="cache") == "RUNNING"


def test_a_job_that_was_never_seen_is_not_waited_for_for_ever(with_commands):
    watcher = with_commands(sacct=NO_ACCOUNTS, squeue="true")
    watcher.register_job("7")
    watcher.update()
    assert not watcher.is_done("7", mode="cache"), "it may not be listed yet"
    for _ in range(50):
        watcher.update()
    assert watcher.is_done("7", mode="cache")


def test_squeue_is_read_by_the_ids_that_submitit_uses():
    text = "7|0|RUNNING|n1\n7|1|PENDING|\n9|N/A|FAILED|n[1-2]\n"
    assert {job: info["State"] for job, info in slurm.read_squeue(text).items()} == {
        "7_0": "RUNNING",
        "7_1": "PENDING",
        "9": "FAILED",
    }
