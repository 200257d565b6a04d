import threading
import time

import pytest

from contexttune.system.thread_pool import map_in_threads


def test_results_come_in_the_order_of_the_items():
    def work(n: int) -> int:
        time.sleep(0.02 * (3 - n))
        return n * n

    assert map_in_threads(work, range(3), 3, "test") == [0, 1, 4]


def test_after_an_error_the_queue_is_dropped_and_nothing_is_waited_for():
    release, begun = threading.Event(), []

    def work(n: int) -> None:
        begun.append(n)
        if n == 0:
            raise ValueError("broken")
        release.wait(10)

    began = time.monotonic()
    with pytest.raises(ValueError, match="broken"):
        map_in_threads(work, range(50), 2, "test")
    assert time.monotonic() - began < 5
    release.set()
    assert len(begun) < 10
