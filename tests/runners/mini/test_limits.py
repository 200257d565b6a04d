"""Limits of an attempt, what waiting does to them, and what the record says was spent."""

from __future__ import annotations

import csv
import json

import pytest

from tests.agents.scripted import EDIT, SUBMIT, Agent, calls
from tests.models.fault_server import error, serving

pytestmark = [pytest.mark.bwrap, pytest.mark.slow]

PRICE = "model.price={prompt: 1000000, cached: 0, completion: 1000000}"  # 13 USD an answer of the server's 11 - 5 + 7 tokens


def attempted(agent: Agent, *overrides: str, answers=None) -> tuple[dict, int]:
    with serving(*(answers or [calls("ls"), calls("cat README.md"), calls(EDIT), calls(SUBMIT)])) as server:
        done = agent.run(server.url, *overrides)
    assert done.returncode == 0, done.stdout + done.stderr
    return agent.attempt(), len(server.requests)


def test_the_record_says_what_was_spent_and_what_was_touched(agent):
    record, _ = attempted(agent, PRICE)
    assert (record["status"], record["n_calls"], record["n_steps"]) == ("submitted", 4, 4)
    assert record["cost_usd"] == pytest.approx(4 * 13)
    assert (record["prompt_tokens"], record["cached_tokens"], record["reasoning_tokens"]) == (44, 20, 12)
    assert record["uptake"]["n_files_touched"] == 1
    assert record["uptake"]["first_touch_of_patch"] == 2
    assert len(record["prompts_sha256"]) == 64
    trajectory = agent.trajectory()
    assert trajectory["info"]["model_stats"]["instance_cost"] == pytest.approx(4 * 13)


def test_arms_are_compared_by_how_soon_they_touch_what_they_change(agent):
    later, sooner = (
        [calls("ls"), calls("cat README.md"), calls(EDIT), calls(SUBMIT)],
        [calls(EDIT), calls(SUBMIT)],
    )
    for condition, answers in (("no_context", later), ("baseline_context", sooner)):
        with serving(*answers) as server:
            done = agent.run(server.url, f"condition={condition}", "harness=local")
        assert done.returncode == 0, done.stdout + done.stderr
    (path,) = agent.root.glob("results/*/summary.json")
    ((contrast,),) = [json.loads(path.read_bytes())["contrasts"]]
    steps = {cost["measure"]: (cost["control"], cost["treatment"]) for cost in contrast["costs"]}
    assert steps["steps_to_patch"] == (2, 1)
    rows = csv.DictReader(path.with_name("instances.csv").open())
    assert {row["condition"]: row["steps_to_patch"] for row in rows} == {
        "no_context": "2",
        "baseline_context": "1",
    }


def test_an_unknown_price_is_no_cost_and_not_a_cost_of_nothing(agent):
    assert attempted(agent)[0]["cost_usd"] is None


@pytest.mark.parametrize(
    ("limit", "exit_status", "n_requests"),
    [
        ("runner.cost_limit_usd=26", "LimitsExceeded", 2),
        ("runner.cost_limit_usd=26.5", "LimitsExceeded", 3),
        ("runner.step_limit=2", "LimitsExceeded", 2),
        ("runner.completion_tokens_limit=14", "TokenLimitExceeded", 2),
        ("runner.total_tokens_limit=37", "TokenLimitExceeded", 3),
    ],
)
def test_a_limit_ends_the_attempt_before_the_next_request(agent, limit, exit_status, n_requests):
    record, requested = attempted(agent, PRICE, limit)
    assert (record["status"], record["exit_status"], requested) == ("limit", exit_status, n_requests)
    assert record["model_patch"] == ""


def test_arms_have_the_same_prompts(agent):
    first, _ = attempted(agent)
    second, _ = attempted(agent, "condition=baseline_context", "group_id=h")
    (path,) = agent.root.glob("artifacts/preds/h/*/*/attempt.json")
    assert f'"prompts_sha256": "{first["prompts_sha256"]}"' in path.read_text()
    assert second["block_sha256"] == first["block_sha256"]  # the first group's record is left as it was
    assert f'"block_sha256": "{first["block_sha256"]}"' not in path.read_text()


def test_waiting_for_the_endpoint_is_no_time_of_the_agents(agent):
    busy = error(429, Retry_After="3")
    answers = [calls("ls"), busy, calls(EDIT), busy, calls(SUBMIT)]
    record, requested = attempted(agent, "runner.wall_limit_s=5", answers=answers)
    assert (record["status"], requested, record["n_calls"]) == ("submitted", 5, 3)
    assert record["details"]["waited_s"] >= 6
    assert record["details"]["n_requests"] == 5


def test_an_endpoint_that_stays_away_as_long_as_an_attempt_may_take_is_an_outage(agent):
    answers = [calls("ls"), error(503, Retry_After="30")]
    with serving(*answers) as server:
        done = agent.run(server.url, "runner.wall_limit_s=3", PRICE)
    record = agent.attempt()
    assert done.returncode == 4
    assert (record["status"], record["n_calls"]) == ("infra_error", 1)
    assert "has not answered for" in record["error"]
    assert record["cost_usd"] == pytest.approx(13), "the call before it was paid for"
    assert agent.predictions() == {}
