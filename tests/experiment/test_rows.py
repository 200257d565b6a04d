import pytest

from contexttune.errors import ConfigError
from contexttune.experiment import rows
from contexttune.experiment.finished_work import FinishedWork
from contexttune.system.files import sha256, write_json
from tests.gitrepos import layout

HEAD = {"run_id": "r", "group_id": "g", "condition": "c", "seed": 0, "harness": "h", "official": True}


def run(*names: str, status: str = "running") -> dict:
    return HEAD | {"status": status, "instances": [{"instance_id": n, "repo": "o/r"} for n in names]}


def row(condition: str, seed: int, outcome: str) -> dict:
    return {"condition": condition, "seed": seed, "outcome": outcome}


def test_every_instance_has_a_row_also_one_without_an_attempt(tmp_path):
    done = FinishedWork(layout(tmp_path), "g", "r")
    write_json(done.attempt_path("a"), {"status": "submitted", "patch_sha256": sha256("p"), "n_calls": 3})
    write_json(done.outcomes, {"a": {"outcome": "resolved", "patch_sha256": sha256("p")}})
    found = rows.run_rows(done.layout, run("a", "b"))
    assert [(r["outcome"], r["attempt_status"], r["n_calls"]) for r in found] == [
        ("resolved", "submitted", 3),
        ("missing", "", None),
    ]
    assert rows.as_csv(found, rows.COLUMNS).splitlines()[1].startswith("r,c,0,a,o/r,resolved,submitted")


def test_rows_of_a_finished_run_are_read_from_one_file(tmp_path):
    place, finished = layout(tmp_path), run("a", status="finished")
    rows.keep_rows(place, finished)
    write_json(FinishedWork(place, "g", "r").attempt_path("a"), {"status": "submitted", "patch_sha256": ""})
    assert rows.run_rows(place, finished)[0]["attempt_status"] == ""
    assert rows.recorded_rows(place, finished)[0]["attempt_status"] == "submitted"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0"])
def test_a_name_that_leaves_the_directory_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="cannot be a file name"):
        rows.run_rows(layout(tmp_path), run(name))


def test_shares_are_over_the_seeds_that_both_arms_have_a_verdict_for():
    found = [
        *(row("a", 0, "resolved"), row("a", 1, "unresolved"), row("a", 2, "resolved")),
        *(row("b", 0, "resolved"), row("b", 1, "resolved"), row("b", 2, "infra_error")),
    ]
    assert rows.paired_shares(found, "a", "b") == (0.5, 1.0)
    assert rows.paired_shares(found[:3], "a", "b") is None
