"""However an instance's attempts ended, its record and `earlier` together are what the endpoint has answered."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contexttune.config.schema import BudgetConfig
from contexttune.errors import InfraError
from contexttune.experiment.finished_work import FinishedWork
from contexttune.experiment.inference import Inference
from contexttune.interfaces import Model, Runner
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.prices import Price
from contexttune.models.spending import Budget
from contexttune.models.wire import add_usage
from contexttune.types import Attempt, AttemptStatus, Instance, Message, Usage
from tests.experiment.test_inference import instances
from tests.gitrepos import layout
from tests.models.fault_server import FaultServer, ok, serving

PRICE = Price(prompt=1.0, completion=2.0, cached=0.5)
OUTAGE = "!"
TOKENS_USD = (6 * 1.0 + 5 * 0.5 + 7 * 2.0) / 1e6  # of each answer of the server


@dataclass(frozen=True)
class Talker(Runner):
    """A runner that asks one question after the other; at OUTAGE it breaks off, knowing what it has paid."""

    model: Model
    questions: Sequence[str]
    name: str = "talker"

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        n_calls, usage = 0, Usage(prompt_tokens=0, completion_tokens=0)
        with self.model.recorded(out_dir) as asked:
            for question in self.questions:
                if question == OUTAGE:
                    raise InfraError("broken", n_calls=n_calls, usage=usage)
                answer = asked.complete([Message(role="user", content=question)])
                n_calls, usage = n_calls + 1, add_usage(usage, answer.usage)
        return Attempt(status=AttemptStatus.SUBMITTED, exit_status="stop", n_calls=n_calls, usage=usage)


def stage(root: Path, server: FaultServer, questions: str, calls: int | None = None) -> Inference:
    model = OpenAICompatible(seed=0, name="m", base_url=server.url, api_key_env=None)
    return Inference(
        runner=Talker(model, questions),
        done=FinishedWork(layout(root), "g", "r"),
        model_name_or_path="m",
        workers=1,
        price=PRICE,
        budget=Budget(BudgetConfig(calls=calls), PRICE),
    )


def attempt(root: Path, server: FaultServer, questions: str) -> dict[str, Any]:
    stage(root, server, questions).run(instances("a"), {"a": ""})
    record: dict[str, Any] = json.loads((root / "artifacts/preds/g/r/a/attempt.json").read_text())
    return record


def killed(root: Path, server: FaultServer, questions: str) -> None:
    """As kill -9 leaves it: calls were answered, and nothing was recorded but them."""
    inference = stage(root, server, questions)
    out_dir = inference.done.home("a")
    inference.runner.run(instances("a")[0].public(), "", out_dir)


def holds(record: dict[str, Any], n_answered: int) -> None:
    def total(key: str) -> Any:
        return record[key] + record["earlier"].get(key, 0)

    assert total("n_calls") == n_answered
    assert total("prompt_tokens") == 11 * n_answered
    assert total("completion_tokens") == 7 * n_answered
    assert total("cost_usd") == pytest.approx(TOKENS_USD * n_answered)


def test_what_was_answered_before_an_outage_is_the_next_attempts_own(tmp_path):
    with serving(ok()) as server:
        first = attempt(tmp_path, server, "ab!")
        assert (first["status"], first["n_calls"], first["details"]["n_replayed"]) == ("infra_error", 2, 0)
        second = attempt(tmp_path, server, "abc")
        assert (second["n_calls"], second["details"]["n_replayed"], len(server.requests)) == (3, 2, 3)
    assert {key: second["earlier"].get(key, 0) for key in ("n_calls", "prompt_tokens", "cost_usd")} == {
        **{"n_calls": 0, "prompt_tokens": 0, "cost_usd": 0}
    }
    holds(second, 3)


def test_what_a_kill_left_is_used_and_what_could_not_be_used_is_remembered(tmp_path):
    with serving(ok()) as server:
        killed(tmp_path, server, "abc")
        record = attempt(tmp_path, server, "abXd")
        assert len(server.requests) == 5
    assert (record["n_calls"], record["details"]["n_replayed"]) == (4, 2)
    assert (record["earlier"]["n_calls"], record["earlier"]["prompt_tokens"]) == (1, 11)
    holds(record, 5)


def test_an_attempt_that_used_no_recorded_call_again_has_paid_for_them_all_the_same(tmp_path):
    with serving(ok()) as server:
        killed(tmp_path, server, "abc")
        record = attempt(tmp_path, server, "!")
        assert (record["n_calls"], record["earlier"]["n_calls"]) == (0, 3)
        holds(record | {"prompt_tokens": 0, "completion_tokens": 0}, 3)
        assert attempt(tmp_path, server, "abc")["earlier"].get("n_calls", 0) == 0
    assert len(server.requests) == 3


@pytest.mark.parametrize("chance", range(25))
def test_the_books_are_true_after_any_story(tmp_path, chance):
    """Attempts that are killed, break off, or ask something else than before, in any order."""
    moments = random.Random(chance)
    with serving(ok()) as server:
        for _ in range(moments.randint(1, 6)):
            questions = "".join(moments.choice("ab") for _ in range(moments.randint(0, 6)))
            if moments.random() < 0.5:
                killed(tmp_path, server, questions)
            else:
                record = attempt(tmp_path, server, questions + OUTAGE)
                assert record["status"] == "infra_error"
                holds(record, len(server.requests))
        before = len(server.requests)
        record = attempt(tmp_path, server, "ababab")
    assert record["n_calls"] == 6
    assert record["details"]["n_replayed"] == 6 - (len(server.requests) - before)
    holds(record, len(server.requests))


def test_the_budget_counts_what_a_killed_process_had_paid(tmp_path):
    with serving(ok()) as server:
        killed(tmp_path, server, "abc")
        again = stage(tmp_path, server, "abc", calls=3)
        again.run(instances("a", "b"), {"a": "", "b": ""})
        assert again.stopped_by == "budget.calls=3 is used up (3)"
        assert len(server.requests) == 3
        more = stage(tmp_path, server, "abc", calls=4)
        more.run(instances("a", "b"), {"a": "", "b": ""})
        assert len(server.requests) == 6, "a is given again, which costs nothing, and b may begin"
        last = stage(tmp_path, server, "abc", calls=6)
        last.run(instances("a", "b", "c"), dict.fromkeys("abc", ""))
        assert last.stopped_by == "budget.calls=6 is used up (6)"
    assert len(server.requests) == 6


def test_a_final_attempt_is_not_attempted_again_though_its_journal_goes_on(tmp_path):
    with serving(ok()) as server:
        attempt(tmp_path, server, "a")
        killed(tmp_path, server, "ab")
        record = attempt(tmp_path, server, "abc")
    assert (record["n_calls"], len(server.requests)) == (1, 2)
