import json

import pytest

from contexttune.config.schema import BudgetConfig
from contexttune.errors import ConfigError, InfraError
from contexttune.models.prices import Price
from contexttune.models.spending import Budget, spent_in
from contexttune.system.files import read_jsonl
from contexttune.types import Attempt, AttemptStatus, Usage
from tests.command_line import contexttune
from tests.experiment.test_inference import instances, stage
from tests.models.fault_server import error, ok, serving

KEYS = ("slice=demo", "runner=single_shot", "harness=none", "condition=no_context", "group_id=g", "workers=1")
MODEL = ("model.name=m", "model.api_key_env=null")


def paid(calls: int) -> Attempt:
    used = Usage(prompt_tokens=100 * calls, completion_tokens=10 * calls)
    return Attempt(status=AttemptStatus.SUBMITTED, exit_status="stop", n_calls=calls, usage=used)


def record(**spent):
    return {
        "n_calls": 0,
        "prompt_tokens": None,
        "completion_tokens": None,
        "cost_usd": None,
        "wall_s": 0,
    } | spent


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"calls": 3}, "budget.calls=3 is used up (3)"),
        ({"completion_tokens": 30}, "budget.completion_tokens=30"),
        ({"total_tokens": 330}, "budget.total_tokens=330"),
        ({"cost_usd": 0.5}, "budget.cost_usd=0.5"),
        ({"wall_s": 9.5}, "budget.wall_s=9.5"),
        ({"calls": 0}, "budget.calls=0 is used up (3)"),
    ],
)
def test_each_limit_stops_when_it_is_reached_and_not_before(limits, words):
    took = record(n_calls=3, prompt_tokens=300, completion_tokens=30, cost_usd=0.5, wall_s=9.5)
    budget = Budget(BudgetConfig(**limits), Price(prompt=1, completion=1))
    assert budget.exceeded() is None or limits == {"calls": 0}
    budget.note("a", took)
    assert words in budget.exceeded()
    more = {key: value * 2 + 1 for key, value in limits.items()}
    roomy = Budget(BudgetConfig(**(more if limits != {"calls": 0} else {})), Price(prompt=1, completion=1))
    roomy.note("a", took)
    assert roomy.exceeded() is None


def test_an_outage_is_paid_for_and_the_next_record_remembers_it():
    first = record(n_calls=2, cost_usd=0.25)
    second = record(n_calls=5, cost_usd=1.0) | {"earlier": spent_in(first)}
    assert spent_in(second)["n_calls"] == 7
    assert spent_in(second)["cost_usd"] == 1.25
    assert spent_in(None) == {}


def test_a_cost_that_cannot_be_known_cannot_be_limited():
    with pytest.raises(ConfigError, match=r"budget\.cost_usd needs the model's price"):
        Budget(BudgetConfig(cost_usd=1.0), None)


def test_the_next_instance_is_not_begun_and_a_higher_budget_continues(tmp_path, monkeypatch):
    first = stage(tmp_path, dict.fromkeys("abcd", "x"))
    monkeypatch.setattr(
        type(first.runner), "run", lambda self, i, block, out: (self.asked.append(i.instance_id), paid(2))[1]
    )
    first.budget = Budget(BudgetConfig(calls=3), None)
    first.run(instances(*"abcd"), dict.fromkeys("abcd", ""))
    assert first.runner.asked == ["a", "b"]
    assert first.stopped_by == "budget.calls=3 is used up (4)"
    again = stage(tmp_path, {})
    again.budget = Budget(BudgetConfig(calls=3), None)
    again.run(instances(*"abcd"), dict.fromkeys("abcd", ""))
    assert again.runner.asked == []
    last = stage(tmp_path, {})
    last.budget = Budget(BudgetConfig(calls=8), None)
    last.run(instances(*"abcd"), dict.fromkeys("abcd", ""))
    assert last.runner.asked == ["c", "d"]
    assert len(read_jsonl(last.done.predictions)) == 4


def test_calls_of_an_attempt_that_broke_off_count(tmp_path):
    broken = InfraError("down", n_calls=4, usage=Usage(prompt_tokens=7, completion_tokens=3))
    inference = stage(tmp_path, {"a": broken})
    inference.price = Price(prompt=1.0, completion=1.0)
    inference.run(instances("a"), {"a": ""})
    saved = json.loads((tmp_path / "artifacts/preds/g/r/a/attempt.json").read_text())
    assert (saved["n_calls"], saved["prompt_tokens"], saved["cost_usd"]) == (4, 7, pytest.approx(1e-5))


def test_a_run_that_used_up_its_budget_exits_5_and_continues_with_a_higher_one(tmp_path):
    with serving(ok("no patch in here")) as server:
        keys = (*KEYS, *MODEL, "slice.limit=3")
        done = contexttune(*keys, "budget.calls=2", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert done.returncode == 5, done.stdout
        assert "budget.calls=2 is used up (2): raise it and run the same command again" in done.stdout
        assert len(server.requests) == 2
        assert contexttune(*keys, cwd=tmp_path, OPENAI_BASE_URL=server.url).returncode == 0
        assert len(server.requests) == 3
    rows = (tmp_path / "results/g/instances.csv").read_text()
    assert "cost_usd" in rows


@pytest.mark.parametrize("key", ["budget.cost_usd=1", "runner.cost_limit_usd=1"])
def test_a_limited_cost_without_a_price_is_a_configuration_error(tmp_path, key):
    runner = "runner=mini_swe_agent" if key.startswith("runner") else "runner=single_shot"
    with serving(error(500, "unused")) as server:
        done = contexttune(*KEYS, runner, *MODEL, key, cwd=tmp_path, OPENAI_BASE_URL=server.url)
    assert done.returncode == 2
    assert "needs the model's price" in done.stdout + done.stderr
    assert server.requests == []
