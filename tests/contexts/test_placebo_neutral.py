import keyword
import re

import pytest

from contexttune.contexts.budget import measure
from contexttune.contexts.placebo_neutral import PlaceboNeutral, prose
from tests.contexts.stubs import Said, at, instance

LONGEST = 90  # characters of a sentence, more than any has


@pytest.mark.parametrize("n_chars", [0, 1, 90, 800, 3200, 16000])
@pytest.mark.parametrize("unit", ["chars", "tokens"])
def test_it_is_as_long_as_the_wrapped_context_within_a_line(n_chars, unit):
    right = "- `lib/core.py`: run\n" * (n_chars // 21) + "x" * (n_chars % 21)
    text = PlaceboNeutral(of=Said(texts={"a/b": right}), budget_unit=unit).build(at(), None).text
    limit = measure(right, unit)
    assert limit - (LONGEST if unit == "chars" else LONGEST // 4) < measure(text, unit) <= limit


def test_sentences_are_whole_and_hold_no_word_of_code():
    lines = prose("0" * 40, 2000).split("\n")
    assert max(map(len, lines)) < LONGEST
    assert all(re.fullmatch(r"[A-Z][A-Za-z ]+\.", line) for line in lines)
    words = set(" ".join(lines).lower().replace(".", "").split())
    about_code = {
        "class",
        "test",
        "file",
        "module",
        "function",
        "path",
        "branch",
        "tree",
        "key",
        "table",
        "window",
        "port",
    }
    assert words & about_code == set()
    assert words & set(keyword.kwlist) <= {
        "for",
        "as",
        "in",
        "is",
        "from",
        "while",
        "with",
        "or",
        "not",
        "and",
    }


def test_the_commit_alone_decides_and_a_longer_text_begins_like_a_shorter_one():
    of = Said(texts={"a/b": "x" * 900}, per_instance=True)
    placebo = PlaceboNeutral(of=of)
    assert placebo.build(at(), instance(1)).text == placebo.build(at(), instance(2)).text
    assert placebo.build(at(), instance(1)).text != placebo.build(at(sha="1" * 40), instance(1)).text
    assert prose("k", 9).startswith(prose("k", 4))
