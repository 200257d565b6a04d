"""Find leaks in a context: the fix, its tests, later commits, the pull request.

Text that is in the issue, or in the repository or its history at base_commit, is never a leak.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from contexttune.instances.patch import parse
from contexttune.repos.git import Tree, git, try_git
from contexttune.types import GoldInstance

MIN_WORDS = {12: 5, 16: 3}
"""Size of an n-gram, in tokens (words and punctuation marks) -> the number of different words it must have.

Shorter ones, or ones with fewer words, occur in other repositories by chance.
"""
_IDIOMS = frozenset({*keyword.kwlist, "self", "cls", "super", "args", "kwargs", "__init__"})  # not counted

_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"[^\W\d]\w\w+")
_MARKS = re.compile(r"\s*(?:\d+\s*[:|│])?[\s│⋮•|>#*+-]*")  # indentation, line numbers, bullets, diff markers
_HASH = re.compile(r"(?<![0-9a-zA-Z_])[0-9a-f]{7,40}(?![0-9a-zA-Z_])")
_NUMBER_IN_PATCH = re.compile(r"(?<![\w&])#(\d{2,})\b")
_MAX_BYTES = 2_000_000  # larger files are data, not code


@dataclass(frozen=True, kw_only=True)
class Leak:
    """One finding.

    Attributes:
        kind: `gold_text`, `test_text`, `new_path`, `test_name`, `later_commit` or `number`.
        line: line number, from 1; `text` is that line.
        what: the words that leak.
        is_expected: the condition is given the gold patch on purpose, to leak this.
    """

    kind: str
    line: int
    text: str
    what: str
    is_expected: bool = False


def leaks(text: str, instance: GoldInstance, base: BaseText, *, needs_gold: bool = False) -> list[Leak]:
    """The leaks of `instance`'s answer in `text`, by line.

    `base` is the repository at base_commit. With `needs_gold`, the condition is given the gold patch on purpose, and
    leaked paths are expected.
    """
    if not text.strip():
        return []
    found = [
        *_later_commits(text, instance, base),
        *_texts(text, instance, base, "gold_text", instance.patch),
        *_texts(text, instance, base, "test_text", instance.test_patch),
        *_test_names(text, instance, base),
        *_new_paths(text, instance, base),
        *_numbers(text, instance, base),
    ]
    marked = [replace(leak, is_expected=needs_gold and leak.kind == "new_path") for leak in found]
    return sorted(marked, key=lambda leak: (leak.line, leak.kind, leak.what))


class BaseText:
    """All text of a repository at a commit, read at the first suspicion."""

    def __init__(self, tree: Callable[[], Tree]) -> None:
        self._tree = tree

    @cached_property
    def tree(self) -> Tree:
        return self._tree()

    @cached_property
    def _texts(self) -> list[_Text]:
        """Contents of files, their paths, and the messages of the commit and its ancestors."""
        entries = self.tree.entries
        contents = [content for _, content in self.tree.read(sorted({e.blob for e in entries if e.is_file}))]
        messages = git("--git-dir", self.tree.git_dir, "log", "--format=%B", self.tree.commit)
        texts = [c for c in contents if len(c) <= _MAX_BYTES and b"\0" not in c[:8000]]
        paths = "\n".join(e.path for e in entries)
        return [_Text(text) for text in (*(c.decode(errors="replace") for c in (*texts, messages)), paths)]

    def matches(self, words: str, pattern: re.Pattern[str]) -> bool:
        """Whether a text matches `pattern`; every match contains `words`."""
        return any(words in one.text and pattern.search(one.text) for one in self._texts)

    def has_tokens(self, tokens: Sequence[str]) -> bool:
        """Whether these tokens follow each other in a text."""
        rarest, wanted = max(tokens, key=len), f" {' '.join(tokens)} "
        return any(
            rarest in one.text and all(token in one.text for token in tokens) and wanted in one.flat
            for one in self._texts
        )


@dataclass(frozen=True)
class _Text:
    text: str

    @cached_property
    def flat(self) -> str:
        return _flat(self.text)


def _tokens(lines: Sequence[str]) -> list[tuple[int, str]]:
    """(line number from 0, token), without markers at the start of a line and commas before a closing bracket."""
    found = [
        (number, token)
        for number, line in enumerate(lines)
        for token in _TOKEN.findall(line, len(_MARKS.match(line)[0]))  # type: ignore[index] # matches always
    ]
    kept = [one for one, (_, following) in pairwise(found) if not (one[1] == "," and following in ")]}")]
    return kept + found[-1:]


def _grams(tokens: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(position of its first token, n-gram)."""
    for size in MIN_WORDS:
        for at in range(len(tokens) - size + 1):
            yield at, tuple(tokens[at : at + size])


def _is_distinctive(gram: Sequence[str]) -> bool:
    """Whether an n-gram has enough different words."""
    words = {word for token in gram for word in _WORD.findall(token)} - _IDIOMS
    return len(words) >= MIN_WORDS[len(gram)]


def answer_grams(patch: str) -> dict[tuple[str, ...], int]:
    """n-gram of a patched file -> position in it of the first word that the patch adds."""
    found: dict[tuple[str, ...], int] = {}
    for side in (side for change in parse(patch) for side in change.new_sides):
        tokens = _tokens([line for _, line in side])
        for at, gram in _grams([token for _, token in tokens]):
            span = enumerate(tokens[at : at + len(gram)])
            first = next((n for n, (line, token) in span if side[line][0] and _WORD.match(token)), None)
            if first is not None and _is_distinctive(gram):
                found.setdefault(gram, first)
    return found


