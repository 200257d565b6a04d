"""JsonList are a list that costs nothing until it is read."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contexttune.signals.cache.raw_json import JsonList, as_json, dump_lines

ITEMS = [
    {"name": "A", "kind": "class", "line": 1, "signature": "(B)"},
    {"name": "A.größe", "kind": "method", "line": 2, "signature": '(self, x="\\n")'},
]


def test_symbols_read_like_the_list_they_stand_for():
    symbols = JsonList.of(ITEMS)
    assert symbols == ITEMS
    assert symbols == ITEMS
    assert symbols == JsonList.of(ITEMS)
    assert symbols != ITEMS[:1]
    assert symbols != JsonList.of(ITEMS[:1])
    assert [one["name"] for one in symbols] == ["A", "A.größe"]
    assert (len(symbols), symbols[1], symbols[-1:], ITEMS[0] in symbols) == (2, ITEMS[1], ITEMS[1:], True)


def test_the_length_is_known_without_decoding():
    assert len(JsonList(b"not JSON", 7)) == 7
    with pytest.raises(orjson.JSONDecodeError):
        list(JsonList(b"not JSON", 7))


def test_symbols_cannot_be_changed():
    with pytest.raises(TypeError):
        JsonList.of(ITEMS)[0] = {}


def test_a_dump_has_the_same_bytes_for_symbols_and_for_a_list():
    lazy = {
        "modules": {"a.py": {"symbols": JsonList.of(ITEMS), "doc": ""}, "b.py": {"symbols": JsonList.of([])}}
    }
    plain = {"modules": {"b.py": {"symbols": []}, "a.py": {"doc": "", "symbols": [*map(dict, ITEMS)]}}}
    assert dump_lines(lazy) == dump_lines(plain)
    assert json.loads(dump_lines(lazy)) == plain
    assert dump_lines(json.loads(dump_lines(lazy))) == dump_lines(lazy)


def test_a_dump_has_a_line_for_each_key_and_one_for_a_whole_list():
    assert dump_lines({"b": [1, {"z": 1, "a": 2}], "a": {"x": JsonList.of([])}}).decode() == (
        '{\n  "a": {\n    "x": []\n  },\n  "b": [1,{"a":2,"z":1}]\n}\n'
    )


def test_what_is_no_json_value_is_refused():
    with pytest.raises(TypeError, match="set"):
        as_json({1})


@given(
    items=st.lists(
        st.recursive(
            st.integers(0, 9) | st.text(max_size=4) | st.sampled_from([',{"', "]", '{"a":1}']),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_last_item_is_the_same_whether_it_is_decoded_alone_or_not(items):
    raw = JsonList.of(items).raw
    assert JsonList(raw, len(items))[-1] == items[-1]


def test_the_last_of_many_objects_is_had_without_the_others():
    broken = b'[{"n":!},{"n":1,"text":",{\\"n\\":2}"}]'
    assert JsonList(broken, 2)[-1] == {"n": 1, "text": ',{"n":2}'}
