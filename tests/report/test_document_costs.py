"""What documents cost, spread over the attempts that were given them."""

from __future__ import annotations

from typing import Any

import pytest

from contexttune.config.schema import AnalysisConfig
from contexttune.report import document_costs, group, summary
from contexttune.system.files import read_json, write_json
from tests.gitrepos import layout
from tests.report.groups import write_run


def document(number: int, **keys: Any) -> dict[str, Any]:
    made = {"repo": "o/r", "base_commit": f"{number}" * 40, "model_id": "w-1", "document_id": "document-1"}
    took = {"model": "w", "n_calls": 1, "prompt_tokens": 1000, "completion_tokens": 200, "cost_usd": 0.03}
    return made | took | keys


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def write(
    place, run_id: str, seed: int, outcomes: dict[str, str | None], *written: dict[str, Any], condition="c"
) -> None:
    write_run(place, run_id, condition, seed, outcomes)
    path = place.run("g", run_id) / "run.json"
    write_json(path, read_json(path) | {"documents": list(written)})


def arm_of(place, name: str = "c") -> dict[str, Any] | None:
    return summary.rebuild(place, "g", AnalysisConfig())["conditions"][name]["documents"]


def test_seeds_share_documents_and_outages_did_not_use_them(place):
    write(place, "c0", 0, {"a": "resolved", "b": "unresolved"}, document(1), document(2))
    write(place, "c1", 1, {"a": "resolved", "b": "outage"}, document(1), document(2))
    write(place, "c2", 2, {"a": "resolved", "b": None}, document(1))
    assert arm_of(place) == {
        "n_documents": 2,
        "models": ["w"],
        "n_calls": 2,
        "prompt_tokens": 2000,
        "completion_tokens": 400,
        "cost_usd": 0.06,
        "n_attempts": 4,
        "tokens_per_attempt": 600.0,
        "usd_per_attempt": pytest.approx(0.015),
    }


def test_shards_have_the_documents_of_all_of_them(place):
    write(place, "c0-shard0of2", 0, {"a": "resolved"}, document(1))
    write(place, "c0-shard1of2", 0, {"b": "resolved"}, document(2))
    found = arm_of(place)
    assert found is not None
    assert (found["n_documents"], found["n_attempts"], found["cost_usd"]) == (2, 2, 0.06)


def test_seeds_that_are_not_looked_at_count_for_nothing(place):
    write(place, "c0", 0, {"a": "resolved"}, document(1))
    write(place, "c1", 1, {"a": "resolved"}, document(2))
    found = summary.rebuild(place, "g", AnalysisConfig(seeds=[1]))["conditions"]["c"]["documents"]
    assert (found["n_documents"], found["n_attempts"]) == (1, 1)


def test_an_arm_that_no_model_wrote_for_has_none_also_in_records_from_before(place):
    write_run(place, "n0", "n", 0, {"a": "resolved"})
    assert arm_of(place, "n") is None


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        (
            [document(1), document(2)],
            ["2 documents", "2,400 tokens", "0.06 USD", "0.03 USD per", "2 attempts"],
        ),
        (
            [document(1), document(2, cost_usd=None)],
            ["2 documents", "2,400 tokens", "1,200 tokens per", "2 attempts"],
        ),
        ([document(1, prompt_tokens=None, cost_usd=None)], ["1 document", "unknown cost"]),
    ],
)
def test_the_sentence_says_what_was_divided_by_what_and_claims_no_cost_that_is_not_known(
    place, written, numbers
):
    write(place, "c0", 0, {"a": "resolved", "b": "unresolved"}, *written)
    (caveat,) = [
        line for line in summary.rebuild(place, "g", AnalysisConfig())["warnings"] if " by w" in line
    ]
    assert [number for number in numbers if number not in caveat] == []
    assert ("USD" in caveat) is any("USD" in number for number in numbers)
    assert caveat in (place.group("g") / "summary.md").read_text()


def test_without_an_attempt_nothing_is_divided(place):
    write(place, "c0", 0, {"a": "outage"}, document(1))
    found = group.read(place, "g")
    spread = document_costs.spread(found.runs, found.rows)
    assert spread is not None
    assert (spread.n_attempts, spread.usd_per_attempt, spread.tokens_per_attempt) == (0, None, None)
    caveat = document_costs.sentence("c", spread)
    assert "1,200 tokens, 0.03 USD" in caveat
    assert "per attempt" not in caveat
