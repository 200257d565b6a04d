"""The scanner finds what `ast` finds, and says so where `ast` finds nothing."""

from __future__ import annotations

import ast
import time
import warnings
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contexttune.signals.python.scan import scan

NASTY = [
    'def a():\n    """\n    def hidden(): pass\n    import hidden\n    """\n    import os\n',
    "x = '''\ndef no(): pass\n'''\ndef yes(): pass\n",
    '# it\'s """ here\ndef a(): pass\n# and """ there\nclass B: pass\n',
    '# stray """\n"""\nimport hidden\n"""\n# stray """\ndef a(): pass\n',
    "s = '\"\"\"'\ndef a(): pass\nt = \"'''\"\nimport os\n",
    "s = 'one \\\ndef no(): pass\\\n'\ndef yes(): pass\n",
    's = "a\\"\\"\\"b"\ndef a(): pass\n',
    's = """a\\"""b\ndef no(): pass\n"""\ndef yes(): pass\n',
    's = r"""\\"""\ndef no(): pass\n"""\ndef yes(): pass\n',
    "s = f'''{1}\nimport hidden\n'''\nimport seen\n",
    "s = rb'''\nimport hidden\n''' + b\"\"\"\nclass No: pass\n\"\"\"\nclass Yes: pass\n",
    "async def a():\n    async  def  b(): pass\n    async with x: pass\n    async for y in x: pass\n",
    "@deco(1,\n  2)\n@other\ndef a(): pass\n@x\nclass B:\n    @property\n    def c(self): pass\n",
    "if 1:\n    def a(): pass\nelse:\n    class A:\n        def a(self): pass\n",
    "class A:\n    x = 1\nif x:\n    def f(): pass\n    class G:\n        def h(self): pass\n",
    "class A:\n    def m(self):\n        x = [i\nfor i in y\nif i]\n    def n(self): pass\n",
    "class A:\n    def m(self):\n        def inner(): pass\n    if x:\n        def o(self): pass\n    try:\n        def p(self): pass\n"
    "    except E:\n        def q(self): pass\n",
    "def f():\n    class L:\n        def m(self):\n            def g(): pass\n        def k(self): pass\n    return 1\n",
    "def f(a=')', b=\"(\", c={'x': [1, (2, 3)]}, *d: '(', **e) -> 'x:y': pass\n",
    "def f(\n    a,  # a ) comment\n    b=(1,\n       2),\n) -> dict[\n    str, int\n]:\n    pass\n",
    "def f(x=lambda y: y, z={1: 2}, w=a[1:2]): pass\n",
    "class A(B, metaclass=M(x=')')): pass\nclass C(): pass\nclass D : pass\n",
    "def \\\n  f(a): pass\nclass \\\n  G: pass\n",
    "def f (a) : pass\n",
    "def größe(): pass\nclass Ünï: pass\n",
    "def f():\n\tdef g():\n\t\tpass\n\tdef h(): pass\n",
    "import a, b.c as d, e\nfrom . import x\nfrom .. import y as z\nfrom ...p.q import (a,\n  b as c,  # why )\n  d,\n)\n",
    "from.a import b\nfrom .import c\nfrom . . import d\nfrom a . b import c\nimport a . b\nfrom x import(y)\nfrom x import *\n",
    "from a \\\n  import b, \\\n  c\nimport d, \\\n  e as f\n",
    "x = 1; import a; from b import c\nif x: import d\ntry: from e import f\nexcept: import g\n",
    "s = 'a; import no'; t = 'x: from no import y'  # ; import no\n",
    "d = {'a': 1}  # see: import no\nimport os ; import sys # import no\n",
    "def f():\n    from x import y\n    if TYPE_CHECKING:\n        import z\n",
    "raise X(\n) \\\n  from e\n",
    "x = (yield\n)\ndef imports(): pass\nfrom_x = 1\nimportant = 2\nclassy = 3\ndefine = 4\n",
    "\ufeffdef a(): pass\n",
    "def a(): pass\r\nclass B:\r\n    def c(self): pass\r\n",
    "x = 1\rdef a(): pass\rdef b(): pass\r",
    "\x0cdef a(): pass\n\x0cclass B:\n    def c(self): pass\n",
    "match x:\n    case 1:\n        def a(): pass\n    case _:\n        def b(): pass\n",
    "def f(): return '''\n'''\ndef g(): pass\n",
    '""""quoted" text"""\ndef a(): pass\n',
    "def f(a='''x\ny'''): pass\ndef g(): pass\n",
    "x = '' '''\nimport no\n'''\nimport yes\n",
    "",
    "\n\n",
    "def a(): pass",
]


def definitions(node: ast.AST, around: str = "", in_class: bool = False) -> list[tuple[str, str, int]]:
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_class = isinstance(child, ast.ClassDef)
            name = f"{around}.{child.name}" if around else child.name
            found.append((name, "class" if is_class else "method" if in_class else "function", child.lineno))
            found += definitions(child, name, is_class)
        else:
            found += definitions(child, around, in_class)
    return found


