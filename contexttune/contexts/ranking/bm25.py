"""Okapi BM25 over the words of a query, with weights for words and for parts of a document.

Written here because bm25s indexes whole vocabularies for many queries, and each index here serves one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from math import log
from typing import Generic, TypeVar

from contexttune.contexts.ranking.tokenize import terms

K = TypeVar("K", bound=Hashable)


@dataclass(kw_only=True)
class Index(Generic[K]):
    """Documents as counts of the query's words, with lengths in identifiers.

    Parts of a document are weighted before counts saturate: Robertson & Zaragoza, The Probabilistic Relevance
    Framework (2009), 3.4 and 3.6.2.
    """

    query: Mapping[str, float]
    saturation: float = 1.2  # k1
    normalisation: float = 0.75  # b
    _counts: dict[K, dict[str, float]] = field(default_factory=dict)
    _lengths: dict[K, float] = field(default_factory=dict)
    _query_words: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by identifier

    def add(self, key: K, identifiers: Mapping[str, int], weight: float = 1.0) -> None:
        """Add a part of a document. Only parts of weight 1 add to its length."""
        counts, known = self._counts.setdefault(key, {}), self._query_words
        for identifier, count in identifiers.items():
            words = known.get(identifier)
            if words is None:
                words = known[identifier] = tuple([w for w in terms(identifier) if w in self.query])
            for word in words:
                counts[word] = counts.get(word, 0.0) + weight * count
        self._lengths[key] = self._lengths.get(key, 0.0) + (sum(identifiers.values()) if weight == 1 else 0)

    def scores(self) -> dict[K, float]:
        """Document -> score, at least 0."""
        n_documents = len(self._counts)
        mean = max(sum(self._lengths.values()) / max(n_documents, 1), 1.0)
        found = Counter(word for counts in self._counts.values() for word in counts)
        idf = {word: log(1 + (n_documents - n + 0.5) / (n + 0.5)) for word, n in found.items()}
        return {
            key: self._score(counts, self._lengths[key] / mean, idf) for key, counts in self._counts.items()
        }

    def _score(self, counts: Mapping[str, float], length: float, idf: Mapping[str, float]) -> float:
        k = self.saturation * (1 - self.normalisation + self.normalisation * length)
        return sum(
            self.query[word] * idf[word] * count * (self.saturation + 1) / (count + k)
            for word, count in sorted(counts.items())  # sums of floats depend on their order
        )


def scaled(scores: Mapping[K, float], keys: Iterable[K]) -> dict[K, float]:
    """Scores of `keys`, divided by the highest of all scores."""
    top = max(scores.values(), default=0.0) or 1.0
    return {key: scores.get(key, 0.0) / top for key in keys}
