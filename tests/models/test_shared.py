"""A model with several users at a time, or one after the other."""

import pytest

from contexttune.errors import PreflightError
from contexttune.models.shared import SharedModel


class Counting:
    """Counts what is done to it; no real model says how often it was entered."""

    def __init__(self, *failures: Exception) -> None:
        self.did: list[str] = []
        self.failures = list(failures)

    def preflight(self):
        self.did.append("preflight")
        if self.failures:
            raise self.failures.pop()

    def __enter__(self):
        self.did.append("enter")
        if self.failures:
            raise self.failures.pop()
        return self

    def __exit__(self, *exc):
        self.did.append("exit")


def test_users_that_overlap_share_it_and_the_last_one_leaves_it():
    model = Counting()
    held = SharedModel(model)
    with held:
        with held:
            assert model.did == ["enter"]
        assert model.did == ["enter"]
    assert model.did == ["enter", "exit"]
    with held:
        assert model.did == ["enter", "exit", "enter"]


def test_it_is_asked_whether_it_works_until_it_has_said_so_once():
    model = Counting(PreflightError("down"))
    held = SharedModel(model)
    with pytest.raises(PreflightError):
        held.preflight()
    held.preflight()
    held.preflight()
    assert model.did == ["preflight", "preflight"]


def test_one_that_could_not_be_entered_is_entered_by_the_next_user():
    model = Counting(PreflightError("no weights"))
    held = SharedModel(model)
    with pytest.raises(PreflightError), held:
        pass
    with held:
        pass
    assert model.did == ["enter", "enter", "exit"]
