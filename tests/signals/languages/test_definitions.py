"""Definitions of sources whose definitions are known by line."""

from textwrap import dedent

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contexttune.signals.languages.definitions import UnreadableSource, symbols
from contexttune.signals.languages.grammars import LANGUAGES
from contexttune.signals.languages.queries import QUERIES

KNOWN = {
    "javascript": (
        """
        class Box extends Base { constructor(size) { super(); } get size() { return 1 } #hide() {} open = (x) => 1; }
        function top(a, b = {x: 1}) { function inner() {} const local = e => { return e }; }
        const arrow = async (a, b) => { return a };
        const Docs = { init: function() {}, run() {}, data: {a: 1} };
        Foo.prototype.bar = function (a) {};
        module.exports.baz = function (a) {};
        module.exports = function fn() { function self() {} };
        (function ($) { function hidden() {} })(jQuery);
        call({success: function() {}, fail() {}});
        let Other = class extends Box { go() {} };
        export default { data() { return {} } };
        """,
        [
            ("class", "Box", 2, "extends Base"),
            ("method", "Box.constructor", 2, "(size)"),
            ("method", "Box.size", 2, "()"),
            ("method", "Box.#hide", 2, "()"),
            ("method", "Box.open", 2, "(x)"),
            ("function", "top", 3, "(a, b = {x: 1})"),
            ("function", "top.inner", 3, "()"),
            ("function", "top.local", 3, "e"),
            ("function", "arrow", 4, "(a, b)"),
            ("class", "Docs", 5, ""),
            ("method", "Docs.init", 5, "()"),
            ("method", "Docs.run", 5, "()"),
            ("method", "Foo.bar", 6, "(a)"),
            ("function", "baz", 7, "(a)"),
            ("function", "self", 8, "()"),
            ("function", "hidden", 9, "()"),
            ("class", "Other", 11, "extends Box"),
            ("method", "Other.go", 11, "()"),
            ("function", "data", 12, "()"),
        ],
    ),
    "typescript": (
        """
        @dec()
        export abstract class Box<T> implements Open {
          abstract go(): void;
          @dec() public run(
            a: number,
          ): Promise<void> { }
          arrow = (a: string): void => {};
        }
        interface Open extends Shut { open(): void; kind: string }
        enum Colour { Red }
        type Pair = { a: string };
        function over(a: string): string;
        namespace Space { export function inside() {} }
        """,
        [
            ("class", "Box", 3, "<T> implements Open"),
            ("method", "Box.go", 4, "(): void"),
            ("method", "Box.run", 5, "( a: number, ): Promise<void>"),
            ("method", "Box.arrow", 8, "(a: string): void"),
            ("class", "Open", 10, "extends Shut"),
            ("method", "Open.open", 10, "(): void"),
            ("class", "Colour", 11, ""),
            ("class", "Pair", 12, ""),
            ("function", "over", 13, "(a: string): string"),
            ("function", "Space.inside", 14, "()"),
        ],
    ),
    "tsx": (
        "\nexport function App({ name }: Props) { return <b onClick={() => 1}>{name}</b>; }\n",
        [("function", "App", 2, "({ name }: Props)")],
    ),
    "rust": (
        """
        pub struct Foo<T> { a: T }
        impl<T> Foo<T> { pub fn new(a: T) -> Self { fn local() {} Foo { a } } }
        impl<T> Display for Foo<T> { fn fmt(&self) -> Result { } }
        trait Need { fn need(&self); }
        enum Kind { A }
        macro_rules! mac { () => {} }
        mod inner { pub fn deep() {} }
        pub async fn top(a: u8,
            b: u8) -> u8 { 1 }
        #[tokio::test]
        // slow
        async fn works() {}
        #[cfg(test)]
        #[allow(unused)]
        mod tests { fn shared() {} #[test] fn it_works() {} }
        #[cfg(feature = "test")]
        fn r#async() {}
        """,
        [
            ("class", "Foo", 2, "<T>"),
            ("method", "Foo.new", 3, "(a: T) -> Self"),
            ("function", "Foo.new.local", 3, "()"),
            ("method", "Foo.fmt", 4, "(&self) -> Result"),
            ("class", "Need", 5, ""),
            ("method", "Need.need", 5, "(&self)"),
            ("class", "Kind", 6, ""),
            ("function", "mac", 7, ""),
            ("function", "inner.deep", 8, "()"),
            ("function", "top", 9, "(a: u8, b: u8) -> u8"),
            ("function", "async", 18, "()"),
        ],
    ),
    "go": (
        """
        package x
        type Box struct { a int }
        type Doer interface { Do(x int) error }
        func (b *Box) Run(a int) (int, error) { return 1, nil }
        func (g Pair[K]) Get() {}
        func main() { h := func() {}; h() }
        """,
        [
            ("class", "Box", 3, "struct"),
            ("class", "Doer", 4, "interface"),
            ("method", "Doer.Do", 4, "(x int) error"),
            ("method", "Box.Run", 5, "(a int) (int, error)"),
            ("method", "Pair.Get", 6, "()"),
            ("function", "main", 7, "()"),
        ],
    ),
    "java": (
        """
        package a.b;
        @Anno(x=1)
        public class Foo<T> extends Bar {
          public Foo(int a) {}
          @Override
          public List<T> get(int a) throws IOException { return null; }
          static class In { void m() {} }
        }
        interface Open { void open(); }
        enum Kind { A; void q() {} }
        record Pair(int a) { }
        """,
        [
            ("class", "Foo", 4, "<T> extends Bar"),
            ("method", "Foo.Foo", 5, "(int a)"),
            ("method", "Foo.get", 7, "(int a) throws IOException"),
            ("class", "Foo.In", 8, ""),
            ("method", "Foo.In.m", 8, "()"),
            ("class", "Open", 10, ""),
            ("method", "Open.open", 10, "()"),
            ("class", "Kind", 11, ""),
            ("method", "Kind.q", 11, "()"),
            ("class", "Pair", 12, "(int a)"),
        ],
    ),
    "ruby": (
        """
        module M
          class A::B < C
            def initialize(a, b: 1) = 1
            def self.make; end
            def valid?(x)
            end
            class << self
              def k(a); a; end
            end
          end
        end
        def top; end
        """,
        [
            ("class", "M", 2, ""),
            ("class", "M.A.B", 3, "< C"),
            ("method", "M.A.B.initialize", 4, "(a, b: 1)"),
            ("method", "M.A.B.make", 5, ""),
            ("method", "M.A.B.valid?", 6, "(x)"),
            ("method", "M.A.B.k", 9, "(a)"),
            ("function", "top", 13, ""),
        ],
    ),
    "php": (
        """<?php
        namespace A\\B;
        abstract class Foo extends Bar { public function run(int $a): ?string { } abstract function z(); }
        interface Open { function a(); }
        function top($a) { }
        """,
        [
            ("class", "Foo", 3, "extends Bar"),
            ("method", "Foo.run", 3, "(int $a): ?string"),
            ("method", "Foo.z", 3, "()"),
            ("class", "Open", 4, ""),
            ("method", "Open.a", 4, "()"),
            ("function", "top", 5, "($a)"),
        ],
    ),
    "c": (
        """
        #define MAX(a, b) ((a) > (b) ? (a) : (b))
        struct point { int x; };
        typedef struct { int y; } Pair;
        static int
        add(int a, int b)
        { return a + b; }
        static PyObject *wrap(PyObject *self) { return NULL; }
        int proto(int);
        """,
        [
            ("function", "MAX", 2, "(a, b)"),
            ("class", "point", 3, ""),
            ("class", "Pair", 4, ""),
            ("function", "add", 6, "(int a, int b)"),
            ("function", "wrap", 8, "(PyObject *self)"),
        ],
    ),
    "cpp": (
        """
        namespace a {
        template <typename T> class Foo : public Bar { public: Foo(int a); ~Foo(); int run(const T& x) const; };
        template <typename T> int Foo<T>::run(const T& x) const { return 1; }
        std::string& top() { }
        }
        extern "C" { int cfun(void) { return 1; } }
        """,
        [
            ("class", "Foo", 3, "public Bar"),
            ("method", "Foo.Foo", 3, "(int a)"),
            ("method", "Foo.~Foo", 3, "()"),
            ("method", "Foo.run", 3, "(const T& x) const"),
            ("method", "Foo.run", 4, "(const T& x) const"),
            ("function", "top", 5, "()"),
            ("function", "cfun", 7, "(void)"),
        ],
    ),
}


