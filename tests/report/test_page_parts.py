"""The parts of a page that need no records: steps, axes, characters."""

import json

import pytest

from contexttune.report.page import plots
from contexttune.report.page.escape import visible
from contexttune.report.page.matrix import changes, is_discordant, shares
from contexttune.report.page.steps import branches, partings, shorten, steps_of
from tests.report.page_groups import conversation


def test_a_trajectory_is_read_in_every_form_in_which_a_runner_writes_one():
    called = {"function": {"name": "bash", "arguments": json.dumps({"command": "git diff"})}}
    fenced = "I look.\n\n```mswea_bash_command\nls\n```"
    messages = [
        {"role": "system", "content": "the prompt"},
        {"role": "user", "content": [{"type": "text", "text": "in parts"}]},
        {"role": "assistant", "content": fenced, "extra": {"actions": [{"command": "ls"}]}},
        {"role": "user", "content": "a listing"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [called, {"function": {"arguments": "no JSON"}}],
        },
        {"role": "tool", "content": "one"},
        {"role": "tool", "content": "two"},
        {"role": "assistant", "content": "", "refusal": "I will not."},
    ]
    shown = [(step.said, step.commands, step.observed, step.action) for step in steps_of(messages)]
    assert shown == [
        (fenced, "", "a listing", "ls"),
        ("", "git diff\nno JSON", "one\ntwo", "git diff\nno JSON"),
        ("I will not.", "", "", "I will not."),
    ]


@pytest.mark.parametrize("n_chars", [0, 100, 1_000, 5_000, 50_000])
def test_a_shortened_trajectory_keeps_its_ends_and_near_its_limit(n_chars):
    steps = steps_of(conversation(*(f"sed -n {n}p f" for n in range(40)), output="line\n" * 200))
    kept = shorten(steps, n_chars)
    assert sum(len(text) for step in kept for text in step[1:]) <= n_chars + 40 * len(
        kept
    )  # the words about cuts
    if n_chars >= 1_000:
        assert (kept[0][0], kept[-1][0]) == (1, 40)
    if n_chars == 50_000:
        assert [step[1:] for step in kept] == [["I look.", step.commands, step.observed] for step in steps]


def test_where_any_two_trajectories_part_can_be_told_from_their_order():
    done = [["ls", "cat"], ["ls", "cat", "sed"], ["pwd"], ["ls", "rm"], ["ls", "cat"], []]
    made = branches([steps_of(conversation(*commands)) for commands in done])
    for one in range(len(done)):
        for other in range(len(done)):
            if one == other:
                continue
            low, high = sorted((made["order"].index(one), made["order"].index(other)))
            pairs = zip(done[one], done[other], strict=False)
            expected = next(
                (n for n, (a, b) in enumerate(pairs) if a != b), min(len(done[one]), len(done[other]))
            )
            assert min(made["shared"][low:high]) == expected
            assert expected + 1 in partings(made, one)
    assert partings(made, 0) == {1, 2, 3}


def test_a_step_that_sets_trajectories_apart_is_not_left_out():
    steps = steps_of(conversation(*(f"sed -n {n}p f" for n in range(40)), output="line\n" * 200))
    assert [step[0] for step in shorten(steps, 1_100, {20})] == [1, 2, 3, 20, 39, 40]


def test_what_has_no_glyph_or_reorders_a_line_is_shown_as_its_code_point():
    assert visible("plain\n\ttext") == "plain\n\ttext"
    assert visible("\x1b[31mred\x1b[0m\r\nnext") == "red\nnext"
    assert visible("a\u202eb\0\u2028\udcff") == "a⟨U+202E⟩b⟨U+0000⟩⟨U+2028⟩⟨U+DCFF⟩"
    assert visible("a\u061c\u3164\U000e0041") == "a⟨U+061C⟩⟨U+3164⟩⟨U+E0041⟩"
    assert visible("naïve 漢字 🐍") == "naïve 漢字 🐍"


def test_an_axis_holds_the_whole_group_and_lets_intervals_of_few_instances_go_on_beyond_it():
    axis = plots.difference_axis([(-0.02, 0.09)], [(-0.05, 0.11), (-0.1, 0.1), (-6.8, 5.8)], 0.05)
    assert axis["ends"] == (-0.2, 0.2)
    assert axis["ticks"] == [(3.0, -0.2), (26.5, -0.1), (50.0, 0.0), (73.5, 0.1), (97.0, 0.2)]
    assert axis["band"] == (38.25, 61.75)
    assert plots.placed(0.03, (-0.02, 0.09), axis) == {
        **{"x": 57.05, "low": 45.3, "high": 71.15, "beyond": (False, False)},
    }
    assert plots.placed(-0.5, (-6.8, 5.8), axis) == {
        "x": None,
        "low": 3.0,
        "high": 97.0,
        "beyond": (True, True),
    }
    assert plots.placed(1.0, None, axis) == {"x": None, "low": 97.0, "high": 97.0, "beyond": (False, True)}


def test_an_axis_of_ratios_is_as_long_on_either_side_of_one():
    axis = plots.ratio_axis([1.6, 0.9])
    assert [value for _, value in axis["ticks"]] == pytest.approx([1 / 2, 0.707107, 1, 1.414214, 2])
    assert [round(at) for at, _ in axis["ticks"]] == [3, 26, 50, 74, 97]
    assert plots.placed(3.0, (0.0, 4.0), axis)["beyond"] == (True, True)


def test_arms_differ_by_the_seeds_that_both_measured():
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
