"""The rate limit, with a clock that does not wait, and with the real one between processes."""

import subprocess
import sys
import time

import pytest

from contexttune.models import rate_limit
from contexttune.models.rate_limit import RateLimit


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.waits = 0

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def waiting(self):
        self.waits += 1


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(rate_limit, "time", made)
    return made


def test_requests_of_any_minute_stay_within_the_limit(tmp_path, clock):
    limit = RateLimit(path=tmp_path / "r.json", requests_per_minute=3)
    sent = []
    for _ in range(10):
        limit.acquire(1, clock.waiting)
        sent.append(clock.now)
    assert all(sum(t <= other < t + 60 for other in sent) <= 3 for t in sent)
    assert sent[-1] < 1000 + 3 * 60 + 10, "nor is it slower than it must be"
    assert clock.waits == 3


def test_tokens_are_estimated_before_and_corrected_after(tmp_path, clock):
    limit = RateLimit(path=tmp_path / "r.json", tokens_per_minute=100)
    ticket = limit.acquire(10, clock.waiting)
    limit.correct(ticket, 95)
    limit.acquire(10, clock.waiting)
    assert clock.now >= 1060
    before = clock.now
    failed = limit.acquire(90, clock.waiting)
    limit.correct(failed, 0)
    limit.acquire(80, clock.waiting)
    assert clock.now == before, "a failed request gives its tokens back"


def test_a_request_larger_than_the_limit_goes_alone(tmp_path, clock):
    limit = RateLimit(path=tmp_path / "r.json", tokens_per_minute=100)
    limit.acquire(500, clock.waiting)
    assert clock.now == 1000
    limit.acquire(1, clock.waiting)
    assert clock.now >= 1060


def test_a_damaged_window_is_an_empty_one(tmp_path, clock):
    (tmp_path / "r.json").write_text('[["x"')
    RateLimit(path=tmp_path / "r.json", requests_per_minute=1).acquire(1, clock.waiting)
    assert clock.waits == 0


_ASK = """
import sys
from pathlib import Path
from contexttune.models.rate_limit import RateLimit
limit = RateLimit(path=Path(sys.argv[1]), requests_per_minute=40)
for _ in range(20):
    limit.acquire(1, lambda: None)
    print("sent", flush=True)
"""


def test_processes_share_the_minute(tmp_path):
    command = [sys.executable, "-c", _ASK, str(tmp_path / "r.json")]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    ends = time.monotonic() + 30
    limit = RateLimit(path=tmp_path / "r.json", requests_per_minute=40)
    while limit._wait_s(limit._recent(), 1, time.time()) <= 0 and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(1.5)  # for those that wait to do what they must not
    for process in asking:
        process.kill()
    sent = sum(process.communicate()[0].count("sent") for process in asking)
    assert sent == 40
