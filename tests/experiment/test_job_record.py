import pytest

from contexttune.errors import ExitCode
from contexttune.experiment import job_record


def test_a_job_is_recorded_when_it_begins_and_when_it_ends(tmp_path):
    assert job_record.read(tmp_path) is None
    with job_record.kept(tmp_path) as note:
        begun = job_record.read(tmp_path)
        assert "exit_code" not in begun
        assert job_record.process_of(begun).is_running
        note.code = ExitCode.MISSING_UNITS
    assert job_record.read(tmp_path)["exit_code"] == 4


def test_a_job_that_was_interrupted_says_so(tmp_path):
    with pytest.raises(KeyboardInterrupt), job_record.kept(tmp_path):
        raise KeyboardInterrupt
    assert job_record.read(tmp_path)["exit_code"] == ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("note", "part"),
    [
        ({}, "never began"),
        ({"exit_code": 0, "error": None}, "done"),
        ({"exit_code": 5, "error": None}, "budget"),
        ({"exit_code": 2, "error": "x is not a key"}, "x is not a key"),
        ({"exit_code": 1, "error": None}, "exit code 1"),
    ],
)
def test_every_ending_has_words(note, part):
    assert part in job_record.words(note)
