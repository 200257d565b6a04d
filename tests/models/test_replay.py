"""A finished run once more, where no endpoint is: the program as a user starts it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contexttune.errors import ConfigError, InfraError
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.replay import Replay
from contexttune.types import Message
from tests.command_line import contexttune
from tests.models.fault_server import ok, serving

RUN = ("slice=demo", "slice.limit=2", "runner=single_shot", "harness=none", "workers=1")
FIX = "```diff\n--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+{}\n```"
ARMS = "condition=no_context,baseline_context"
SAME = ("n_calls", "prompt_tokens", "completion_tokens", "cached_tokens", "patch_sha256", "exit_status")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Two arms and two seeds, each answer another one."""
    root = tmp_path_factory.mktemp("finished")
    with serving(*(ok(FIX.format(n)) for n in range(8))) as server:
        done = contexttune(
            *("-m", *RUN, ARMS, "seed=0,1", "group_id=g", "model.name=m", "model.api_key_env=null"),
            cwd=root,
            OPENAI_BASE_URL=server.url,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(server.requests) == 8
    return root


def attempts(root: Path, group: str) -> dict[tuple[str, str], dict[str, Any]]:
    """(condition and seed, instance) -> its record."""
    return {
        (path.parent.parent.name.rpartition("-")[0], path.parent.name): json.loads(path.read_bytes())
        for path in root.glob(f"artifacts/preds/{group}/*/*/attempt.json")
    }


def same(record: dict[str, Any]) -> dict[str, Any]:
    return {key: record[key] for key in (*SAME, "model_patch", "status")}


@pytest.mark.slow
def test_each_cell_of_a_sweep_replays_its_own_run_without_an_endpoint(finished, tmp_path):
    source = finished / "artifacts/preds/g"
    arguments = (*RUN, ARMS, "seed=0,1", "group_id=h", "model=replay", f"model.source={source}")
    done = contexttune("-m", *arguments, cwd=tmp_path, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replayed from an earlier run" in done.stdout
    then, now = attempts(finished, "g"), attempts(tmp_path, "h")
    assert len(then) == 8
    assert {key: same(record) for key, record in now.items()} == {
        key: same(record) for key, record in then.items()
    }
    assert len({record["patch_sha256"] for record in now.values()}) == 8
    assert {record["details"]["n_replayed"] for record in now.values()} == {1}
    assert {path.stat().st_size for path in tmp_path.glob("artifacts/preds/h/*/*/calls.jsonl")} == {0}
    told = contexttune("task=report", "group_id=h", cwd=tmp_path)
    assert "replayed" in told.stdout


@pytest.mark.slow
def test_another_prompt_is_an_outage_with_a_remedy_and_no_answer(finished, tmp_path):
    (source,) = finished.glob("artifacts/preds/g/no_context-s0-*")
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    arguments = ("condition=no_context", "group_id=h", "model=replay", f"model.source={source}")
    done = contexttune(*RUN, *arguments, "runner.file_list_budget_chars=40", cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    for record in attempts(tmp_path, "h").values():
        assert (record["status"], record["n_calls"]) == ("infra_error", 0)
        assert "does not have this request: replay with the settings" in record["error"]
        assert record["earlier"] == {}
    again = contexttune(*RUN, *arguments, "runner.file_list_budget_chars=40", cwd=tmp_path)
    assert again.returncode == 4


@pytest.mark.slow
def test_without_a_source_or_a_run_in_it_nothing_begins(finished, tmp_path):
    done = contexttune(*RUN, "model=replay", cwd=tmp_path)
    assert (done.returncode, "model.source is not set" in done.stdout + done.stderr) == (2, True)
    done = contexttune(
        *RUN, "model=replay", f"model.source={finished}/artifacts/preds/g", "seed=7", cwd=tmp_path
    )
    assert (done.returncode, "has no run of this condition and seed" in done.stdout + done.stderr) == (
        2,
        True,
    )


def journals(root: Path, run_id: str, *questions: str, seed: int = 0) -> Path:
    """A run of one instance `i` with these calls."""
    run = root / run_id
    (run / "i").mkdir(parents=True)
    (run / "preds.jsonl").touch()
    with serving(*(ok(f"{run_id}: {question}") for question in questions)) as server:
        model = OpenAICompatible(
            seed=seed, name="m", base_url=server.url, api_key_env=None, temperature=None, top_p=0.5
        )
        with model.recorded(run / "i") as asked:
            for question in questions:
                asked.complete([Message(role="user", content=question)])
    return run


def replayed(
    source: Path, out_dir: Path, question: str, seed: int = 0, label: str = "h/c-s0-00000000"
) -> str:
    model = Replay(seed=seed, source=str(source), run_label=label)
    model.preflight()
    with model, model.recorded(out_dir / "i") as asked:
        return asked.complete([Message(role="user", content=question)]).text


def test_the_sampling_is_read_from_the_journal_and_the_seed_is_the_cells_own(tmp_path):
    run = journals(tmp_path / "g", "c-s0-0123abcd", "a")
    assert replayed(run, tmp_path / "out", "a") == "c-s0-0123abcd: a"
    with pytest.raises(InfraError, match="does not have this request"):
        replayed(run, tmp_path / "out", "a", seed=1)
    with pytest.raises(InfraError, match="does not have this request"):
        replayed(run, tmp_path / "out", "b")


def test_in_a_group_the_run_of_the_cell_is_found_shards_of_it_together(tmp_path):
    journals(tmp_path / "g", "c-s1-0123abcd", "a", seed=1)
    journals(tmp_path / "g", "d-s0-0123abcd", "a")
    shard = journals(tmp_path / "g", "c-s0-0123abcd-shard1of2", "a")
    (tmp_path / "g" / "c-s0-0123abcd-shard0of2").mkdir()
    (tmp_path / "g" / "c-s0-0123abcd-shard0of2" / "preds.jsonl").touch()
    assert replayed(tmp_path / "g", tmp_path / "out", "a") == f"{shard.name}: a"
    whole = tmp_path / "g" / "c-s0-0123abcd"  # as a report puts shards together
    whole.mkdir()
    (whole / "preds.jsonl").touch()
    for source in (tmp_path / "g", whole):
        assert replayed(source, tmp_path / "out", "a") == f"{shard.name}: a"
    journals(tmp_path / "g", "c-s0-ffffffff", "a")
    with pytest.raises(ConfigError, match=r"several runs of c-s0 .*name one of them"):
        replayed(tmp_path / "g", tmp_path / "out", "a")


def test_an_instance_that_was_not_attempted_is_an_outage(tmp_path):
    run = journals(tmp_path / "g", "c-s0-0123abcd", "a")
    with pytest.raises(InfraError, match="has no calls of other"):
        Replay(seed=0, source=str(run)).recorded(tmp_path / "out" / "other")


def test_a_run_without_journals_is_refused_before_anything_begins(tmp_path):
    run = tmp_path / "g" / "c-s0-0123abcd"
    run.mkdir(parents=True)
    (run / "preds.jsonl").touch()
    for source in (run, tmp_path / "g"):
        with pytest.raises(ConfigError, match=r"model\.source=.*calls\.jsonl"):
            Replay(seed=0, source=str(source), run_label="h/c-s0-00000000").preflight()
