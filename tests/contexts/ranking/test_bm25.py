from collections import Counter

import pytest

from contexttune.contexts.ranking.bm25 import Index, scaled
from contexttune.contexts.ranking.tokenize import identifiers, terms


def index(query, documents):
    made = Index(query=query)
    for key, text in documents.items():
        made.add(key, identifiers(text))
    return made.scores()


def test_an_identifier_counts_as_itself_and_as_its_words():
    assert terms("HTTPServer_names") == ("httpserver_names", "http", "server", "name")
    assert terms("self") == terms("x") == ()
    assert identifiers("a_b = a_b(c)") == Counter({"a_b": 2, "c": 1})


def test_a_rare_word_weighs_more_than_a_common_one():
    scores = index({"rare": 1.0, "common": 1.0}, {"a": "rare", "b": "common", "c": "common", "d": "none"})
    assert scores["a"] > scores["b"] == scores["c"] > scores["d"] == 0


def test_the_score_is_that_of_the_formula():
    scores = index({"word": 2.0}, {"a": "word word other", "b": "other"})
    idf, k = 0.6931471805599453, 1.2 * (0.25 + 0.75 * 3 / 2)  # ln(1 + (2 - 1 + .5) / (1 + .5)); mean length 2
    assert scores["a"] == pytest.approx(2.0 * idf * 2 * 2.2 / (2 + k))


def test_a_long_document_does_not_win_by_its_length():
    scores = index({"word": 1.0}, {"short": "word", "long": "word " + "other " * 99})
    assert scores["short"] > scores["long"]


def test_a_weighty_part_adds_to_counts_and_not_to_the_length():
    made = Index(query={"word": 1.0})
    for key in ("plain", "named"):
        made.add(key, identifiers("word other"))
    made.add("named", identifiers("word"), 5.0)
    scores = made.scores()
    assert scores["named"] > scores["plain"]


def test_no_documents_and_no_words_give_no_scores():
    assert index({"word": 1.0}, {}) == {}
    assert index({}, {"a": "word"}) == {"a": 0}
    assert scaled({"a": 0.0}, ["a", "b"]) == {"a": 0.0, "b": 0.0}
