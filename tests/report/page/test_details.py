import pytest

from contexttune.system.files import write_json
from tests.gitrepos import layout
from tests.report.page_groups import (
    COMMIT,
    CONTEXT,
    TESTS,
    conversation,
    details_of,
    tool_step,
    write_run,
)


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_details_of_an_instance_are_read_from_disk(place):
    write_run(place, "no_context", 0, {"a": "resolved"}, messages={"a": conversation("ls", "cat f")})
    settings = {"text": CONTEXT}
    write_json(place.contexts("o/r", COMMIT) / "context.json", {"text": "another condition's"})
    write_json(place.contexts("o/r", COMMIT) / "baseline_context-12345678.json", settings)
    write_run(
        place,
        "baseline_context",
        0,
        {"a": "unresolved"},
        context=CONTEXT,
        tests=TESTS,
        log="E  assert 1 == 2",
    )
    detail = details_of(place)
    treated, control = detail.attempts  # rows come sorted by run
    assert detail.problem == "It breaks."
    assert treated.block.splitlines()[1:-1] == CONTEXT.splitlines()
    assert treated.failed == {"FAIL_TO_PASS": ["tests/test_f.py::test_new"], "PASS_TO_PASS": []}
    assert treated.n_passed == {"FAIL_TO_PASS": 1, "PASS_TO_PASS": 1}
    assert treated.log == "E  assert 1 == 2"
    assert (treated.has_trajectory, control.has_trajectory) == (False, True)
    assert (control.block, control.log) == ("", "")
    assert [step.commands for step in control.steps] == ["ls", "cat f"]


def test_a_block_whose_file_was_rebuilt_is_taken_from_the_prompt(place):
    framed = f"======BEGIN_REPO_CONTEXT=====\n{CONTEXT.rstrip()}\n======END_REPO_CONTEXT====="
    messages = [{"role": "user", "content": f"{framed}\n\nIt breaks."}, *tool_step(0, "ls")]
    write_run(place, "baseline_context", 0, {"a": "resolved"}, context=CONTEXT, messages={"a": messages})
    write_json(place.contexts("o/r", COMMIT) / "context.json", {"text": "newer"})
    assert details_of(place).attempts[0].block == framed
