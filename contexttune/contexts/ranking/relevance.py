"""Ranks files and definitions for an issue, by paths, names, source text and activity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from contexttune.contexts.ranking.bm25 import Index, scaled
from contexttune.contexts.ranking.issue import Issue
from contexttune.contexts.ranking.locations import named_files
from contexttune.contexts.ranking.outline import Definition, RankedFile, definitions, symbols_of
from contexttune.contexts.ranking.tokenize import identifiers
from contexttune.interfaces import RepoAtCommit

_MIN_SHOWN = 0.005  # smaller terms would be shown as 0.00
_MAX_BYTES = 2_000_000  # the text of larger files is not read
_MAX_TOTAL_BYTES = 100_000_000  # beyond it, the text of the least active files is not read
_PATH_WORDS = 6.0  # weight of words in paths and definition names, next to 1 in the text
_NAME_WORDS = 2.0  # weight of words in the names of a file's definitions
_SHARPNESS = 4.0  # power that turns a score into a probability
_LENGTH_POWER = 0.3  # longer definitions are likelier, by their length to this power
_N_CLOSE = 40  # files whose definitions are scored one by one


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Ranking of the files of one commit for one issue.

    The weights are those of the kinds of evidence, next to 1 for BM25 over whole files.
    """

    repo: RepoAtCommit
    issue: Issue
    prior: Mapping[str, float]  # path -> activity, of the files to rank
    definition_weight: float
    name_weight: float
    place_weight: float
    prior_weight: float

    def files(self) -> list[RankedFile]:
        """All files, the most relevant first."""
        defined = {path: definitions(symbols_of(self.repo.signals, path)) for path in self.prior}
        texts = self._texts()
        evidence = self._evidence(defined, texts)
        scores = {path: sum(parts.values()) for path, parts in evidence.items()}
        close = self._sorted(scores)[:_N_CLOSE]
        relevance = self._definition_scores({path: defined[path] for path in close}, texts)
        for path in close:
            best = self.definition_weight * max(relevance[path], default=0.0)
            evidence[path]["best definition"] = best
            scores[path] += best
        return [
            RankedFile(
                path,
                scores[path],
                self._probabilities(scores[path], defined[path], relevance.get(path)),
                _explanation(scores[path], evidence[path]),
            )
            for path in self._sorted(scores)
        ]

    def _texts(self) -> dict[str, str]:
        blobs = {path: self.repo.tree.by_path[path].blob for path in self.prior}
        most_active_first = dict.fromkeys(blobs[path] for path in self._sorted(self.prior))
        texts, room = {}, _MAX_TOTAL_BYTES
        for blob, content in self.repo.tree.read(most_active_first):
            fits = len(content) <= min(_MAX_BYTES, room)
            texts[blob] = content.decode("latin-1") if fits else ""
            room -= len(content) if fits else 0
        return {path: texts[blob] for path, blob in blobs.items()}

    def _sorted(self, scores: Mapping[str, float]) -> list[str]:
        return sorted(scores, key=lambda path: (-scores[path], path))

    def _evidence(
        self, defined: Mapping[str, Sequence[Definition]], texts: Mapping[str, str]
    ) -> dict[str, dict[str, float]]:
        """Path -> terms of its score, by kind of evidence."""
        index: Index[str] = Index(query=self.issue.words)
        for path in self.prior:
            index.add(path, identifiers(texts[path]))
            index.add(path, identifiers(path.rpartition(".")[0]), _PATH_WORDS)
            index.add(path, Counter(one.name.rpartition(".")[2] for one in defined[path]), _NAME_WORDS)
        places = named_files(self.issue, {path: self._module(path) for path in self.prior})
        text, names = scaled(index.scores(), self.prior), scaled(self._name_scores(defined), self.prior)
        prior = scaled({path: log(1 + value) for path, value in self.prior.items()}, self.prior)
        return {
            path: {
                "words": text[path],
                "names": self.name_weight * names[path],
                "named": self.place_weight * places.get(path, 0.0),
                "changes": self.prior_weight * prior[path],
            }
            for path in self.prior
        }

    def _module(self, path: str) -> str:
        """Dotted name of a file: in Java, from its path below the directory `java`."""
        if facts := self.repo.signals["py_index"]["modules"].get(path):
            return str(facts["module"])
        return (
            path.rpartition("/java/")[2].removesuffix(".java").replace("/", ".") if "/java/" in path else ""
        )

    def _name_scores(self, defined: Mapping[str, Sequence[Definition]]) -> dict[str, float]:
        """Path -> weights of the names it defines, each divided among all files that define it."""
        owners: dict[str, set[str]] = {}
        for path, own in defined.items():
            for one in own:
                name = one.name.rpartition(".")[2]
                if name in self.issue.names:
                    owners.setdefault(name, set()).add(path)
        scores: dict[str, float] = {}
        for name, weight in self.issue.names.items():
            for path in sorted(owners.get(name, ())):
                scores[path] = scores.get(path, 0.0) + weight / len(owners[name])
        return scores

    def _definition_scores(
        self, defined: Mapping[str, Sequence[Definition]], texts: Mapping[str, str]
    ) -> dict[str, list[float]]:
        """Path -> score of each of its definitions, scaled so that the best of all has 1."""
        index: Index[tuple[str, int]] = Index(query=self.issue.words)
        for path, own in defined.items():
            lines = texts[path].replace("\r\n", "\n").replace("\r", "\n").split("\n")
            for n, one in enumerate(own):
                body = lines[one.first_line - 1 : one.first_line - 1 + one.n_lines]
                index.add((path, n), identifiers("\n".join(body)))
                index.add((path, n), identifiers(one.name), _PATH_WORDS)
        keys = [(path, n) for path, own in defined.items() for n in range(len(own))]
        scores = scaled(index.scores(), keys)
        return {path: [scores[path, n] for n in range(len(own))] for path, own in defined.items()}

    def _probabilities(
        self, score: float, defined: Sequence[Definition], relevance: Sequence[float] | None
    ) -> list[tuple[str, float]]:
        """(name, value) of a file's definitions, among which the file's probability is divided."""
        value = score**_SHARPNESS
        shares = [
            one.n_lines**_LENGTH_POWER
            * (0.1 + (relevance[n] if relevance else 0.0) + self._name_weight(one.name))
            for n, one in enumerate(defined)
        ]
        total = sum(shares) or 1.0
        return [(one.name, value * share / total) for one, share in zip(defined, shares, strict=True)]

    def _name_weight(self, name: str) -> float:
        return self.issue.names.get(name.rpartition(".")[2], 0.0)


def _explanation(score: float, evidence: Mapping[str, float]) -> str:
    terms = ", ".join(f"{name} {amount:.2f}" for name, amount in evidence.items() if amount >= _MIN_SHOWN)
    return f"{score:.2f}: {terms}"
