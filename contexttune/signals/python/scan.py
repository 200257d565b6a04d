"""One pass over a Python source: definitions, imports, module docstring, and whether it would parse.

It uses regular expressions on the source without its long strings instead of a parser (why: docs/adr/0003);
tests/signals/python/test_scan.py compares the results with `ast`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from contexttune.signals.python.imports import Import, inline_imports, read_import
from contexttune.signals.python.lexing import Code, cut_strings, header_end, one_line
from contexttune.signals.python.source import decode, first_doc_line
from contexttune.signals.python.syntax_check import looks_broken, syntax_problem

_MAX_FAILURES = 100  # headers without an end: each costs a search, and real sources have few
VERSION = 1  # raise it when results change: cached records have this version

_B = r"(?:[ \t\f]|\\\n)"  # a blank between tokens
_FLAT = r"""(?:[^()'"#\\]++|"[^"\\\n]*+"|'[^'\\\n]*+'|\([^()'"#\\]*+\))*+"""
_STARTERS = (
    "if|elif|else|for|while|return|yield|del|assert|raise|import|from|with|not|lambda|global|nonlocal|async"
    "|await|except|in|is|and|or|as|class|def|match|case|type|try|finally|pass|break|continue"
)
_JOINERS = "if|else|and|or|in|is|not|for|as|async|import"
_OPENERS = "if|elif|else|for|while|try|except|finally|with|async|match|case"
_CANDIDATE = re.compile(
    r"\n(?P<indent>[ \t\f]*+)(?:"
    rf"(?:async{_B}++)?(?P<kind>def|class){_B}++(?P<name>\w++)"
    rf"(?:(?P<header>\({_FLAT}\)(?:[ \t]*+->[ \t]*+(?:[^:\n'\"#\\(]++|\"[^\"\\\n]*+\"|'[^'\\\n]*+')++)?)?"
    r"[ \t]*+(?P<colon>:))?"
    r"|(?P<imports>from|import)(?=[ \t\f.\\])"
    r"|(?P<old>except(?=[ \t(])[ \t]*+(?:\([^()\n]*+\)[ \t]*+|[^(:\n#'\",]*+),|raise[ \t]++[\w.]++[ \t]*+,|(?:def|class)[ \t]*+(?![\w\\ \t]))"
    rf"|(?<=\n)(?P<opener>{_OPENERS})\b"
    rf"|(?P<words>(?=\w++[ \t]++['\"\w])(?!(?:{_STARTERS})\b)(?!\d)\w++[ \t]++(?!(?:{_JOINERS})\b)['\"\w])"
    r")"
)
_NESTED_OPENER = re.compile(rf"\n([ \t\f]*+)(?=(?:{_OPENERS})\b)")


def scan(content: bytes) -> dict[str, Any]:
    """{"doc", "symbols", "imports", "unparsed"} of a source; `unparsed` is a reason or None.

    `symbols` are {"name", "kind", "line", "signature"}; `imports` are (level, module, names),
    with no names for a plain `import`.
    """
    text, problem = decode(content)
    source = f"\n{text}\n"
    found = _Scan(cut_strings(source))
    found.run()
    if problem is None and (found.suspicious or looks_broken(found.code)):
        problem = syntax_problem(content)
    return {
        "doc": first_doc_line(text),
        "symbols": found.symbols,
        "imports": found.imports,
        "unparsed": problem,
    }


class _Scan:
    """State of one pass: the enclosing definitions, and the position up to which lines are counted."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.symbols: list[dict[str, Any]] = []
        self.imports: list[Import] = []
        self.suspicious = False
        self._scopes: list[tuple[int, str, str]] = []  # (column, qualified name, kind)
        self._failures = 0
        self._defined_to = 0  # end of the last definition's header
        self._read_to = 0  # that, or the end of the last import
        self._counted_to = self._line = self._next_cut = 0

    def run(self) -> None:
        text, n_words = self.code.text, 0
        for found in _CANDIDATE.finditer(text):
            start = found.start()
            if start < self._read_to:
                continue
            if found["kind"]:
                self._define(found)
            elif found["imports"]:
                n_words += self._import(found.start("imports"))
            else:
                self._other(found)
        if text.count("import") != n_words:
            reads = (read_import(text, position) for position in inline_imports(text))
            self.imports += [one for read in reads if read for one in read[0]]

    def _other(self, found: re.Match[str]) -> None:
        if not found["opener"]:
            self.suspicious = True
        if self._scopes and found["indent"] == "" and not found["words"]:
            self._leave_scopes(found.start() + 1, 0)

    def _define(self, found: re.Match[str]) -> None:
        header_start, end = found.end("name"), found.end()
        if found["colon"]:
            signature = found["header"] or ""
        else:
            colon = self._header_end(header_start)
            if colon is None:
                self.suspicious = True
                return
            signature, end = self.code.text[header_start:colon].strip(" \t\f\\\n"), colon + 1
        kind, name = found["kind"], found["name"]
        if kind == "def" and not signature:
            self.suspicious = True
            return
        if kind == "def" and (signature.startswith("((") or ", (" in signature):
            self.suspicious = True  # Python 2 unpacked tuples in parameter lists
        parent, is_method = self._enter(found, _column(found["indent"]))
        if not name.isascii():
            name = unicodedata.normalize("NFKC", name)
        qualified = f"{parent}.{name}" if parent else name
        label = "class" if kind == "class" else "method" if is_method else "function"
        self._scopes.append((_column(found["indent"]), qualified, kind))
        self._defined_to = self._read_to = end
        self.symbols.append(
            {
                "name": qualified,
                "kind": label,
                "line": self._line_of(found.end("indent")),
                "signature": one_line(signature),
            }
        )

    def _enter(self, found: re.Match[str], column: int) -> tuple[str, bool]:
        """Qualified name of the enclosing definition, and whether it is a class."""
        scopes = self._scopes
        while scopes and scopes[-1][0] >= column:
            scopes.pop()
        if scopes and scopes[-1][0] > 0:
            self._leave_closed_blocks(found.start(), column)
        return (scopes[-1][1], scopes[-1][2] == "class") if scopes else ("", False)

    def _leave_closed_blocks(self, start: int, column: int) -> None:
        """Pop scopes that ended before an `if`, `try`, ... between the last definition and this one."""
        for opener in _NESTED_OPENER.finditer(self.code.text, self._defined_to, start):
            at = _column(opener[1])
            if at < column:
                self._leave_scopes(opener.end(), at)

    def _leave_scopes(self, at: int, column: int) -> None:
        # inside brackets, `for` and `if` may start a line too: only a header's colon opens a block
        if self._scopes and self._scopes[-1][0] >= column and self._header_end(at) is not None:
            while self._scopes and self._scopes[-1][0] >= column:
                self._scopes.pop()

    def _header_end(self, start: int) -> int | None:
        if self._failures >= _MAX_FAILURES:
            return None
        end = header_end(self.code.text, start)
        self._failures += end is None
        return end

    def _import(self, start: int) -> int:
        """Read the import at `start`, and return how many times "import" occurs in it."""
        read = read_import(self.code.text, start)
        if read is None:
            self.suspicious = self.suspicious or self.code.text.startswith("import", start)
            return 0
        statement, end = read
        self.imports += statement
        self._read_to = end
        return self.code.text.count("import", start, end)

    def _line_of(self, position: int) -> int:
        """1-based line of a position; positions must ascend from call to call."""
        code = self.code
        self._line += code.text.count("\n", self._counted_to, position)
        self._counted_to = position
        while self._next_cut < len(code.cuts) and code.cuts[self._next_cut][0] <= position:
            self._line += code.cuts[self._next_cut][1]
            self._next_cut += 1
        return self._line


def _column(indent: str) -> int:
    if "\t" not in indent and "\f" not in indent:
        return len(indent)
    return len(indent.rpartition("\f")[2].expandtabs(8))
