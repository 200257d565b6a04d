import threading

import pytest

from contexttune.errors import ExitCode
from contexttune.experiment import job_record
from contexttune.launch import job_watcher
from contexttune.launch.sweep import PlannedJob


@pytest.fixture
def jobs(tmp_path):
    return [
        PlannedJob(overrides=[f"seed={n}"], directory=tmp_path / str(n), cell=None, record=None)
        for n in range(4)
    ]


def test_exit_codes_are_those_that_the_jobs_recorded(jobs, caplog):
    caplog.set_level("INFO")
    watcher = job_watcher.JobWatcher(jobs, on_slurm=False)
    for job, code in zip(jobs, (ExitCode.DONE, ExitCode.PREFLIGHT, ExitCode.INTERRUPTED), strict=False):
        with job_record.kept(job.directory) as record:
            record.code = code
    # the last job left no record
    expected = [ExitCode.DONE, ExitCode.PREFLIGHT, ExitCode.MISSING_UNITS, ExitCode.MISSING_UNITS]
    assert watcher.exit_codes() == expected
    failed = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [message.partition(":")[0] for message in failed] == ["seed=1", "seed=2", "seed=3"]
    assert not any(thread.name == "sweep" for thread in threading.enumerate())


def test_jobs_are_logged_when_they_begin_and_end(jobs, caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.setattr(job_watcher, "_POLL_S", 0.01)
    watcher = job_watcher.JobWatcher(jobs[:1], on_slurm=False)
    with job_record.kept(jobs[0].directory) as record:
        record.code = ExitCode.DONE
    watcher._thread.join(timeout=30)
    assert not watcher._thread.is_alive(), "it ends with the last job"
    begun, ended = (record.getMessage() for record in caplog.records)
    assert begun.startswith("job 0 of 1 started")
    assert ended.startswith("job 0 ended (1 of 1)")