def _texts(text: str, instance: GoldInstance, base: BaseText, kind: str, patch: str) -> Iterator[Leak]:
    """One leak for each group of lines that share n-grams with the patched files."""
    lines = text.split("\n")
    wanted, statement = answer_grams(patch), _flat(instance.problem_statement)
    reported: set[int] = set()
    for numbers, gram in _numbered_grams(lines):
        if gram not in wanted:
            continue
        words = " ".join(gram)
        is_new = reported.isdisjoint(numbers)
        if is_new and (f" {words} " in statement or base.has_tokens(gram)):
            continue
        if is_new:
            line = numbers[wanted[gram]]
            yield Leak(kind=kind, line=line + 1, text=lines[line], what=words)
        reported.update(numbers)


def _numbered_grams(lines: Sequence[str]) -> Iterator[tuple[Sequence[int], tuple[str, ...]]]:
    """(line numbers, n-gram) of a text; for a diff also those of its new side."""
    readings = [lines]
    if any(line.startswith("+") for line in lines):
        readings.append(["" if line.startswith("-") else line for line in lines])
    for reading in readings:
        tokens = _tokens(reading)
        numbers = [number for number, _ in tokens]
        for at, gram in _grams([token for _, token in tokens]):
            yield numbers[at : at + len(gram)], gram


def _flat(text: str) -> str:
    return " ".join(("", *(token for _, token in _tokens(text.split("\n"))), ""))


def _test_names(text: str, instance: GoldInstance, base: BaseText) -> Iterator[Leak]:
    for name in sorted({name_of_test(test) for test in _listed(instance.row.get("FAIL_TO_PASS"))}):
        if len(name) >= 8:  # a shorter one is a common word
            pattern = re.compile(rf"(?<!\w){_spaced(name)}(?!\w)")
            yield from _unless_known("test_name", text, instance, base, pattern)


def name_of_test(test: str) -> str:
    """`path::Class::name[case]` or `name (module.Class)` -> `name`; a docstring's first line is returned unchanged."""
    last = test.split("[")[0].split("::")[-1].strip()
    named = re.match(r"(\w+)(?: \([\w.]+\))?\Z", last)
    return named[1] if named else last


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = [value]
    return [str(test) for test in value] if isinstance(value, (list, tuple)) else []


def _new_paths(text: str, instance: GoldInstance, base: BaseText) -> Iterator[Leak]:
    for change in (*parse(instance.patch), *parse(instance.test_patch)):
        if change.new and change.new != change.old:
            pattern = re.compile(rf"(?<![\w/-]){re.escape(change.new)}(?![\w/-]|\.\w)")
            if pattern.search(text) and change.new not in base.tree.by_path:
                yield from _unless_known("new_path", text, instance, base, pattern)


def _numbers(text: str, instance: GoldInstance, base: BaseText) -> Iterator[Leak]:
    """The pull request's number, taken from the instance_id, and those that the patches add."""
    added = [
        t for p in (instance.patch, instance.test_patch) for c in parse(p) for e in c.edits for t in e.added
    ]
    numbers = {number for line in added for number in _NUMBER_IN_PATCH.findall(line)}
    own = instance.instance_id.rpartition("-")[2]
    name = re.escape(instance.repo.rpartition("/")[2])
    for number in sorted(numbers | ({own} if own.isdigit() else set())):
        words = r"\#|\bgh-?|\bpull/|\bissues?/|\bticket/|\b(?:pull[ -]request|pr|issue|ticket)s?[ #:_-]*"
        pattern = re.compile(rf"(?:{words}|(?<![^\W_]){name}-){number}(?!\d)", re.IGNORECASE)
        yield from _unless_known("number", text, instance, base, pattern)


def _later_commits(text: str, instance: GoldInstance, base: BaseText) -> Iterator[Leak]:
    found = set(_HASH.findall(text))
    names = sorted(n for n in found if len(n) == 40 or not (n.isdigit() or n.isalpha()))
    if not names:
        return
    git_dir = ("--git-dir", base.tree.git_dir)
    asked = "".join(f"{name}^{{commit}}\n" for name in names).encode()
    answers = git(*git_dir, "cat-file", "--batch-check=%(objectname)", stdin=asked).decode().splitlines()
    for name, sha in zip(names, answers, strict=True):
        if len(sha) != 40:
            continue  # not a commit of this repository
        if try_git(*git_dir, "merge-base", "--is-ancestor", sha, instance.base_commit).returncode:
            pattern = re.compile(rf"(?<!\w){name}(?!\w)")
            yield from _unless_known("later_commit", text, instance, base, pattern)


def _unless_known(
    kind: str, text: str, instance: GoldInstance, base: BaseText, pattern: re.Pattern[str]
) -> Iterator[Leak]:
    """The first line that matches `pattern`, unless the issue or base_commit has a match too."""
    found = pattern.search(text)
    if found is None or pattern.search(instance.problem_statement):
        return
    inner = max(re.split(r"\W+", found[0]), key=lambda piece: (piece.isdigit(), len(piece)))
    if not base.matches(inner, pattern):
        number = text.count("\n", 0, found.start())
        yield Leak(kind=kind, line=number + 1, text=text.split("\n")[number], what=" ".join(found[0].split()))


def _spaced(words: str) -> str:
    return r"\s+".join(map(re.escape, words.split()))
