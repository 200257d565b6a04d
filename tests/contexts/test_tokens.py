import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contexttune.contexts import tokens
from contexttune.contexts.budget import check_unit, cut_to, measure
from contexttune.contexts.file_context import FileContext
from contexttune.errors import ConfigError

LINES = st.lists(st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp"]), max_size=40), max_size=30)


def test_tokens_are_those_of_o200k_base_and_the_environment_is_left_alone(monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/mine")
    tokens._encoding.cache_clear()
    assert tokens.count("hello world") == 2
    assert tokens.count("<|endoftext|>") > 1
    assert tokens.count("\udcff") > 0
    assert max(map(len, tokens._encoding().token_byte_values())) == tokens.MOST_CHARS
    assert os.environ["TIKTOKEN_CACHE_DIR"] == "/mine"


@given(lines=LINES, limit=st.integers(0, 60), unit=st.sampled_from(["chars", "tokens"]))
@settings(deadline=None)
def test_a_cut_is_whole_lines_from_the_start_within_the_limit(lines, limit, unit):
    text = "\n".join(lines)
    shown = cut_to(text, limit, unit)
    assert measure(shown, unit) <= limit
    assert text.startswith(shown)
    rest = f"{text}\n"[len(shown) :]
    blanks = rest[: len(rest) - len(rest.lstrip())]
    assert shown == "" or "\n" in blanks  # nothing but blanks was lost of its last line
    if measure(text, unit) <= limit:
        assert shown == text


def test_a_cut_in_tokens_leaves_no_line_out_that_fits():
    lines = [f"- `lib/module_{n}.py`" for n in range(500)]
    shown = cut_to("\n".join(lines), 100, "tokens")
    n_lines = shown.count("\n") + 1
    assert measure("\n".join(lines[: n_lines + 1]), "tokens") > 100 >= measure(shown, "tokens")


def test_what_cannot_fit_is_not_counted():
    assert cut_to("x" * 50_000_000, 10, "tokens") == ""
    assert cut_to("one\n" + "x" * 50_000_000, 10, "tokens") == "one"


def test_without_the_vocabulary_tokens_are_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(tokens, "vocabulary", lambda: None)
    check_unit("chars")
    with pytest.raises(ConfigError, match=r"condition\.budget_unit=tokens.*use condition\.budget_unit=chars"):
        check_unit("tokens")


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"condition\.budget must be at least 1"):
        FileContext(path="a.md", budget=0)