def imports(module: ast.AST) -> Counter[tuple[int, str, tuple[str, ...]]]:
    found: Counter[tuple[int, str, tuple[str, ...]]] = Counter()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found.update((0, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found[node.level, node.module or "", tuple(alias.name for alias in node.names)] += 1
    return found


def assert_equal_to_ast(source: str) -> None:
    content = source.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = ast.parse(content)
    record = scan(content)
    seen = [(one["name"], one["kind"], one["line"]) for one in record["symbols"]]
    assert sorted(seen) == sorted(definitions(module))
    assert Counter((level, name, tuple(names)) for level, name, names in record["imports"]) == imports(module)
    doc = (ast.get_docstring(module) or "").strip().splitlines()
    assert record["doc"] == (doc[0].strip() if doc else "")
    assert record["unparsed"] is None


@pytest.mark.parametrize("source", NASTY)
def test_the_scanner_finds_what_ast_finds(source):
    assert_equal_to_ast(source)


_STATEMENT = st.sampled_from(
    [
        "x = 1",
        "x = '''\ndef no(): pass\n'''",
        '"""\nimport no\n"""',
        "y = 'it\\'s' # don't",
        "z = [a\nfor a in b]",
        'w = "#" + \'"""\'',
        "import a.b as c, d",
        "from ..p import (q,\n r)",
        "# comment: import no",
        "t = 'a \\\nimport no'",
        "pass; import late",
    ]
)
_HEADER = st.sampled_from(
    [
        "def f(a, b=')'):",
        "async def g(\n  a: int = 1,\n) -> 'x':",
        "class C(B, m=1):",
        "class D:",
        "if x:",
        "for i in y:",
        "while x :",
        "with a as b, \\\n  c:",
    ]
)


@st.composite
def _block(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Lines of a block; those of its statements' continuations stand at column 0, as they may."""
    pad = "    " * depth
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        if depth < 4 and draw(st.booleans()):
            lines.append(pad + draw(_HEADER))
            lines += draw(_block(depth + 1))
        else:
            lines.append(pad + draw(_STATEMENT))
    return [*lines, pad + "pass"]


@settings(max_examples=300, deadline=None)
@given(_block())
def test_any_nesting_of_statements_is_read_as_ast_reads_it(lines):
    assert_equal_to_ast("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\nprint 'hello'\n", 2),
        ("try:\n    pass\nexcept A, e:\n    pass\n", 3),
        ("try:\n    pass\nexcept (A, B), e:\n    pass\n", 3),
        ("def f((a, b)): pass\n", 1),
        ("def f(a, (b, c)): pass\n", 1),
        ("exec 'x'\n", 1),
        ("x = `y`\n", 1),
        ("if x <> y: pass\n", 1),
        ("raise A, 'text'\n", 1),
        ("x = (1,\n", 1),
        ("def broken(:\n    pass\n", 1),
        ("def broken\n    pass\n", 1),
        ("class :\n", 1),
        ('"""never closed\n', 1),
        ("this that\n", 1),
    ],
)
def test_what_does_not_parse_is_named_with_its_line(source, line):
    assert scan(source.encode())["unparsed"] == f"SyntaxError line {line}"


def test_symbols_of_a_file_that_does_not_parse_are_still_found():
    record = scan(b"import os\nprint 'old'\ndef a(x): pass\nclass B:\n    def c(self): pass\n")
    assert [one["name"] for one in record["symbols"]] == ["a", "B", "B.c"]
    assert record["unparsed"] == "SyntaxError line 2"


@pytest.mark.parametrize(
    ("source", "signature"),
    [
        ("def f(self, x: int = 1) -> str: pass", "(self, x: int = 1) -> str"),
        ("class A(Base): pass", "(Base)"),
        ("class A: pass", ""),
        ("def f(\n    a,  # why\n    b='  x',\n): pass", "(a, b='  x')"),
        ("def f(\n    a,\n    b=(1,),\n) -> dict[\n    str, int\n]: pass", "(a, b=(1,)) -> dict[str, int]"),
        ("def f( a ): pass", "(a)"),
        ("def f(b=(1,)): pass", "(b=(1,))"),
    ],
)
def test_a_signature_is_one_line_with_its_strings_untouched(source, signature):
    assert scan(source.encode())["symbols"][0]["signature"] == signature


def test_a_nul_byte_and_undecodable_bytes_are_reasons():
    assert scan(b"def a(): pass\n\0")["unparsed"] == "NUL byte"
    assert scan(b"x = '\xe9'\ndef a(): pass\n")["unparsed"] == "cannot be decoded as utf-8"
    assert scan(b"# coding: nonsense\nx = '\xe9'\n")["unparsed"] == "cannot be decoded as nonsense"


def test_a_coding_cookie_is_obeyed():
    record = scan("# -*- coding: latin-1 -*-\n'''Größe'''\ndef grün(): pass\n".encode("latin-1"))
    assert (record["doc"], record["symbols"][0]["name"], record["unparsed"]) == ("Größe", "grün", None)


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "def f(\n",
        "def f(a='",
        "if (\n",
        "class A:\nif (\n",
        "'",
        '"""',
        "x;import ",
        "`",
        "# `\n",
        "\\\n",
    ],
)
@pytest.mark.parametrize("start", ["", "def f():\n", "'''", "class A:\n    def m(self):\n        x = ("])
def test_hostile_repetition_takes_linear_time(unit, start):
    content = (start + unit * (400_000 // len(unit))).encode()
    began = time.process_time()
    scan(content)
    assert time.process_time() - began < 8


@pytest.mark.parametrize(
    "unit", ["from a import (", "from . ", "import a,", "import\\\n", "f(':", "async ", "{[("]
)
def test_hostile_statements_take_linear_time(unit):
    began = time.process_time()
    scan((unit * (400_000 // len(unit))).encode())
    assert time.process_time() - began < 8
