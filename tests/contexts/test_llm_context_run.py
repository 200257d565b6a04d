"""Documents that a model writes, in runs as a user starts them, against an endpoint that counts."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from contexttune.models.journal import CALLS
from tests.command_line import contexttune, start
from tests.models.fault_server import Answer, FaultServer, error, ok, serving

WRITES = "You write the overview of the repository"
FIX = "```diff\n--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+x\n```"
RUN = (
    *("slice=demo", "runner=single_shot", "harness=none", "condition=llm_context", "group_id=g"),
    *(
        "model.name=m",
        "model.api_key_env=null",
        "model.attempts=1",
        "model.price={prompt: 2000, completion: 2000}",
    ),
)
USD_A_CALL = (11 + 7) * 2000 / 1e6

pytestmark = pytest.mark.slow


def asked_for(request: dict[str, Any]) -> str | None:
    """The repository of a request for a document; None for one of an attempt."""
    text: str = request["messages"][-1]["content"]
    return text.partition(WRITES)[2].split()[0] if WRITES in text else None


def documents_of(server: FaultServer) -> Counter[str]:
    """repository -> requests for its documents; each has two commits."""
    return Counter(repo for request in server.requests if (repo := asked_for(request)))


def by_repository(answers: Callable[[str], Answer]) -> Answer:
    """Documents by the repository that they are of, and a patch for everything else."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        repo = asked_for(getattr(handler, "body", {"messages": [{"content": ""}]}))
        (answers(repo) if repo else ok(FIX))(handler)

    return answer


def wrote(repo: str) -> Answer:
    return ok(f"# {repo}\nWhat a model says of {repo}.")


GOOD = by_repository(wrote)
ONCE = Counter({f"ctdemo/{name}": 2 for name in ("inkfile", "rota", "tablet")})


def records(root: Path, pattern: str = "llm_context-*") -> dict[str, dict[str, Any]]:
    """instance_id -> attempt record, of the only run there is."""
    return {
        path.parent.name: json.loads(path.read_bytes())
        for path in root.glob(f"artifacts/preds/*/{pattern}/*/attempt.json")
    }


def predicted(root: Path) -> list[str]:
    (path,) = root.glob("artifacts/preds/g/llm_context-*/preds.jsonl")
    return [json.loads(line)["instance_id"] for line in path.read_text().splitlines()]


def summary(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / "results/g/summary.json").read_bytes()))


def contexts(root: Path) -> dict[str, dict[str, Any]]:
    """base_commit -> what its context's JSON says."""
    found = [json.loads(path.read_bytes()) for path in root.glob("artifacts/contexts/*/*/llm_context-*.json")]
    return {one["base_commit"]: one for one in found}


