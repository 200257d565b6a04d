from contexttune.report.page import plots
from contexttune.report.page.matrix import changes, is_discordant, shares


def test_changes_are_over_the_seeds_measured_in_both_arms():
    outcomes = {"c": ("missing", "resolved", "unresolved"), "t": ("resolved", "unresolved", "infra_error")}
    rows = [
        {"condition": name, "seed": seed, "outcome": outcome, "prompt_tokens": 9 + seed}
        for name, own in outcomes.items()
        for seed, outcome in enumerate(own)
    ]
    assert shares(rows, ["c", "t"]) == [0.5, 0.5]
    assert (changes(rows, ["c", "t"]), is_discordant(rows, ["c", "t"])) == ([0.0, -1.0], True)
    kept = [row for row in rows if row["seed"] != 1]
    assert shares(kept, ["c", "t"]) == [0.0, 1.0]
    assert (changes(kept, ["c", "t"]), is_discordant(kept, ["c", "t"])) == ([0.0, None], False)
    drawn = plots.scatter({"a": rows, "b": kept}, "c", "t")
    assert [point["kind"] for point in drawn["points"]] == ["lost", "same"]
    assert [is_discordant(rows[:n], ["c"]) for n in (2, 3)] == [False, True]
