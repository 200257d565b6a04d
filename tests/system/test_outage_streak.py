import pytest

from contexttune.system.outage_streak import OutageStreak


@pytest.mark.parametrize(
    ("messages", "repeated"),
    [("", None), ("aa", None), ("aaa", "a"), ("baaa", "a"), ("aab", None), ("aaab", None), ("aa.a", None)],
)
def test_only_three_equal_outages_in_a_row_are_a_reason_to_give_up(messages, repeated):
    streak = OutageStreak()
    for message in messages:
        streak.end() if message == "." else streak.add(message)
    assert streak.repeated == repeated
