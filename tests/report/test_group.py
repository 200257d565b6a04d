import pytest

from contexttune.errors import ConfigError
from contexttune.report.summary import rebuild
from contexttune.system.files import read_json, write_json
from tests.gitrepos import layout
from tests.report.groups import GROUP, write_run


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_the_error_for_an_unknown_group_lists_the_others(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    write_json(place.group(GROUP) / "group.json", {})
    with pytest.raises(ConfigError, match="available groups: g"):
        rebuild(place, "absent")


@pytest.mark.parametrize("recorded", [{}, {"grades": False}])
def test_a_run_that_is_not_graded_is_finished_with_its_attempts(place, recorded):
    write_run(place, "n0", "no_context", 0, {"a": "ungraded", "b": "ungraded"}, harness="none")
    write_run(place, "n1", "no_context", 1, {"a": "ungraded", "b": "outage"}, harness="none")
    for run_id in ("n0", "n1"):
        path = place.run(GROUP, run_id) / "run.json"
        write_json(path, read_json(path) | recorded)
    cells = rebuild(place, GROUP)["cells"]
    assert [(cell["state"], cell["reason"]) for cell in cells] == [
        ("finished", ""),
        ("incomplete", "1 of 2 results are missing"),
    ]


def test_a_run_whose_harness_grades_is_not_finished_without_verdicts(place):
    write_run(place, "n0", "no_context", 0, {"a": "ungraded", "b": "resolved"}, harness="local")
    assert [cell["state"] for cell in rebuild(place, GROUP)["cells"]] == ["incomplete"]
