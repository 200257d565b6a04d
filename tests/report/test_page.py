import base64
import json
import os
import random
import re
import zlib
from string import ascii_letters

import pytest

from contexttune.errors import ConfigError
from contexttune.report import group
from contexttune.report.page import document
from contexttune.report.page.details import Limit, Records
from contexttune.report.table_rows import caveats
from contexttune.system.files import write_json
from tests.gitrepos import layout
from tests.report.page_groups import (
    COMMIT,
    CONTEXT,
    GROUP,
    conversation,
    tool_step,
    write_page,
    write_run,
)

TESTS = {
    "FAIL_TO_PASS": {"failure": ["tests/test_f.py::test_new"], "success": ["tests/test_f.py::test_other"]},
    "PASS_TO_PASS": {"failure": [], "success": ["tests/test_f.py::test_old"]},
}
WHOLE = Limit(trajectory=10**9, text=10**9)


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def packed(path):
    """(index, details) of a page: what its script unpacks."""
    text = re.search(r'id="packed">(.*?)</script>', path.read_text(), re.DOTALL)[1]
    index, *details = [
        json.loads(zlib.decompress(base64.b64decode(line))) for line in text.split("\n") if line
    ]
    return index, details


def details_of(place, name="a"):
    rows = [row for row in group.read(place, GROUP).rows if row["instance_id"] == name]
    return Records(place, GROUP, trajectories=True).read(rows)


def test_the_same_records_give_the_same_bytes(place):
    write_run(
        place, "no_context", 0, {"a": "resolved", "b": "unresolved"}, messages={"a": conversation("ls")}
    )
    write_run(place, "baseline_context", 0, {"a": "resolved", "b": "resolved"})
    path = write_page(place)
    first = path.read_bytes()
    path.unlink()
    assert write_page(place).read_bytes() == first
    assert str(place.results.parent) not in first.decode()
    index, _ = packed(path)
    assert str(place.results.parent) not in json.dumps(index)


def test_an_instances_detail_has_what_lies_about_it_on_disk(place):
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


def test_a_block_whose_file_was_rebuilt_is_taken_from_the_prompt_that_was_sent(place):
    framed = f"======BEGIN_REPO_CONTEXT=====\n{CONTEXT.rstrip()}\n======END_REPO_CONTEXT====="
    messages = [{"role": "user", "content": f"{framed}\n\nIt breaks."}, *tool_step(0, "ls")]
    write_run(place, "baseline_context", 0, {"a": "resolved"}, context=CONTEXT, messages={"a": messages})
    write_json(place.contexts("o/r", COMMIT) / "context.json", {"text": "newer"})
    assert details_of(place).attempts[0].block == framed


def test_details_are_shortened_until_the_page_fits_what_tells_the_arms_apart_last(place):
    def noise(name, condition):  # letters by lot, which do not compress to nothing
        return "".join(random.Random(name + condition).choices(ascii_letters, k=12_000))

    names = [f"i{number}" for number in range(12)]
    for condition, lost in (("no_context", names[:2]), ("baseline_context", [])):
        outcomes = {name: "unresolved" if name in lost else "resolved" for name in names}
        messages = {name: conversation("ls", output=noise(name, condition)) for name in names}
        write_run(place, condition, 0, outcomes, messages=messages)
    whole = write_page(place)
    assert "To keep this file below" not in whole.read_text()
    _, details = packed(whole)
    assert not any(attempt["is_cut"] for detail in details for attempt in detail["attempts"])
    limit = (whole.stat().st_size - 60_000) / 1e6
    cut = write_page(place, max_mb=limit)
    assert cut.stat().st_size <= limit * 1e6
    assert "instances that the arms resolve equally often" in cut.read_text()
    index, details = packed(cut)
    is_cut = {i["id"]: d["attempts"][0]["is_cut"] for i, d in zip(index["instances"], details, strict=True)}
    assert is_cut == {name: name not in names[:2] for name in names}


def test_trajectories_can_be_left_out(place):
    write_run(place, "no_context", 0, {"a": "resolved"}, messages={"a": conversation("ls")})
    path = write_page(place, trajectories=False)
    assert packed(path)[1][0]["attempts"][0]["steps"] == []
    assert "report.trajectories=false" in path.read_text()


def test_a_group_of_very_many_attempts_has_its_outcomes_and_says_how_to_see_more(place, monkeypatch):
    write_run(place, "no_context", 0, {"a": "resolved", "b": "unresolved"})
    assert len(packed(write_page(place))[1]) == 2
    monkeypatch.setattr(document, "_MAX_ATTEMPTS", 1)
    path = write_page(place)
    index, details = packed(path)
    assert ([one["id"] for one in index["instances"]], details) == (["a", "b"], [])
    assert "This group has 2 attempts; above 1 a page shows outcomes without details" in path.read_text()


