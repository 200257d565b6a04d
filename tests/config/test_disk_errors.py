"""A disk that is full or away is an outage: a sentence, and missing units."""

import errno
import logging

import pytest
from omegaconf import OmegaConf

from contexttune.config.user_errors import disk_trouble
from contexttune.errors import ExitCode
from contexttune.experiment import job_record
from contexttune.launch import job
from contexttune.system.files import read_json
from contexttune.system.progress import LogFileHandler

CONFIG = OmegaConf.create({"task": {"name": "run"}})
FULL = OSError(errno.ENOSPC, "No space left on device")


def run_task(monkeypatch, error):
    class Task:
        def execute(self, _):
            raise error

    monkeypatch.setattr(job, "build", lambda *_: Task())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_job_that_the_disk_ends_has_missing_units_and_is_no_defect(tmp_path, monkeypatch, caplog, number):
    run_task(monkeypatch, OSError(number, "what the kernel says"))
    assert job._noted(CONFIG, tmp_path) is ExitCode.MISSING_UNITS
    note = read_json(tmp_path / "job.json")
    assert note["exit_code"] == ExitCode.MISSING_UNITS
    assert note["error"].startswith("what the kernel says: see to the disk")
    assert "defect" not in caplog.text


def test_where_not_even_the_note_can_be_written_it_is_still_said(tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise FULL

    monkeypatch.setattr(job_record, "write_json", fail)
    assert job._noted(CONFIG, tmp_path) is ExitCode.MISSING_UNITS
    assert "No space left on device: see to the disk" in caplog.text


def test_other_errors_of_files_are_what_they_were(tmp_path, monkeypatch, caplog):
    run_task(monkeypatch, FileNotFoundError(errno.ENOENT, "No such file"))
    assert job._noted(CONFIG, tmp_path) is ExitCode.FAILED
    assert "defect" in caplog.text
    assert disk_trouble(ValueError("x")) is None


def test_a_log_file_on_a_full_disk_does_not_bury_what_the_console_says(capsys):
    record = logging.LogRecord("x", logging.INFO, "x", 1, "words", (), None)
    handler = LogFileHandler("/dev/full")
    handler.handle(record)
    assert capsys.readouterr().err == ""
    handler.stream = None
    handler.handle(logging.LogRecord("x", logging.INFO, "x", 1, "%d", ("no number",), None))
    assert "Logging error" in capsys.readouterr().err
