"""Splits prose and code into words: an identifier is itself and the words in it."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MIN_CHARS = 2

# common in English, issue templates or Python, and no clue to a file
_COMMON = (
    "a about after all also an and any are as at be because been before but by can cannot could did do does doing "
    "don each else even expected few find following for from get give go got had has have how i if in instead into is "
    "it its just like ll make may me might more most my need no not now of on one only or other our out over "
    "please re same see seem should since so some still such than that the their them then there these they thing "
    "this those though to too try trying up us use used using ve very want was way we well were what when where "
    "which while who why will with without work would you your "
    "actual behavior behaviour bug describe description environment example issue problem report reproduce result "
    "screenshot steps version additional context information "
    "assert async await break class continue def del elif except finally global import lambda none pass print raise "
    "return self true false try yield py python"
)
STOPWORDS = frozenset(_COMMON.split())


@lru_cache(maxsize=1 << 16)
def terms(identifier: str) -> tuple[str, ...]:
    """`HTTPServer_name` -> (`httpserver_name`, `http`, `server`, `name`), without stop words and single letters."""
    words = [_singular(word.lower()) for word in _WORD.findall(identifier)]
    whole = identifier.lower()
    found = dict.fromkeys(words if len(words) == 1 else [whole, *words])
    return tuple(word for word in found if len(word) >= _MIN_CHARS and word not in STOPWORDS)


def identifiers(text: str) -> Counter[str]:
    """Number of occurrences of each identifier in `text`."""
    return Counter(IDENTIFIER.findall(text))


def _singular(word: str) -> str:
    return (
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
    )