@pytest.mark.parametrize("language", KNOWN)
def test_kinds_qualified_names_lines_and_signatures(language):
    source, expected = KNOWN[language]
    found = symbols(dedent(source).encode(), language)
    assert [(s["kind"], s["name"], s["line"], s["signature"]) for s in found] == expected


def test_every_language_has_queries_and_a_test():
    assert set(LANGUAGES.values()) == set(QUERIES) == set(KNOWN)


@given(st.binary(max_size=300), st.sampled_from(sorted(QUERIES)))
@example(b"class \xff { m\xe9() {} }", "javascript")
@settings(max_examples=150, deadline=None)
def test_symbols_of_any_bytes_have_one_line_each(content, language):
    try:
        found = symbols(content, language)
    except UnreadableSource:
        assert b"\0" in content
        return
    for symbol in found:
        assert "\n" not in f"{symbol['name']}{symbol['signature']}"
        assert 1 <= symbol["line"] <= content.count(b"\n") + 1


@pytest.mark.parametrize(
    ("content", "language", "reason"),
    [
        (b"a<" * 60_000, "cpp", "minified"),
        (b"a<\n" * 60_000, "cpp", "too complex"),
        (b"function f() {}\0", "javascript", "NUL byte"),
        (b"var a=1;" * 1_000, "javascript", "minified"),
    ],
)
def test_minified_and_too_complex_files_are_not_read(content, language, reason):
    with pytest.raises(UnreadableSource, match=reason):
        symbols(content, language)
    assert symbols(b"int f() {}\n", "cpp")[0]["name"] == "f"  # the parser can be used again


def test_deeply_nested_definitions_are_found():
    source = b"\n".join(b"function f%d() {" % n for n in range(2_000)) + b"\n}" * 2_000
    found = symbols(source, "javascript")
    assert [s["name"].rpartition(".")[2] for s in found] == [f"f{n}" for n in range(2_000)]
    assert max(len(s["name"]) for s in found) < 500
