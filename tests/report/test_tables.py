import pytest

from contexttune.config.schema import AnalysisConfig
from contexttune.report.summary import rebuild
from contexttune.report.tables import show
from contexttune.system.files import read_json, write_json
from tests.gitrepos import layout
from tests.report.groups import GROUP, write_run


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_the_cost_of_a_condition_is_unknown_if_one_attempts_is(place, capsys):
    for condition, costs in {"no_context": [0.25, 1.5], "baseline_context": [0.5, None]}.items():
        write_run(place, condition, condition, 0, {"a": "resolved", "b": "unresolved", "c": None})
        for name, cost_usd in zip("ab", costs, strict=True):
            path = place.instance(GROUP, condition, name) / "attempt.json"
            write_json(path, read_json(path) | {"cost_usd": cost_usd})
    made = rebuild(place, GROUP)
    assert {name: arm["cost_usd"] for name, arm in made["conditions"].items()} == {
        "no_context": 1.75,
        "baseline_context": None,
    }
    show(place, made)
    shown = capsys.readouterr().out
    assert "USD" in shown
    assert "1.75" in shown


def test_the_control_is_the_first_row_and_column_on_the_console(place, capsys):
    for condition in ("no_context", "placebo"):
        write_run(place, condition, condition, 0, {"a": "resolved"})
    show(place, rebuild(place, GROUP, AnalysisConfig(control="placebo")))
    shown = capsys.readouterr().out
    assert shown.index("placebo s0") < shown.index("no_context s0")
    assert shown.index("placebo   ") < shown.index("no_context   ")
