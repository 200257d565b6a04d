import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contexttune.errors import ArtifactError, InfraError
from contexttune.experiment.finished_work import FinishedWork
from contexttune.experiment.inference import Inference
from contexttune.interfaces import Runner
from contexttune.system.files import read_jsonl
from contexttune.types import Attempt, AttemptStatus, GoldInstance, Instance
from tests.gitrepos import layout


@dataclass(frozen=True)
class Answers(Runner):
    """A runner that answers from a table; an exception is raised. It cannot be had from a real one on demand."""

    table: dict[str, object]
    asked: list[str] = field(default_factory=list)
    name: str = "answers"

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        self.asked.append(instance.instance_id)
        answer = self.table[instance.instance_id]
        if isinstance(answer, Exception):
            raise answer
        return Attempt(status=AttemptStatus.SUBMITTED, exit_status="stop", model_patch=str(answer))


def instances(*names: str) -> list[GoldInstance]:
    return [
        GoldInstance(
            instance_id=n,
            repo="o/r",
            base_commit="0" * 40,
            problem_statement="p",
            patch="",
            test_patch="",
            row={},
        )
        for n in names
    ]


def stage(tmp_path, table, workers=1) -> Inference:
    return Inference(
        runner=Answers(table),
        done=FinishedWork(layout(tmp_path), "g", "r"),
        model_name_or_path="m",
        workers=workers,
    )


def run(inference: Inference, names, block="") -> list[dict]:
    inference.run(instances(*names), dict.fromkeys(names, block))
    return read_jsonl(inference.done.predictions)


def test_predictions_are_sorted_whatever_the_order_of_completion(tmp_path):
    names = [f"i-{n}" for n in range(20)]
    rows = run(stage(tmp_path, dict.fromkeys(names, "patch"), workers=4), names[::-1])
    assert [row["instance_id"] for row in rows] == sorted(names)
    assert rows[0] == {"instance_id": "i-0", "model_name_or_path": "m", "model_patch": "patch"}


def test_without_a_context_nothing_is_attempted_and_what_was_measured_before_stays(tmp_path):
    run(stage(tmp_path, {"a": "1", "b": InfraError("down")}), "ab", block="then")
    second = stage(tmp_path, {"c": "3"})
    second.no_context = {"a": "the writer is down", "b": "the writer is down"}
    second.run(instances("a", "b", "c", "d"), {"c": "now"})
    assert second.runner.asked == ["c"], "d has neither a block nor an outage, as for want of budget"
    found = {
        path.parent.name: json.loads(path.read_text())
        for path in tmp_path.glob("artifacts/preds/g/r/*/attempt.json")
    }
    assert {name: record["status"] for name, record in found.items()} == {
        **{"a": "submitted", "b": "infra_error", "c": "submitted"}
    }
    assert (found["b"]["exit_status"], found["b"]["error"]) == ("NoContext", "the writer is down")
    assert [row["instance_id"] for row in read_jsonl(second.done.predictions)] == ["a", "c"]


def test_an_outage_is_no_prediction_and_is_tried_again(tmp_path):
    first = stage(tmp_path, {"a": "1", "b": InfraError("down"), "c": ValueError("a defect")})
    assert [row["instance_id"] for row in run(first, "abc")] == ["a"]
    record = json.loads((tmp_path / "artifacts/preds/g/r/b/attempt.json").read_text())
    assert (record["status"], record["exit_status"], record["error"]) == ("infra_error", "InfraError", "down")
    second = stage(tmp_path, {"a": "other", "b": "2", "c": "3"})
    assert [row["model_patch"] for row in run(second, "abc")] == ["1", "2", "3"]
    assert sorted(second.runner.asked) == ["b", "c"]


def test_three_like_outages_in_a_row_stop_the_queue(tmp_path):
    inference = stage(tmp_path, {n: InfraError("down") for n in "abcdefgh"})
    assert run(inference, "abcdefgh") == []
    assert len(inference.runner.asked) == 3


def test_different_outages_do_not_stop_the_queue(tmp_path):
    inference = stage(tmp_path, {n: InfraError(f"down {n}") for n in "abcdefgh"})
    run(inference, "abcdefgh")
    assert len(inference.runner.asked) == 8


@pytest.mark.parametrize("damage", [b'{"instance_id": "b", "mod', b'{"instance_id": "b"}\n', b""])
def test_a_torn_or_stale_predictions_file_is_made_anew_from_the_records(tmp_path, damage):
    run(stage(tmp_path, {"a": "1", "b": "2"}), "ab")
    path = tmp_path / "artifacts/preds/g/r/preds.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.split(b"\n")[0] + b"\n" + damage)
    again = stage(tmp_path, {})
    run(again, "ab")
    assert path.read_bytes() == whole
    assert again.runner.asked == []


def test_a_changed_context_is_refused_and_never_mixed_in(tmp_path):
    run(stage(tmp_path, {"a": "1"}), "a", block="old")
    with pytest.raises(ArtifactError, match="another group_id"):
        run(stage(tmp_path, {"a": "1"}), "a", block="new")
