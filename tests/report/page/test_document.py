import json

import pytest

from contexttune.report.page import document
from contexttune.system.files import write_json
from tests.gitrepos import layout
from tests.report.page_groups import (
    GROUP,
    TESTS,
    conversation,
    unpacked,
    write_page,
    write_run,
)


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


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
    index, _ = unpacked(path)
    assert str(place.results.parent) not in json.dumps(index)


def test_trajectories_can_be_left_out(place):
    write_run(place, "no_context", 0, {"a": "resolved"}, messages={"a": conversation("ls")})
    path = write_page(place, trajectories=False)
    assert unpacked(path)[1][0]["attempts"][0]["steps"] == []
    assert "report.trajectories=false" in path.read_text()


def test_a_group_of_very_many_attempts_has_outcomes_without_details(place, monkeypatch):
    write_run(place, "no_context", 0, {"a": "resolved", "b": "unresolved"})
    assert len(unpacked(write_page(place))[1]) == 2
    monkeypatch.setattr(document, "_MAX_ATTEMPTS", 1)
    path = write_page(place)
    index, details = unpacked(path)
    assert ([one["id"] for one in index["instances"]], details) == (["a", "b"], [])
    assert "This group has 2 attempts; above 1 a page shows outcomes without details" in path.read_text()


def test_a_group_without_a_run_or_with_one_arm_has_a_page(place):
    planned = {"run_id": "x", "condition": "no_context", "seed": 1, "job_dir": "/nowhere"}
    write_json(place.planned(GROUP, "x"), planned)
    assert "No run of this group has begun" in write_page(place).read_text()
    write_run(place, "no_context", 0, {"a": "resolved"})
    write_run(place, "no_context", 1, {"a": "unresolved"})
    assert "This group has no contrast" in write_page(place).read_text()


def test_attempts_are_read_from_the_directory_of_their_shard(place):
    run_id = write_run(place, "no_context", 0, {"a": "unresolved"}, tests=TESTS)
    shard = f"{run_id}-shard0of2"
    for one in (place.run(GROUP, run_id), place.predictions(GROUP, run_id).parent):
        one.rename(one.with_name(shard))
    record = place.run(GROUP, shard) / "run.json"
    write_json(record, json.loads(record.read_bytes()) | {"run_id": shard})
    index, details = unpacked(write_page(place))
    assert index["instances"][0]["attempts"][0][3] == shard
    assert details[0]["attempts"][0]["n_tests"] == {"FAIL_TO_PASS": [1, 2], "PASS_TO_PASS": [1, 1]}


def test_texts_of_models_are_escaped(place):
    hostile = "</script><script>alert(1)</script><!-- ]]> <img src=x onerror=alert(1)>"
    write_run(place, "no_context", 0, {"<img src=x onerror=alert(1)>": "resolved"}, repo=hostile)
    write_run(place, hostile.replace("/", ""), 0, {"<b>": "resolved"}, repo=hostile)
    text = write_page(place, warnings=[hostile, "\ud800\0"]).read_text()
    assert text.count("<script") == 2
    assert "<img" not in text
    assert "<!--" not in text
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in text
    assert "\u27e8U+D800\u27e9\u27e8U+0000\u27e9" in text


def test_the_page_shows_the_analysed_seeds_only(place):
    for seed in (0, 1):
        write_run(place, "no_context", seed, {"a": "resolved"})
    path = write_page(place, analysis={"control": "no_context", "margin": 0.05, "seeds": [1]})
    assert [attempt[1] for attempt in unpacked(path)[0]["instances"][0]["attempts"]] == [1]
    assert "Only attempts with seed 1 are shown" in path.read_text()
