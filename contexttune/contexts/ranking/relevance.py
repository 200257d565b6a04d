"""Files and definitions by what an issue says, from paths, names, docstrings and source text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log

from contexttune.contexts.ranking.bm25 import Index, scaled
from contexttune.contexts.ranking.issue import Issue
from contexttune.contexts.ranking.locations import named_files
from contexttune.contexts.ranking.outline import Definition, RankedFile, definitions, symbols_of
from contexttune.contexts.ranking.tokenize import identifiers
from contexttune.interfaces import RepoAtCommit

_SHOWN = 0.005  # less is 0.00
_MAX_BYTES = 2_000_000  # of a larger file the words are not read
_MAX_BYTES_IN_ALL = 100_000_000  # nor of the files that change least, where there is more than that to read


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What each piece of evidence counts, next to 1 for BM25 over whole files."""

    definition: float = 0.65  # BM25 of the file's best definition
    name: float = 0.5  # definitions whose very name stands in the issue
    place: float = 0.8  # path, module or stack frame in the issue
    prior: float = 0.2  # what changes often
    path_words: float = 6.0  # a word of the path or of a definition's name counts as so many of the text
    sharpness: float = 4.0  # power of the score that is taken for a probability
    length_power: float = 0.3  # longer definitions are likelier, by their length to this power


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """One issue against one commit."""

    repo: RepoAtCommit
    issue: Issue
    paths: Sequence[str]
    prior: Mapping[str, float]
    weights: Weights = field(default_factory=Weights)
    n_close: int = 40  # files whose definitions are looked at one by one

    def files(self) -> list[RankedFile]:
        """All `paths`, the likeliest first."""
        found = {path: definitions(symbols_of(self.repo.signals, path)) for path in self.paths}
        texts = self._texts()
        evidence = self._of_files(found, texts)
        scores = {path: sum(parts.values()) for path, parts in evidence.items()}
        close = self._sorted(scores)[: self.n_close]
        of_definitions = self._of_definitions({path: found[path] for path in close}, texts)
        best = {path: max(scored, default=0.0) for path, scored in of_definitions.items()}
        for path in close:
            evidence[path]["best definition"] = self.weights.definition * best[path]
            scores[path] += evidence[path]["best definition"]
        ranked = self._sorted(scores)
        return [
            self._ranked(path, scores[path], found[path], of_definitions.get(path))._replace(
                evidence=tuple(evidence[path].items())
            )
            for path in ranked
        ]

    def _texts(self) -> dict[str, str]:
        blobs = {path: self.repo.tree.by_path[path].blob for path in self.paths}
        liveliest_first = dict.fromkeys(blobs[path] for path in self._sorted(self.prior))
        texts, room = {}, _MAX_BYTES_IN_ALL
        for blob, content in self.repo.tree.read(liveliest_first):
            fits = len(content) <= min(_MAX_BYTES, room)
            texts[blob] = content.decode("latin-1") if fits else ""
            room -= len(content) if fits else 0
        return {path: texts[blob] for path, blob in blobs.items()}

    def _sorted(self, scores: Mapping[str, float]) -> list[str]:
        return sorted(scores, key=lambda path: (-scores[path], path))

    def _of_files(
        self, found: Mapping[str, Sequence[Definition]], texts: Mapping[str, str]
    ) -> dict[str, dict[str, float]]:
        """Path -> what each piece of evidence adds to its score."""
        index: Index[str] = Index(query=self.issue.words)
        for path in self.paths:
            index.add(path, identifiers(texts[path]))
            index.add(path, identifiers(path.rpartition(".")[0]), self.weights.path_words)
            index.add(path, Counter(one.name.rpartition(".")[2] for one in found[path]), 2.0)
        places = named_files(self.issue, {path: self._module(path) for path in self.paths})
        text, names = scaled(index.scores(), self.paths), scaled(self._by_name(found), self.paths)
        prior = scaled({path: log(1 + value) for path, value in self.prior.items()}, self.paths)
        weights = self.weights
        return {
            path: {
                "words": text[path],
                "names": weights.name * names[path],
                "named": weights.place * places.get(path, 0.0),
                "changes": weights.prior * prior[path],
            }
            for path in self.paths
        }

    def _module(self, path: str) -> str:
        """What code calls a file: in Java by its path below the directory of that name."""
        if facts := self.repo.signals["py_index"]["modules"].get(path):
            return str(facts["module"])
        return (
            path.rpartition("/java/")[2].removesuffix(".java").replace("/", ".") if "/java/" in path else ""
        )

    def _by_name(self, found: Mapping[str, Sequence[Definition]]) -> dict[str, float]:
        """Path -> weights of the names it defines, each shared among all files that define it."""
        owners: dict[str, set[str]] = {}
        for path, defined in found.items():
            for one in defined:
                name = one.name.rpartition(".")[2]
                if name in self.issue.names:
                    owners.setdefault(name, set()).add(path)
        scores: dict[str, float] = {}
        for name, weight in self.issue.names.items():
            for path in sorted(owners.get(name, ())):
                scores[path] = scores.get(path, 0.0) + weight / len(owners[name])
        return scores

    def _of_definitions(
        self, found: Mapping[str, Sequence[Definition]], texts: Mapping[str, str]
    ) -> dict[str, list[float]]:
        """Path -> score of each of its definitions, the best of all as 1."""
        index: Index[tuple[str, int]] = Index(query=self.issue.words)
        for path, defined in found.items():
            lines = texts[path].replace("\r\n", "\n").replace("\r", "\n").split("\n")
            for n, one in enumerate(defined):
                body = lines[one.first_line - 1 : one.first_line - 1 + one.n_lines]
                index.add((path, n), identifiers("\n".join(body)))
                index.add((path, n), identifiers(one.name), self.weights.path_words)
        keys = [(path, n) for path, defined in found.items() for n in range(len(defined))]
        scores = scaled(index.scores(), keys)
        return {path: [scores[path, n] for n in range(len(defined))] for path, defined in found.items()}

    def _ranked(
        self, path: str, score: float, defined: Sequence[Definition], scores: Sequence[float] | None
    ) -> RankedFile:
        """Its probability, shared out among its definitions."""
        value = score**self.weights.sharpness
        shares = [
            one.n_lines**self.weights.length_power
            * (0.1 + (scores[n] if scores else 0.0) + self._said(one.name))
            for n, one in enumerate(defined)
        ]
        total = sum(shares) or 1.0
        return RankedFile(
            path,
            score,
            [(one.name, value * share / total) for one, share in zip(defined, shares, strict=True)],
        )

    def _said(self, name: str) -> float:
        return self.issue.names.get(name.rpartition(".")[2], 0.0)


def why(file: RankedFile) -> str:
    """What a file's score comes from."""
    parts = ", ".join(f"{name} {amount:.2f}" for name, amount in file.evidence if amount >= _SHOWN)
    return f"{file.value:.2f}: {parts}"
