import json

import pytest

from contexttune.report.page.steps import branches, partings, shorten, steps_of
from tests.report.page_groups import conversation


def test_trajectories_of_all_runners_are_split_into_steps():
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


def test_the_sorted_order_tells_where_any_two_trajectories_diverge():
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


def test_a_step_at_which_trajectories_diverge_is_kept():
    steps = steps_of(conversation(*(f"sed -n {n}p f" for n in range(40)), output="line\n" * 200))
    assert [step[0] for step in shorten(steps, 1_100, {20})] == [1, 2, 3, 20, 39, 40]
