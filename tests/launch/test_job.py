"""A job records how it ended; a run that fails after it has begun still shows its group's results."""

import errno
import json

import pytest
from omegaconf import OmegaConf

from contexttune.errors import ConfigError, ExitCode, PreflightError
from contexttune.experiment import job_record, pipeline
from contexttune.launch import job
from contexttune.launch.session import BUG_NOTICE
from contexttune.main import run_command
from contexttune.system.files import read_json

CONFIG = OmegaConf.create({"task": {"name": "run"}})
FULL = OSError(errno.ENOSPC, "No space left on device")


def fail_with(monkeypatch, error):
    class Task:
        def execute(self, _):
            raise error

    monkeypatch.setattr(job, "build", lambda *_, **__: Task())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_job_that_the_disk_ends_has_missing_results_and_is_no_bug(tmp_path, monkeypatch, caplog, number):
    fail_with(monkeypatch, OSError(number, "what the kernel says"))
    assert job.run_recorded(CONFIG, tmp_path).exit_code is ExitCode.MISSING_UNITS
    record = read_json(tmp_path / "job.json")
    assert record["exit_code"] == ExitCode.MISSING_UNITS
    assert "what the kernel says" in record["error"]
    assert BUG_NOTICE not in caplog.text


def test_a_job_whose_record_cannot_be_written_logs_the_reason(tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise FULL

    monkeypatch.setattr(job_record, "write_json", fail)
    assert job.run_recorded(CONFIG, tmp_path).exit_code is ExitCode.MISSING_UNITS
    assert "No space left on device" in caplog.text


@pytest.mark.parametrize(
    ("error", "code", "is_bug"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), ExitCode.FAILED, True),
        (KeyError("x"), ExitCode.FAILED, True),
        (ConfigError("seed=-1"), ExitCode.BAD_CONFIG, False),
    ],
)
def test_an_error_is_recorded_with_its_exit_code(tmp_path, monkeypatch, caplog, error, code, is_bug):
    fail_with(monkeypatch, error)
    assert job.run_recorded(CONFIG, tmp_path).exit_code is code
    assert str(error) in read_json(tmp_path / "job.json")["error"]
    assert (BUG_NOTICE in caplog.text) is is_bug
    assert ("Traceback" in caplog.text) is is_bug


@pytest.mark.parametrize("sweep", [[], ["-m"]])
@pytest.mark.parametrize("error", [PreflightError("the engine died"), RuntimeError("a bug")])
def test_a_run_that_fails_after_inference_shows_the_table_of_its_group(
    tmp_path, monkeypatch, capfd, sweep, error
):
    def fail(_):
        raise error

    monkeypatch.setattr(pipeline, "_evaluate", fail)
    monkeypatch.chdir(tmp_path)
    keys = ("slice=demo", "slice.limit=1", "harness=local", "runner=gold", "condition=no_context")
    code = run_command([*sweep, *keys, "group_id=g"])
    assert code is getattr(error, "exit_code", ExitCode.FAILED)
    summary = tmp_path / "results/g/summary.json"
    assert str(summary) in capfd.readouterr().out
    assert json.loads(summary.read_text())["conditions"]["no_context"]["outcomes"]["missing"] == 1


def test_a_run_that_fails_before_it_begins_shows_no_table(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert (
        run_command(["slice=demo", "harness=none", "model=scripted", "workspace.remote=file:///absent"]) == 3
    )
    assert "summary.json" not in capfd.readouterr().out


def test_a_slot_is_free_again_when_its_holder_is_gone(tmp_path):
    with job.slot(tmp_path, 1):
        pass
    with job.slot(tmp_path, 1), job.slot(tmp_path, None):
        assert len(list(tmp_path.iterdir())) == 1
