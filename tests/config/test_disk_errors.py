"""A log file on a full disk, and errors that are not about the disk."""

import logging

from contexttune.config.user_errors import disk_trouble
from contexttune.system.progress import LogFileHandler


def test_an_error_that_is_not_about_the_disk_is_none_of_the_disk():
    assert disk_trouble(ValueError("x")) is None


def test_a_log_file_on_a_full_disk_does_not_bury_what_the_console_says(capsys):
    record = logging.LogRecord("x", logging.INFO, "x", 1, "words", (), None)
    handler = LogFileHandler("/dev/full")
    handler.handle(record)
    assert capsys.readouterr().err == ""
    handler.stream = None
    handler.handle(logging.LogRecord("x", logging.INFO, "x", 1, "%d", ("no number",), None))
    assert "Logging error" in capsys.readouterr().err
