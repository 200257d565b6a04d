"""The file of calls: what is written, and what a kill, a full disk or another process does to it."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from contexttune.errors import ArtifactError, InfraError
from contexttune.models import journal
from contexttune.models.journal import CALLS, paid, read_calls
from tests.models.fault_server import error, ok, serving
from tests.models.test_journaled import numbered, said

KEY = "secret-1"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", KEY)


def test_a_line_says_what_was_answered_and_holds_no_request_no_key_and_no_url(tmp_path):
    with serving(error(429, Retry_After="0"), ok("hello")) as server:
        assert said(server, tmp_path, "a long question " * 1000, attempts=2) == ["hello"]
    text = (tmp_path / CALLS).read_text()
    (line,) = read_calls(tmp_path / CALLS)
    assert {key: line[key] for key in ("schema_version", "number", "n_requests", "refused")} == {
        **{"schema_version": 1, "number": 1, "n_requests": 2, "refused": None}
    }
    assert line["sampling"] == {"model": "m", "temperature": 0.0, "max_tokens": 4096, "seed": 3}
    assert line["response"]["choices"][0]["message"]["content"] == "hello"
    assert line["response"]["usage"]["prompt_tokens_details"] == {"cached_tokens": 5}
    assert line["answered_at"].endswith("+00:00")
    assert 0 <= line["took_s"] < 60
    assert len(text) < 2000
    assert not any(word in text for word in ("long question", KEY, "127.0.0.1", str(server.port)))


def test_a_line_that_was_torn_anywhere_is_asked_for_again_and_leaves_a_whole_file(tmp_path):
    with serving(*[ok("x")] * 500) as server:
        said(server, tmp_path, "a", "b")
        whole = (tmp_path / CALLS).read_bytes()
        begins = whole.index(b"\n") + 1
        for end in range(begins, len(whole) + 1, 7):
            (tmp_path / CALLS).write_bytes(whole[:end])
            before = len(server.requests)
            said(server, tmp_path, "a", "b", "c")
            lost = end < len(whole) - 1
            assert len(server.requests) - before == (2 if lost else 1)
            assert [line["number"] for line in read_calls(tmp_path / CALLS)] == [1, 2, 3]
        (tmp_path / CALLS).write_bytes(whole[:-1])  # all but its end
        before = len(server.requests)
        said(server, tmp_path, "a", "b", "c")
        assert len(server.requests) - before == 1
        (tmp_path / CALLS).write_bytes(whole + bytes(300))  # as a power cut leaves it
        said(server, tmp_path, "a", "b", "c")
    assert [line["number"] for line in read_calls(tmp_path / CALLS)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("line", "words"),
    [(b"{broken\n", "is damaged"), (b'{"schema_version": 2}\n', "another version"), (b"[]\n", "another")],
)
def test_a_file_that_is_no_journal_is_refused_with_the_remedy(tmp_path, line, words):
    with serving(*numbered()) as server:
        said(server, tmp_path, "a")
        (tmp_path / CALLS).write_bytes(line + (tmp_path / CALLS).read_bytes())
        with pytest.raises(ArtifactError, match=f"{words}.*move it away"):
            said(server, tmp_path, "a")
    assert len(server.requests) == 1


def test_a_disk_that_is_nearly_full_asks_for_nothing_and_gives_what_it_has(tmp_path, monkeypatch):
    with serving(*numbered()) as server:
        said(server, tmp_path, "a")
        monkeypatch.setattr(journal, "_MIN_FREE_BYTES", 1 << 62)
        with pytest.raises(InfraError, match=r"free some space, or move paths\.artifacts"):
            said(server, tmp_path, "a", "b")
        assert len(server.requests) == 1
        assert said(server, tmp_path, "a") == ["answer 1"]


def test_what_does_not_fit_on_the_disk_is_an_outage_and_the_file_stays_whole(tmp_path):
    with serving(*numbered()) as server:
        said(server, tmp_path, "a")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        room = (tmp_path / CALLS).stat().st_size + 100
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
            with pytest.raises(InfraError, match="could not be recorded"):
                said(server, tmp_path, "a", "b")
            with pytest.raises(InfraError, match="could not be recorded"):
                said(server, tmp_path, "a", "b")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert said(server, tmp_path, "a", "b") == ["answer 1", "answer 4"]
    assert [line["number"] for line in read_calls(tmp_path / CALLS)] == [1, 2]


HOLDER = """
import sys, time
from pathlib import Path
from contexttune.models.journal import Journal
held = Journal(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_two_processes_never_write_one_journal_and_a_dead_one_holds_nothing(tmp_path, monkeypatch):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / CALLS)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        monkeypatch.setattr(journal, "_LOCK_TIMEOUT_S", 0.3)
        with serving(*numbered()) as server:
            with pytest.raises(InfraError, match="another process is using"):
                said(server, tmp_path, "a")
            assert server.requests == []
            monkeypatch.setattr(journal, "_LOCK_TIMEOUT_S", 60)
            holder.kill()
            assert said(server, tmp_path, "a") == ["answer 1"]
    finally:
        holder.kill()
        holder.communicate()


def test_a_journal_that_does_not_exist_says_nothing_was_recorded(tmp_path):
    assert paid(tmp_path / CALLS) is None
