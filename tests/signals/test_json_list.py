"""JsonList are a list that costs nothing until it is read."""

from __future__ import annotations

import json

import orjson
import pytest

from contexttune.signals.json_list import JsonList, as_json, dump_lines

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