def test_one_document_a_commit_serves_all_seeds_and_its_cost_is_told_apart(tmp_path):
    with serving(GOOD) as server:
        done = contexttune("-m", *RUN, "seed=0,1", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert documents_of(server) == ONCE
        assert {r["seed"] for r in server.requests if asked_for(r)} == {0}
        assert Counter(r["seed"] for r in server.requests if not asked_for(r)) == {0: 6, 1: 6}
        blocks = [r["messages"][-1]["content"] for r in server.requests if not asked_for(r)]
        assert all("CONTEXT=====\n# ctdemo/" in text for text in blocks)
    assert len(contexts(tmp_path)) == 6
    for context in contexts(tmp_path).values():
        (document,) = context["documents"]
        assert context["text"] == f"# {context['repo']}\nWhat a model says of {context['repo']}."
        assert (document["n_calls"], document["prompt_tokens"], document["completion_tokens"]) == (1, 11, 7)
        assert (document["model"], document["document_seed"]) == ("m", 0)
        assert document["cost_usd"] == pytest.approx(USD_A_CALL)
        assert document["paid_by"].startswith("g/llm_context-s0-")
    arm = summary(tmp_path)["conditions"]["llm_context"]
    documents = arm["documents"]
    assert (documents["n_documents"], documents["n_calls"], documents["models"]) == (6, 6, ["m"])
    assert (documents["prompt_tokens"], documents["completion_tokens"]) == (66, 42)
    assert documents["cost_usd"] == pytest.approx(6 * USD_A_CALL)
    assert documents["n_attempts"] == 12
    assert documents["usd_per_attempt"] == pytest.approx(USD_A_CALL / 2)
    assert documents["tokens_per_attempt"] == 9
    assert arm["cost_usd"] == pytest.approx(12 * USD_A_CALL), "of the attempts alone"
    (caveat,) = [line for line in summary(tmp_path)["warnings"] if "documents by m" in line]
    assert {"6", "108", "0.22", "0.018", "12"} <= set(caveat.replace("(", "").replace(",", "").split())
    assert caveat in done.stdout
    assert caveat in (tmp_path / "results/g/summary.md").read_text()


def test_an_outage_of_the_writer_costs_the_instances_of_its_commits_until_the_same_command_has_them(tmp_path):
    down = by_repository(lambda repo: error(429, Retry_After="0") if "rota" in repo else wrote(repo))
    with serving(down) as server:
        first = contexttune(*RUN, cwd=tmp_path, OPENAI_BASE_URL=server.url)
    assert first.returncode == 4, first.stdout + first.stderr
    assert "Traceback" not in first.stdout + first.stderr
    assert "2 of 6 instances have no result" in first.stdout
    found = records(tmp_path)
    assert len(found) == 6
    lost = {name: record for name, record in found.items() if "rota" in name}
    assert {record["status"] for record in lost.values()} == {"infra_error"}
    assert all("429" in record["error"] and record["n_calls"] == 0 for record in lost.values())
    assert len(predicted(tmp_path)) == 4
    assert not any("rota" in name for name in predicted(tmp_path))
    outcomes = summary(tmp_path)["conditions"]["llm_context"]["outcomes"]
    assert (outcomes["infra_error"], outcomes["missing"]) == (2, 4), "harness=none has no verdicts"
    assert len(contexts(tmp_path)) == 4, "never an empty context"
    before = {name: record for name, record in found.items() if name not in lost}
    with serving(GOOD) as server:
        second = contexttune(*RUN, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert second.returncode == 0, second.stdout + second.stderr
        assert documents_of(server) == {"ctdemo/rota": 2}
        assert len(server.requests) == 4
    assert len(predicted(tmp_path)) == 6
    assert before.items() <= records(tmp_path).items(), "what was there was not made again"


def test_when_nothing_answers_the_rest_is_not_asked(tmp_path):
    with serving(by_repository(lambda repo: error(500))) as server:
        done = contexttune(*RUN, "workers=1", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert len(server.requests) == 3
    assert done.returncode == 4, done.stdout + done.stderr
    assert {record["status"] for record in records(tmp_path).values()} == {"infra_error"}
    assert len(records(tmp_path)) == 6
    assert predicted(tmp_path) == []


def test_an_answer_that_is_no_context_is_missing_data_also_the_next_time(tmp_path):
    bad = by_repository(lambda repo: ok("", "content_filter") if "rota" in repo else wrote(repo))
    for n_asked in (6, 0):
        with serving(bad) as server:
            done = contexttune(*RUN, cwd=tmp_path, OPENAI_BASE_URL=server.url)
            assert documents_of(server).total() == n_asked
        assert done.returncode == 4, done.stdout + done.stderr
        assert "was refused (content_filter)" in done.stdout
        assert len(predicted(tmp_path)) == 4
    assert summary(tmp_path)["conditions"]["llm_context"]["documents"]["n_documents"] == 6, "all were paid"


def test_only_contexts_are_a_run_of_their_own_and_the_next_run_pays_nothing_for_them(tmp_path):
    down = by_repository(lambda repo: error(500) if "rota" in repo else wrote(repo))
    stages = "stages=[signals,context]"
    with serving(down) as server:
        first = contexttune(*RUN, stages, cwd=tmp_path, OPENAI_BASE_URL=server.url)
    assert first.returncode == 4, first.stdout + first.stderr
    with serving(GOOD) as server:
        second = contexttune(*RUN, stages, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert second.returncode == 0, second.stdout + second.stderr
        assert documents_of(server) == {"ctdemo/rota": 2}
        third = contexttune(*RUN, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert third.returncode == 0, third.stdout + third.stderr
        assert documents_of(server) == {"ctdemo/rota": 2}
        inferred = contexttune(
            *RUN, "seed=1", "stages=[inference,summarize]", cwd=tmp_path, OPENAI_BASE_URL=server.url
        )
        assert inferred.returncode == 0, inferred.stdout + inferred.stderr
        assert documents_of(server) == {"ctdemo/rota": 2}
    assert summary(tmp_path)["conditions"]["llm_context"]["documents"]["n_attempts"] == 12


def test_killed_while_documents_are_written_none_that_was_answered_is_paid_again(tmp_path):
    def slowly(repo: str) -> Answer:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            time.sleep(0.5)
            wrote(repo)(handler)

        return answer

    with serving(by_repository(slowly)) as server:
        job = start(*RUN, "workers=1", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        while documents_of(server).total() < 3:
            assert job.poll() is None
            time.sleep(0.02)
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()
        job.stdout.close()
        answered = len(list(tmp_path.glob(f"artifacts/contexts/*/*/documents/*/*/{CALLS}")))
        assert answered >= 2
        done = contexttune(*RUN, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert documents_of(server).total() == 7, "only the one whose answer had not come is asked for again"
    assert len(predicted(tmp_path)) == 6


def test_killed_between_an_answer_and_its_document_the_answer_is_read_from_its_journal(tmp_path):
    with serving(GOOD) as server:
        assert contexttune(*RUN, cwd=tmp_path, OPENAI_BASE_URL=server.url).returncode == 0
    before = contexts(tmp_path)
    for pattern in ("*/*/documents/*/*/document.json", "*/*/llm_context-*.json"):
        for path in tmp_path.glob(f"artifacts/contexts/{pattern}"):
            path.unlink()
    with serving(GOOD) as server:
        done = contexttune(*RUN, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.requests == []
    assert contexts(tmp_path) == before


def test_four_processes_at_once_pay_once(tmp_path):
    with serving(GOOD) as server:
        jobs = [
            start(*RUN, f"seed={seed}", "stages=[signals,context]", cwd=tmp_path, OPENAI_BASE_URL=server.url)
            for seed in range(4)
        ]
        for job in jobs:
            said, _ = job.communicate(timeout=300)
            assert job.returncode == 0, said
        assert documents_of(server) == ONCE
        assert len(server.requests) == 6


def test_another_document_seed_or_model_is_another_document(tmp_path):
    with serving(GOOD) as server:
        sweep = ("-m", *RUN, "stages=[signals,context]", "slice.limit=1", "condition.temperature=1")
        done = contexttune(
            *sweep, "condition.document_seed=0,1", "model.name=m,n", cwd=tmp_path, OPENAI_BASE_URL=server.url
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said = {(r["model"], r["seed"], r["temperature"]) for r in server.requests}
        assert said == {("m", 0, 1), ("m", 1, 1), ("n", 0, 1), ("n", 1, 1)}
        assert len(server.requests) == 4
    assert len(list(tmp_path.glob("artifacts/contexts/*/*/llm_context-*.json"))) == 4


def test_another_writer_has_an_endpoint_a_name_and_a_price_of_its_own(tmp_path):
    with serving(GOOD) as mine, serving(GOOD) as its_own:
        writer = (
            *("model@condition.writer=openai_compatible", "condition.writer.name=w"),
            *(f"condition.writer.base_url={its_own.url}", "condition.writer.api_key_env=null"),
        )
        done = contexttune(*RUN, *writer, cwd=tmp_path, OPENAI_BASE_URL=mine.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (documents_of(mine).total(), documents_of(its_own)) == (0, ONCE)
        assert {request["model"] for request in its_own.requests} == {"w"}
        assert len(mine.requests) == 6
    documents = summary(tmp_path)["conditions"]["llm_context"]["documents"]
    assert (documents["models"], documents["cost_usd"]) == (["w"], None)
    assert "6 documents by w took 108 tokens once (18 tokens" in done.stdout


def test_the_budget_counts_documents_once_and_a_higher_one_goes_on(tmp_path):
    with serving(GOOD) as server:
        first = contexttune(*RUN, "workers=1", "budget.calls=4", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert first.returncode == 5, first.stdout + first.stderr
        assert (documents_of(server).total(), len(server.requests)) == (4, 4)
        assert records(tmp_path) == {}
        second = contexttune(*RUN, "workers=1", "budget.calls=9", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert second.returncode == 5, second.stdout + second.stderr
        assert (documents_of(server).total(), len(server.requests)) == (6, 9)
        other = contexttune(*RUN, "seed=1", "budget.calls=6", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert other.returncode == 0, "the documents were paid by another run: " + other.stdout
        assert len(server.requests) == 15


def test_a_budget_of_usd_needs_the_writers_price_too(tmp_path):
    with serving(GOOD) as server:
        writer = (
            "model@condition.writer=openai_compatible",
            "condition.writer.name=w",
            "condition.writer.api_key_env=null",
        )
        done = contexttune(*RUN, *writer, "budget.cost_usd=1", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert (done.returncode, server.requests) == (2, [])
        assert "budget.cost_usd needs the price of w, which writes documents" in done.stdout + done.stderr


def test_a_dry_run_asks_nobody_and_says_what_it_leaves_out(tmp_path):
    with serving(GOOD) as server:
        done = contexttune(*RUN, "dry_run=true", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "dry run: 6 documents of condition=llm_context" in done.stdout
        assert server.requests == []
        prompts = {
            path.read_text() for path in tmp_path.glob("artifacts/contexts/*/*/documents/*/*/prompt.md")
        }
        assert len(prompts) == 6
        assert contexttune(*RUN, cwd=tmp_path, OPENAI_BASE_URL=server.url).returncode == 0
        n_asked = len(server.requests)
        sent = {r["messages"][0]["content"] for r in server.requests if asked_for(r)}
        assert {prompt.removesuffix("\n") for prompt in prompts} == sent
        done = contexttune(*RUN, "dry_run=true", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert (done.returncode, len(server.requests)) == (0, n_asked)
        assert "are not written, since" not in done.stdout


def test_an_audit_is_of_documents_that_are_there_and_says_how_they_come_to_be(tmp_path):
    audit = ("task=audit", *RUN, "audit.budgets_chars=[30,3200]")
    with serving(GOOD) as server:
        done = contexttune(*audit, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert done.returncode == 3, done.stdout + done.stderr
        assert "has not been written" in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        made = contexttune(*RUN, "stages=[signals,context]", cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert made.returncode == 0, made.stdout + made.stderr
        n_asked = len(server.requests)
        done = contexttune(*audit, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert (done.returncode, len(server.requests)) == (0, n_asked), done.stdout + done.stderr
    (path,) = tmp_path.glob("results/audits/*/audit.csv")
    chars = {line.split(",")[1] for line in path.read_text().splitlines()[1:]}
    assert chars == {"30", "3200"}, "one document, cut"


def test_a_replay_is_given_the_documents_of_the_run_that_it_replays(tmp_path):
    then, now = tmp_path / "then", tmp_path / "now"
    then.mkdir()
    now.mkdir()
    with serving(GOOD) as server:
        assert contexttune(*RUN, cwd=then, OPENAI_BASE_URL=server.url).returncode == 0
    keys = [word for word in RUN if not word.startswith("model.") and not word.startswith("group_id")]
    replay = ("model=replay", f"model.source={then}/artifacts/preds/g", "group_id=h")
    done = contexttune(*keys, *replay, cwd=now, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 0, done.stdout + done.stderr
    same = ("block_sha256", "patch_sha256", "prompt_tokens", "status")
    told = [{n: [r[key] for key in same] for n, r in records(root).items()} for root in (then, now)]
    assert told[0] == told[1]
    assert len(told[0]) == 6


def test_the_demo_has_a_document_for_every_commit(tmp_path):
    demo = ("slice=demo", "model=scripted", "harness=none", "group_id=g")
    done = contexttune("-m", *demo, "condition=llm_context,placebo_shuffled", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    wrapped = contexttune(
        *demo, "condition=placebo_shuffled", "condition@condition.of=llm_context", "seed=1", cwd=tmp_path
    )
    assert wrapped.returncode == 0, wrapped.stdout + wrapped.stderr
    assert "for a document" not in wrapped.stdout, "the document is the one that is there"
    assert len(contexts(tmp_path)) == 6
    assert all(record["status"] == "submitted" for record in records(tmp_path).values())
