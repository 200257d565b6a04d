"""Differences between conditions whose values are known."""

import pytest

from contexttune.tasks.audit.columns import difference_cells
from contexttune.tasks.audit.paired import differences
from tests.tasks.audit.measurements import measured


def rows(pairs, metric="file"):
    """The difference "b" less "a" of instances with these values, by part."""
    found = []
    for n, (one, other) in enumerate(pairs):
        found += [measured("a", f"i{n}", **{metric: one}), measured("b", f"i{n}", **{metric: other})]
    return {row["part"]: row for row in differences(found, "a")}


def test_a_difference_is_the_mean_over_pairs_with_an_interval_around_it():
    row = rows([(0.0, 1.0), (0.5, 1.0), (0.0, 0.0), (1.0, 1.0)] * 2)["all"]
    assert (row["condition"], row["reference"], row["budget_chars"]) == ("b", "a", 100)
    assert (row["file"]["n"], row["file"]["mean"]) == (8, 0.375)
    low, high = row["file"]["ci95"]
    assert 0.0 <= low < 0.375 < high <= 1.0
    assert row["symbol"]["mean"] == 0.0


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        ([(0.0, 1.0)] * 9 + [(1.0, 1.0)], "better"),
        ([(1.0, 0.0)] * 9 + [(1.0, 1.0)], "worse"),
        ([(0.0, 1.0), (1.0, 0.0)] * 5, ""),
        ([(0.0, 1.0)] * 2 + [(0.0, 0.0)] * 8, ""),  # the lower end is 0, and not above it
        ([(0.0, 1.0)], ""),
        ([(0.0, 0.1), (0.0, 0.2)], ""),  # as likely as two heads or two tails
        ([(0.0, n / 10) for n in range(1, 6)], ""),
        ([(0.0, n / 10) for n in range(1, 7)], "better"),
        ([(0.0, 1.0)] * 3 + [(0.0, 0.0)] * 5, ""),  # p of three signs that agree is a quarter
    ],
)
def test_better_means_that_the_lower_end_is_above_0(pairs, verdict):
    row = rows(pairs)["all"]
    assert row["file"]["verdict"] == verdict
    assert difference_cells(row)[2].endswith("*") == bool(verdict)


def test_pairs_are_made_by_instance_whatever_their_order():
    values = {"x": (0.1, 0.9), "y": (0.4, 0.2), "z": (0.3, 0.3)}
    found = [measured("a", name, file=one) for name, (one, _) in values.items()]
    found += [measured("b", name, file=other) for name, (_, other) in reversed(values.items())]
    (row,) = [row for row in differences(found, "a") if row["part"] == "all"]
    assert (row["file"]["n"], row["file"]["mean"]) == (3, pytest.approx(0.2))


def test_what_one_of_the_two_has_nothing_to_find_in_is_no_pair():
    row = rows([(None, None), (0.0, 1.0)])["all"]
    assert (row["file"]["n"], row["file"]["ci95"]) == (1, None)
    assert rows([(None, None)])["all"]["file"] is None
    assert difference_cells(rows([(None, None)])["all"])[2] == "-"


def test_every_part_and_budget_has_a_row_of_its_own():
    found = [
        measured(
            condition,
            name,
            budget_chars=budget,
            repo=repo,
            reciprocal_rank=budget / 1000 if condition == "b" else 0.0,
        )
        for condition in "ab"
        for name, repo in (("1named", "o/r"), ("2", "o/s"))
        for budget in (100, 200)
    ]
    told = {
        (row["part"], row["budget_chars"]): row["reciprocal_rank"]["mean"] for row in differences(found, "a")
    }
    assert told["all", 100] == 0.1
    assert told["o/s", 200] == 0.2
    assert {part for part, _ in told} == {
        "all",
        "o/r",
        "o/s",
        "issue names a gold file",
        "issue names no gold file",
        "one gold file",
    }