def test_a_group_without_a_run_or_with_one_arm_has_a_page_too(place):
    planned = {"run_id": "x", "condition": "no_context", "seed": 1, "job_dir": "/nowhere"}
    write_json(place.planned(GROUP, "x"), planned)
    assert "No run of this group has begun" in write_page(place).read_text()
    write_run(place, "no_context", 0, {"a": "resolved"})
    write_run(place, "no_context", 1, {"a": "unresolved"})
    assert "This group has no contrast" in write_page(place).read_text()


def test_attempts_of_a_shard_are_found_where_the_shard_is(place):
    run_id = write_run(place, "no_context", 0, {"a": "unresolved"}, tests=TESTS)
    shard = f"{run_id}-shard0of2"
    for one in (place.run(GROUP, run_id), place.predictions(GROUP, run_id).parent):
        one.rename(one.with_name(shard))
    record = place.run(GROUP, shard) / "run.json"
    write_json(record, json.loads(record.read_bytes()) | {"run_id": shard})
    index, details = packed(write_page(place))
    assert index["instances"][0]["attempts"][0][3] == shard
    assert details[0]["attempts"][0]["n_tests"] == {"FAIL_TO_PASS": [1, 2], "PASS_TO_PASS": [1, 1]}


def test_a_results_directory_that_somebody_sent_reads_no_file_of_its_reader(tmp_path):
    place = layout(tmp_path / "received")
    run_id = write_run(place, "no_context", 0, {"a": "unresolved"}, log="their own", messages={"a": []})
    logs = place.run(GROUP, run_id) / "harness/ct-1/logs/run_evaluation/ct-1/m/a"
    (tmp_path / "secret").write_text("key")
    (logs / "test_output.txt").rename(logs / "log.txt")
    (logs / "test_output.txt").symlink_to("log.txt")
    assert details_of(place).attempts[0].log == "their own"
    (logs / "test_output.txt").unlink()
    (logs / "test_output.txt").symlink_to(tmp_path / "secret")
    os.mkfifo(logs / "apply.txt")
    trajectory = place.instance(GROUP, run_id, "a") / "a.traj.json"
    with trajectory.open("ab") as sink:
        sink.truncate(65_000_000)
    found = details_of(place).attempts[0]
    assert (found.log, found.has_trajectory) == ("", False)
    for damaged in ('["no mapping"]', "[" * 100_000, "{"):
        (logs / "report.json").write_text(damaged)
        assert details_of(place).attempts[0].failed == {}
    record = place.run(GROUP, run_id) / "run.json"
    run = json.loads(record.read_bytes())
    write_json(record, run | {"run_id": "../../x", "group_id": "../y"})
    assert [row["part_id"] for row in group.read(place, GROUP).rows] == [run_id]
    write_json(record, run | {"instances": [{"instance_id": "../../a", "repo": "o/r"}]})
    with pytest.raises(ConfigError, match=r"an instance called '\.\./\.\./a'"):
        group.read(place, GROUP)


def test_records_of_models_are_never_markup(place):
    hostile = "</script><script>alert(1)</script><!-- ]]> <img src=x onerror=alert(1)>"
    write_run(place, "no_context", 0, {"<img src=x onerror=alert(1)>": "resolved"}, repo=hostile)
    write_run(place, hostile.replace("/", ""), 0, {"<b>": "resolved"}, repo=hostile)
    text = write_page(place, warnings=[hostile, "\ud800\0"]).read_text()
    assert text.count("<script") == 2
    assert "<img" not in text
    assert "<!--" not in text
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in text
    assert "\u27e8U+D800\u27e9\u27e8U+0000\u27e9" in text


def test_caveats_name_unfinished_cells_unhealthy_instances_and_flaky_gradings():
    found = caveats(
        {
            "cells": [{"state": "finished"}, {"state": "missing"}],
            "warnings": ["The model is scripted: no evidence."],
            "health": {
                **{"unhealthy": [{"instance_id": "a"}], "n_instances": 9, "excluded": []},
                **{"n_checked": 9, "n_gold_resolved": 8, "ceiling": 8 / 9, "command": None},
            },
            "flaky": [{"instance_id": "b"}, {"instance_id": "b"}],
        }
    )
    assert found[0] == "The model is scripted: no evidence."
    assert [
        fact in line
        for fact, line in zip(("2 cells, 1 missing", "8 of 9", "1 instance "), found[1:], strict=True)
    ] == [
        True,
        True,
        True,
    ]


def test_seeds_that_the_answer_leaves_out_are_left_out_of_the_page(place):
    for seed in (0, 1):
        write_run(place, "no_context", seed, {"a": "resolved"})
    path = write_page(place, analysis={"control": "no_context", "margin": 0.05, "seeds": [1]})
    assert [attempt[1] for attempt in packed(path)[0]["instances"][0]["attempts"]] == [1]
    assert "Only attempts with seed 1 are shown" in path.read_text()
