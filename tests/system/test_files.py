import json
import math

import pytest

from contexttune.system.files import append_jsonl, dump_json, fingerprint, read_json, read_jsonl, write_atomic


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_torn_last_line_is_dropped(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, {"n": 1})
    path.write_bytes(path.read_bytes() + b'{"n": 2, "te')
    assert read_jsonl(path) == [{"n": 1}]


def test_a_damaged_line_in_the_middle_is_an_error_and_not_data_loss(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n": 1}\n{"n"\n{"n": 3}\n')
    with pytest.raises(ValueError, match=r"rows\.jsonl is damaged in line 2"):
        read_jsonl(path)


def test_unicode_line_separators_stay_inside_their_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, {"text": "a\u2028b\r\nc\udcff"})
    assert read_jsonl(path) == [{"text": "a\u2028b\r\nc\udcff"}]


def test_json_on_disk_is_sorted_and_has_no_nan():
    assert dump_json({"b": 1, "a": "é"}) == '{\n  "a": "é",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON compliant"):
        dump_json(math.nan)


def test_a_fingerprint_depends_on_values_and_not_on_their_order():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint(json.loads('{"b": [2], "a": 1}'))
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_an_absent_file_reads_as_none(tmp_path):
    assert read_json(tmp_path / "absent.json") is None
