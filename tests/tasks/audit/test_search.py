"""Sweeps of audits: which points are on the front, and where files are written."""

import csv
import json
import xml.etree.ElementTree as ET

from contexttune.tasks.audit import search
from contexttune.tasks.audit.pareto_front import close
from tests.command_line import contexttune


def job(root, number, overrides, *points, name=None, leaking=0):
    """A job of a sweep with an audit of (budget, tokens, file, symbol, rank) points."""
    home = root / "audits" / f"s-{number}"
    home.mkdir(parents=True)
    rows = [
        {
            "part": "all",
            "condition": "c",
            "budget_chars": budget,
            "n_tokens": {"mean": tokens},
            "n_leaking": leaking,
        }
        | {"file": {"mean": file}, "symbol": {"mean": symbol}, "reciprocal_rank": {"mean": rank}}
        for budget, tokens, file, symbol, rank in points
    ]
    (home / "audit.json").write_text(json.dumps({"summary": [*rows, {**rows[0], "part": "o/r"}]}))
    search.record_job(root / "sweep" / str(number), home, name, overrides)


def fronts(root):
    points = search.read_points(search.read_jobs(root / "sweep"))
    return {(" ".join(point.overrides), point.budget_chars): set(point.fronts) for point in points}


EVERY = {"file", "symbol", "reciprocal_rank", "joint"}


def test_a_point_is_beaten_by_no_more_tokens_and_no_less_of_anything(tmp_path):
    job(tmp_path, 0, ["t=1", "w=1"], (1, 100, 0.5, 0.5, 0.5), (2, 200, 0.9, 0.5, 0.5))
    job(tmp_path, 1, ["t=1", "w=2"], (1, 100, 0.5, 0.4, 0.5), (2, 200, 0.8, 0.6, 0.4))
    job(tmp_path, 2, ["t=1", "w=3"], (1, 99, 0.4, 0.5, 0.5), (2, 201, 0.9, 0.6, 0.5))
    assert fronts(tmp_path) == {
        ("w=1", 1): {"file", "joint"},  # symbols and rank are to be had for 99
        ("w=2", 1): {"file"},
        ("w=3", 1): EVERY,
        ("w=1", 2): {"file", "joint"},
        ("w=2", 2): {"symbol", "joint"},
        ("w=3", 2): {"joint"},
    }


def test_what_leaks_beats_nobody_and_jobs_with_one_audit_count_once(tmp_path):
    job(tmp_path, 0, ["w=1"], (1, 100, 0.5, 0.5, 0.5))
    job(tmp_path, 1, ["w=2"], (1, 50, 1.0, 1.0, 1.0), leaking=1)
    search.record_job(tmp_path / "sweep/2", tmp_path / "audits/s-0", None, ["w=1", "seed=1"])
    assert fronts(tmp_path) == {("w=1", 1): EVERY}


def test_the_front_lies_with_its_jobs_or_under_a_name_made_of_them(tmp_path):
    job(tmp_path, 0, ["w=1"], (1, 100, 0.5, 0.5, 0.5))
    home = search.results_dir(search.read_jobs(tmp_path / "sweep"))
    assert home.parent == tmp_path / "audits"
    assert home.name.startswith("s-search-")
    search.record_job(tmp_path / "named/0", tmp_path / "audits/mine/0a1b2c", "mine", [])
    assert search.results_dir(search.read_jobs(tmp_path / "named")) == tmp_path / "audits/mine"


def test_a_sweep_without_audits_closes_silently(tmp_path, capsys):
    close(tmp_path)
    assert capsys.readouterr().out == ""


def test_an_objective_is_one_number_of_the_condition():
    row = {
        "part": "all",
        "condition": "c",
        "n_leaking": 0,
        "file": {"mean": 0.9},
        "symbol": {"mean": 0.3},
        "reciprocal_rank": None,
    }
    assert search.objective([row, row | {"condition": "d", "file": {"mean": 0.0}}], "c") == 0.6
    assert search.objective([row | {"n_leaking": 1}], "c") is None


def test_a_sweep_over_settings_ends_in_its_front(tmp_path):
    grid = "experiment=audit_search", "slice=demo", "audit.split=all", "condition.place_weight=0.8"
    done = contexttune(
        "-m", *grid, "condition.name_weight=0,1", "audit.budgets_chars=[300]", "audit.name=mine", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    home = tmp_path / "results/audits/mine"
    assert len(list(home.glob("*/audit.csv"))) == 2
    with (home / "front.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert {row["overrides"] for row in rows} == {"condition.name_weight=0", "condition.name_weight=1"}
    assert any(row["on_joint_front"] == "1" for row in rows)
    titles = [
        node.text for node in ET.parse(home / "front.svg").getroot().iter("{http://www.w3.org/2000/svg}title")
    ]
    assert len(titles) == 3 * len(rows)
    closing = done.stdout[done.stdout.index("Pareto front of 2 points, 2 jobs") :]
    assert "condition.name_weight=" in closing
    assert "place_weight" not in closing  # all jobs have it
    assert str(home / "front.csv") in closing


def test_a_sweep_on_what_is_held_out_is_refused(tmp_path):
    words = "task=audit", "slice=demo", "audit.split=held_out", "condition=baseline_context,repo_map"
    done = contexttune("-m", *words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "audit.split=held_out" in done.stdout + done.stderr
    assert not list(tmp_path.glob("results/audits/*"))
