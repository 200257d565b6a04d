"""Find sources that do not parse: a cheap check picks suspects, and CPython's parser decides about those."""

from __future__ import annotations

import ast
import warnings

from contexttune.signals.python.lexing import Code, without_literals

_BRACKETS = ("()", "[]", "{}")
_OLD_OPERATORS = ("`", "<>")


def looks_broken(code: Code) -> bool:
    """Whether brackets, quotes or Python 2 operators suggest that a source does not parse."""
    if not code.closed:
        return True
    if not _balanced(code.text) and not _balanced(without_literals(code.text)):
        return True
    return any(_has_outside_literals(code.text, operator) for operator in _OLD_OPERATORS)


def syntax_problem(content: bytes) -> str | None:
    """Why CPython cannot parse `content`, worded alike in all versions; None when it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(content)
    except SyntaxError as error:
        return f"SyntaxError line {error.lineno or 1}"
    except (RecursionError, MemoryError):
        return "nested too deeply"
    except ValueError:
        return "not Python source"
    return None


def _balanced(text: str) -> bool:
    return all(text.count(pair[0]) == text.count(pair[1]) for pair in _BRACKETS)


def _has_outside_literals(text: str, operator: str) -> bool:
    at = text.find(operator)
    while at >= 0:
        end = text.find("\n", at)
        if operator in without_literals(text[text.rfind("\n", 0, at) + 1 : end]):
            return True
        at = text.find(operator, end)
    return False
