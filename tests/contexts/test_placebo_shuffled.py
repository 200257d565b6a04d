from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contexttune.contexts.no_context import NoContext
from contexttune.contexts.oracle_files import OracleFiles
from contexttune.contexts.placebo_shuffled import PlaceboShuffled, shuffled
from contexttune.errors import ConfigError
from contexttune.injection import block
from tests.contexts.stubs import Said, at, instance

TEXT = "## One\n- a\n- b\n- c\n\n## Two\n- d\n- e\n- f"
LINES = st.lists(
    st.sampled_from(["", "## Head", "- a", "- b", "    deep", "ends in a blank ", " ", "\u2028"]), max_size=40
)


def built(text=TEXT, sha="0" * 40, **settings):
    return PlaceboShuffled(of=Said(texts={"a/b": text}), **settings).build(at(sha=sha), None).text


@given(lines=LINES, key=st.text(max_size=5))
def test_the_block_has_the_same_lines_and_its_headings_in_their_places(lines, key):
    text = "\n".join(lines)
    right, wrong = block(text), block(shuffled(text.rstrip(), key))
    assert Counter(wrong.split("\n")) == Counter(right.split("\n"))
    fixed = [(n, line) for n, line in enumerate(right.split("\n")) if line.startswith("#") or not line]
    assert [(n, wrong.split("\n")[n]) for n, _ in fixed] == fixed


def test_lines_move_across_the_headings():
    head, tail = built().split("\n\n")
    assert set(head.split("\n")) != {"## One", "- a", "- b", "- c"}
    assert (head.split("\n")[0], tail.split("\n")[0]) == ("## One", "## Two")


def test_even_two_lines_change_places():
    assert {built("- a\n- b", sha=f"{n:040}") for n in range(20)} == {"- b\n- a"}


def test_equal_lines_and_no_text_stay_as_they_are():
    assert built("- a\n- a") == "- a\n- a"
    assert built("") == ""


def test_seed_and_commit_and_nothing_else_decide_the_order():
    assert built() == built()
    orders = [built(), built(shuffle_seed=1), built(sha="1" * 40)]
    assert len(set(orders)) == 3


def test_it_is_made_for_whatever_the_wrapped_one_is_made_for():
    placebo = PlaceboShuffled(of=Said(texts={"a/b": TEXT}, per_instance=True))
    assert placebo.per_instance
    assert placebo.build(at(), instance(1)).text != placebo.build(at(), instance(2)).text
    assert placebo.inputs(instance(1)) == "inputs of a__b-1"


@pytest.mark.parametrize("of", [NoContext(), OracleFiles(allow_oracle=True)])
def test_what_sends_no_block_or_knows_the_answer_has_no_placebo(of):
    with pytest.raises(ConfigError, match=rf"condition\.of={of.name}"):
        PlaceboShuffled(of=of)
