"""Finds the diffs in a model's reply, and accounts for each of their changed lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_FENCE = re.compile(r"^([`~]{3,})[ \t]*(\w*)[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"<(patch|diff)>[ \t]*\n?(.*?)</\1>", re.DOTALL)
_DIFF = re.compile(r"^(?:diff --git |--- [^\n]+\n\+\+\+ [^\n]+$)", re.MULTILINE)
_GIT_NAMES = re.compile(r'^diff --git (?:"?a/(?P<old>.+?)"?) (?:"?b/(?P<new>.+?)"?)$')
_GIT_HEADER = re.compile(
    r"^(?P<key>old mode|new mode|new file mode|deleted file mode|rename from|rename to|copy from|copy to"
    r"|similarity index|dissimilarity index|index) (?P<value>.+)$"
)
_NUMBERS = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_LINE = re.compile(r"^@@ -(\d+)")
_BULLET = re.compile(r"^(?:[-+] |-{2,}\s*$|\+{2,}\s*$)")
DEV_NULL = "/dev/null"

Lines = list[str]


@dataclass
class Hunk:
    """Lines with their ` `, `-` or `+`, and what the header says of them."""

    line: int | None = None  # 1-based, in the old file; None if the header has none
    counts: tuple[int, int] | None = None  # lines of the old and of the new side; None if the header has none
    body: Lines = field(default_factory=list)

    def side(self, sign: str) -> Lines:
        return [text[1:] for text in self.body if text[0] in (" ", sign)]

    @property
    def has_right_counts(self) -> bool:
        return self.counts == (len(self.side("-")), len(self.side("+")))


@dataclass
class FilePatch:
    """What a diff says of one file."""

    old: str  # path, or /dev/null for a new file
    new: str
    header: dict[str, str] = field(default_factory=dict)  # git's: modes, renames, copies
    hunks: list[Hunk] = field(default_factory=list)
    binary: Lines = field(default_factory=list)  # git's encoding of a binary change

    @property
    def changes(self) -> bool:
        return bool(self.hunks or self.binary or self.header.keys() - {"index", "similarity index"})


@dataclass
class ReplyDiff:
    """The diff in one place of a reply."""

    text: str
    patches: list[FilePatch] = field(default_factory=list)
    stray: Lines = field(default_factory=list)  # changed lines that belong to no hunk

    @property
    def is_exact(self) -> bool:
        """Whether git reads every changed line of the text: with a wrong count it stops early and reports success."""
        return not self.stray and all(hunk.has_right_counts for patch in self.patches for hunk in patch.hunks)


def find_diffs(answer: str) -> list[ReplyDiff]:
    """The diffs of an answer by their places: in <patch> or <diff>, fenced, or bare."""
    places: list[tuple[int, str]] = []
    rest = answer
    for pattern, group in ((_TAG, 2), (_FENCE, 3)):
        places += [(match.start(), match[group]) for match in pattern.finditer(rest)]
        rest = pattern.sub(lambda match: " " * len(match[0]), rest)
    found = [(start, parse(text.strip("\n") + "\n")) for start, text in places if _DIFF.search(text)]
    if bare := _DIFF.search(rest):
        diff = parse(rest[bare.start() :].strip("\n") + "\n")
        # with prose around it, in which lists look like changed lines
        diff.stray = [line for line in diff.stray if not _BULLET.match(line)]
        found.append((bare.start(), diff))
    return [diff for _, diff in sorted(found, key=lambda pair: pair[0]) if diff.patches or diff.stray]


def parse(text: str) -> ReplyDiff:
    """Split a diff by file, ignoring prose in between. Blank context lines may have lost their space."""
    return _Parser(text).result


class _Parser:
    """Reads a diff line by line."""

    def __init__(self, text: str) -> None:
        self.result = ReplyDiff(text)
        self._patch: FilePatch | None = None
        self._hunk: Hunk | None = None
        self._lines = text.removesuffix("\n").split("\n")
        skipped = 0
        for number, line in enumerate(self._lines):
            if skipped:
                skipped -= 1
            elif names := _GIT_NAMES.match(line):
                self._start(names["old"], names["new"])
            elif self._is_file_header(number):
                self._name(_path(line[4:]), _path(self._lines[number + 1][4:]))
                skipped = 1
            else:
                self._read(line)
        self._end_hunk()
        self.result.patches = [patch for patch in self.result.patches if patch.changes]

    def _start(self, old: str, new: str) -> None:
        self._end_hunk()
        self._patch = FilePatch(old, new)
        self.result.patches.append(self._patch)

    def _is_file_header(self, number: int) -> bool:
        """Whether a `---` and a `+++` line begin here. In a hunk they may be a removed and an added line."""
        first, second, third = [*self._lines[number : number + 3], "", ""][:3]
        if not (first.startswith("--- ") and second.startswith("+++ ")):
            return False
        return self._hunk is None or third.startswith("@@")

    def _name(self, old: str, new: str) -> None:
        patch = self._patch
        if (
            patch is None
            or self._hunk
            or patch.hunks
            or patch.binary
            or old not in (patch.old, DEV_NULL)
            or new not in (patch.new, DEV_NULL)
        ):
            self._start(old, new)
        else:
            patch.old, patch.new = old, new

    def _read(self, line: str) -> None:
        patch, hunk = self._patch, self._hunk
        if line.startswith("@@") and patch is not None:
            self._end_hunk()
            self._hunk = _hunk(line)
        elif patch is not None and (patch.binary or line == "GIT binary patch"):
            patch.binary.append(line)
        elif hunk is not None:
            self._read_body(hunk, line)
        elif patch is not None and not patch.hunks and (header := _GIT_HEADER.match(line)):
            patch.header[header["key"]] = header["value"]
        elif line[:1] in ("+", "-"):
            self.result.stray.append(line)

    def _read_body(self, hunk: Hunk, line: str) -> None:
        if line.startswith("\\"):
            return  # "\ No newline at end of file", which rendering adds itself
        if line[:1] in (" ", "+", "-"):
            hunk.body.append(line)
        elif not line.strip():
            hunk.body.append(" ")
        else:  # prose ends the hunk
            self._end_hunk()

    def _end_hunk(self) -> None:
        hunk, self._hunk = self._hunk, None
        if hunk is None or self._patch is None:
            return
        while hunk.body and hunk.body[-1] == " " and not hunk.has_right_counts:
            hunk.body.pop()
        if hunk.body:
            self._patch.hunks.append(hunk)


def _hunk(header: str) -> Hunk:
    numbers, line = _NUMBERS.match(header), _LINE.match(header)
    counts = None
    if numbers:
        _, n_old, _, n_new = numbers.groups(default="1")
        counts = int(n_old), int(n_new)
    return Hunk(int(line[1]) if line else None, counts)


def _path(header: str) -> str:
    name = header.split("\t")[0].strip()
    if name == DEV_NULL:
        return name
    return name[2:] if name[:2] in ("a/", "b/") else name
