"""Documents under kills, crowds, budgets and damage; the model is behind HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from contexttune.config.schema import BudgetConfig
from contexttune.contexts.documents import Documents
from contexttune.errors import ConfigError, InfraError, NotWritten, OverBudget, PreflightError
from contexttune.models import journal
from contexttune.models.journal import CALLS
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.prices import Price
from contexttune.models.shared import SharedModel
from contexttune.models.spending import Budget
from contexttune.types import Document, Message
from tests.contexts.stubs import at
from tests.gitrepos import layout
from tests.models.fault_server import FaultServer, error, ok, raw, serving

ASKED = [Message(role="user", content="write")]
PRICES = {"m": {"prompt": 1.0, "completion": 1.0}}


@pytest.fixture
def server(monkeypatch) -> Iterator[FaultServer]:
    with serving(*(ok(f"text {n}") for n in range(1, 30))) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def documents(
    root: Path, label: str = "g/r", limits: BudgetConfig | None = None, name: str = "m"
) -> Documents:
    model = OpenAICompatible(name=name, seed=0, api_key_env=None, attempts=1)
    budget = Budget(limits or BudgetConfig(), Price(prompt=1, completion=1))
    return Documents(
        layout=layout(root), label=label, prices=PRICES, budget=lambda: budget, main=SharedModel(model)
    )


def asked(store: Documents, sha: str = "a" * 40, **parameters: object) -> Document:
    """With leave to ask."""
    with ExitStack() as until, store.opened(until):
        return read(store, sha, **parameters)


def read(store: Documents, sha: str = "a" * 40, **parameters: object) -> Document:
    return store.written(store.main.model, at("o/r", sha), ASKED, {"seed": 0, **parameters})


def homes(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("artifacts/contexts/*/*/documents/*/*/document.json"))


def test_one_that_is_there_is_read_without_leave_and_another_is_not_asked_for(tmp_path, server):
    first = asked(documents(tmp_path))
    assert read(documents(tmp_path, "g/other")) == first
    assert (first.paid_by, first.text, first.cost_usd) == ("g/r", "text 1", pytest.approx(18e-6))
    for other in ({"sha": "b" * 40}, {"seed": 1}, {"temperature": 0.5}):
        with pytest.raises(NotWritten, match=r"of o/r@\w{10} by model.name=m has not been written"):
            read(documents(tmp_path), **other)
    with pytest.raises(NotWritten):
        read(documents(tmp_path, name="n"))
    assert len(server.requests) == 1
    assert len(homes(tmp_path)) == 1


def test_a_crowd_waits_as_long_as_it_takes_for_the_one_request_that_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_LOCK_TIMEOUT_S", 0.1)  # an attempt's own journal is not waited for as long

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        ok("slow")(handler)

    with serving(slowly) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        stores = [documents(tmp_path, f"g/{n}") for n in range(3)]
        with ThreadPoolExecutor(12) as pool:
            found = list(pool.map(asked, stores))
        one = documents(tmp_path / "other")
        with ExitStack() as until, one.opened(until), ThreadPoolExecutor(8) as pool:
            found += pool.map(lambda _: read(one), range(8))
        assert len(server.requests) == 2
    assert {document.text for document in found} == {"slow"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"document_id": "x"}'])
def test_a_damaged_document_is_made_again_of_its_paid_answer(tmp_path, server, content):
    first = asked(documents(tmp_path))
    (home,) = homes(tmp_path)
    (home / "document.json").write_bytes(content)
    assert asked(documents(tmp_path)) == first
    assert len(server.requests) == 1


def test_the_run_that_asked_pays_and_remembers_it(tmp_path, server):
    limits = BudgetConfig(calls=2)
    store = documents(tmp_path, limits=limits)
    with ExitStack() as until, store.opened(until):
        for sha in ("a" * 40, "b" * 40):
            read(store, sha)
        with pytest.raises(OverBudget, match=r"budget\.calls=2 is used up \(2\)"):
            read(store, "c" * 40)
    other = documents(tmp_path, "g/other", limits)
    with ExitStack() as until, other.opened(until):
        for sha in ("a" * 40, "b" * 40, "c" * 40, "d" * 40):
            read(other, sha)
    again = documents(tmp_path, limits=limits)
    for sha in ("a" * 40, "b" * 40, "c" * 40):
        again.use(read(again, sha))
    assert again.budget().exceeded() == "budget.calls=2 is used up (2)"
    assert len(server.requests) == 4


def test_a_limit_in_usd_is_held_and_needs_a_price(tmp_path, server):
    with pytest.raises(ConfigError, match=r"budget\.cost_usd needs the price of n, which writes documents"):
        asked(documents(tmp_path, limits=BudgetConfig(cost_usd=1), name="n"))
    store = documents(tmp_path, limits=BudgetConfig(cost_usd=30e-6))
    with ExitStack() as until, store.opened(until):
        read(store)
        read(store, "b" * 40)
        with pytest.raises(OverBudget, match=r"budget\.cost_usd=3e-05 is used up"):
            read(store, "c" * 40)
    assert len(server.requests) == 2


def test_three_equal_outages_in_a_row_are_enough(tmp_path, monkeypatch):
    down = [error(503, "busy")] * 2
    with serving(*down, ok("up"), *down, error(503, "busy"), ok("never asked")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        store = documents(tmp_path)
        with ExitStack() as until, store.opened(until):
            said = []
            for number in range(8):
                try:
                    said.append(read(store, f"{number}" * 40).text)
                except InfraError as outage:
                    said.append("busy" if "busy" in str(outage) else str(outage))
            assert read(store, "2" * 40).text == "up", "what is there is there"
    assert said == ["busy", "busy", "up", *["busy"] * 5]
    assert len(server.requests) == 6


def test_a_model_that_cannot_be_asked_ends_the_run_before_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = OpenAICompatible(name="m", seed=0, attempts=1)
    store = documents(tmp_path)
    with ExitStack() as until, store.opened(until), pytest.raises(PreflightError, match="OPENAI_API_KEY"):
        store.written(model, at("o/r"), ASKED, {"seed": 0})


def test_a_server_may_put_anything_beside_the_text(tmp_path, monkeypatch):
    message = {"role": "assistant", "content": "a \ud800 b", "refusal": {"why": "\ud800" * 9000}}
    choice = {"index": 0, "finish_reason": "\udfff", "message": message}
    body = {
        "id": 1,
        "object": None,
        "model": ["\ud800"],
        "choices": [choice],
        "usage": {"prompt_tokens": "x"},
    }
    with serving(raw(200, json.dumps(body))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        document = asked(documents(tmp_path))
    assert document == asked(documents(tmp_path))
    assert (document.text, document.finish_reason) == ("a ? b", "?")
    assert (document.prompt_tokens, document.cost_usd, document.n_calls) == (None, None, 1)
    assert len(document.refusal or "") <= 1000


def test_paid_answers_lie_beside_those_of_the_attempts_too(tmp_path, server):
    store = documents(tmp_path)
    asked(store)
    store.keep_calls(tmp_path / "run")
    (home,) = homes(tmp_path)
    assert (tmp_path / "run" / home.name / CALLS).read_bytes() == (home / CALLS).read_bytes()


def test_the_place_of_an_endpoint_is_no_part_of_a_document_and_no_file_holds_a_password(tmp_path, server):
    secret = f"http://me:hunter22@127.0.0.1:{server.port}/v1"
    for url in (secret, secret.replace("hunter22", "hunter33")):
        model = OpenAICompatible(name="m", seed=0, base_url=url, api_key_env=None, attempts=1)
        store = documents(tmp_path)
        with ExitStack() as until, store.opened(until):
            store.written(model, at("o/r"), ASKED, {"seed": 0})
    assert len(server.requests) == 1
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"hunter" in p.read_bytes()]
