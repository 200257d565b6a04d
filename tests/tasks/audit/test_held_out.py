"""Development and held-out instances, and what was measured on the latter."""

import pytest

from contexttune.config.schema import AuditConfig, Config
from contexttune.errors import ConfigError
from contexttune.experiment.cell import Cell
from contexttune.tasks.audit.columns import held_out_note
from contexttune.tasks.audit.conditions import Arm
from contexttune.tasks.audit.held_out import record_use, refuse_search, select
from contexttune.types import GoldInstance
from tests.gitrepos import layout

KEYS = {"development_repos": ["o/dev"]}


def instance(repo, number=1):
    return GoldInstance(
        **{"instance_id": f"{repo.replace('/', '__')}-{number}", "repo": repo, "base_commit": "0" * 40},
        **{"problem_statement": "", "patch": "", "test_patch": "", "row": {}},
    )


ROWS = [instance("o/dev"), instance("o/a"), instance("o/b"), instance("o/a", 2)]


@pytest.mark.parametrize(
    ("split", "chosen"), [("all", ROWS), ("development", ROWS[:1]), ("held_out", ROWS[1:])]
)
def test_a_split_is_by_repository(split, chosen):
    assert select(ROWS, AuditConfig(split=split, **KEYS)) == chosen


def test_a_split_without_instances_is_refused():
    with pytest.raises(ConfigError, match=r"audit\.split=held_out .*audit\.development_repos"):
        select(ROWS[:1], AuditConfig(split="held_out", **KEYS))


def test_a_sweep_may_not_choose_by_what_is_held_out():
    with pytest.raises(ConfigError, match=r"audit\.split=development"):
        refuse_search(AuditConfig(split="held_out"))
    refuse_search(AuditConfig(split="development"))


def arm(weight=0.5, budget=8000, rows=ROWS, name="issue_map"):
    node = {"_target_": "contexttune.contexts.issue_map.IssueMap", "name": name}
    cell = Cell(Config(), {"condition": node | {"name_weight": weight, "total_budget_chars": budget}})
    cell.instances = list(rows)
    return Arm(cell)


def test_settings_that_were_measured_on_held_out_instances_are_counted(tmp_path):
    def counted(*arms):
        return record_use(layout(tmp_path), AuditConfig(**KEYS), arms).settings

    assert counted(arm()) == {"issue_map": 1}
    assert counted(arm()) == {"issue_map": 1}  # the same again
    assert counted(arm(budget=4000)) == {"issue_map": 1}
    assert counted(arm(0.7, rows=ROWS[:2]), arm(name="other")) == {"issue_map": 2, "other": 1}
    assert counted(arm(0.9, rows=ROWS[2:3])) == {"issue_map": 2}  # o/b has not seen 0.7
    assert counted(arm()) == {"issue_map": 3}
    assert record_use(layout(tmp_path), AuditConfig(**KEYS), [arm(0.1, rows=ROWS[:1])]) is None
    assert counted(arm()) == {"issue_map": 3}


def test_the_best_of_several_is_called_that(tmp_path):
    first = record_use(layout(tmp_path), AuditConfig(**KEYS), [arm()])
    assert (first.n_instances, first.repos) == (3, ["o/a", "o/b"])
    assert "the best of several" not in held_out_note(first)
    again = record_use(layout(tmp_path), AuditConfig(**KEYS), [arm(0.7)])
    assert "issue_map: 2; the best of several" in held_out_note(again)
