"""What is done already, from files alone."""

import pytest

from contexttune.errors import ArtifactError
from contexttune.experiment.finished_work import (
    FinishedWork,
    is_final,
    outcome_of,
    require_same_context,
    unfinished,
)
from contexttune.system.files import append_jsonl, sha256, write_json
from contexttune.types import AttemptStatus, Outcome
from tests.experiment.test_inference import instances
from tests.gitrepos import layout


@pytest.fixture
def done(tmp_path) -> FinishedWork:
    return FinishedWork(layout(tmp_path), "g", "r")


def verdict(outcome: str, patch: str = "p") -> dict[str, str]:
    return {"outcome": outcome, "patch_sha256": sha256(patch)}


def attempt(status: str = "submitted", patch: str = "p") -> dict[str, str]:
    return {"status": status, "patch_sha256": sha256(patch)}


@pytest.mark.parametrize("status", AttemptStatus)
def test_every_attempt_is_final_but_an_outage(status):
    assert is_final({"status": status.value}) is (status is not AttemptStatus.INFRA_ERROR)


@pytest.mark.parametrize(
    ("record", "graded", "outcome"),
    [
        ({}, None, Outcome.MISSING),
        ({}, verdict("resolved"), Outcome.MISSING),
        (attempt(), None, Outcome.MISSING),
        (attempt(), verdict("resolved"), Outcome.RESOLVED),
        (attempt(), verdict("resolved", "another patch"), Outcome.MISSING),
        (attempt(), verdict("infra_error"), Outcome.INFRA_ERROR),
        (attempt("infra_error"), verdict("resolved"), Outcome.INFRA_ERROR),
    ],
)
def test_an_outcome_is_the_verdict_on_the_attempts_own_patch(record, graded, outcome):
    assert outcome_of(record, graded) is outcome


def test_what_has_a_prediction_and_no_verdict_on_it_is_ungraded(done):
    assert done.ungraded(instances("a")) == []
    for name in "abcd":
        append_jsonl(done.predictions, {"instance_id": name, "model_patch": "p"})
    write_json(
        done.outcomes,
        {"a": verdict("resolved"), "b": verdict("resolved", "old"), "c": verdict("infra_error")},
    )
    assert [i.instance_id for i in done.ungraded(instances(*"abcde"))] == ["b", "c", "d"]


def test_attempts_are_those_on_disk(done):
    write_json(done.attempt_path("a"), attempt())
    assert done.attempts(instances("a", "b")) == {"a": attempt()}
    assert done.attempt("b") is None
    assert done.paid("a") is None


def test_a_final_attempt_keeps_its_context():
    record = {"instance_id": "a", "block_sha256": sha256("block")}
    require_same_context(record, "block")
    with pytest.raises(ArtifactError, match="group_id"):
        require_same_context(record, "another")


ROWS = [
    {"attempt_status": "submitted", "outcome": "resolved"},
    {"attempt_status": "submitted", "outcome": "missing"},
    {"attempt_status": "infra_error", "outcome": "infra_error"},
    {"attempt_status": "", "outcome": "missing"},
]


@pytest.mark.parametrize(
    ("stages", "grades", "n_unfinished"),
    [
        (["inference", "evaluate"], True, 3),
        (["inference", "evaluate"], False, 2),
        (["inference"], True, 2),
        (["evaluate"], False, 0),
        (["summarize"], True, 0),
    ],
)
def test_a_run_answers_for_the_stages_that_it_was_asked_for(stages, grades, n_unfinished):
    assert len(unfinished(ROWS, stages, grades=grades)) == n_unfinished
