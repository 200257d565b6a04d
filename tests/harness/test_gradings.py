"""Rows that the harness would fail on, refused before anything is spent."""

from __future__ import annotations

from typing import Any

import pytest

from contexttune.errors import ConfigError
from contexttune.harness.gradings import EVAL_TYPES, log_parsers, require_gradable
from contexttune.instances.row_checks import HARNESS, instance_of
from tests.instances.test_slices import row


def instances(*changes: dict[str, Any]) -> list[Any]:
    return [instance_of(row(number) | change, "rows.jsonl") for number, change in enumerate(changes)]


def test_the_names_are_those_of_the_installed_harness():
    from swebench.harness.constants import EvalType
    from swebench.harness.log_parsers import PARSER_REGISTRY

    assert log_parsers() == PARSER_REGISTRY.keys()
    assert {each.value for each in EvalType} == EVAL_TYPES


@pytest.mark.parametrize(
    "change",
    [
        {"FAIL_TO_PASS": '["a::b"]', "PASS_TO_PASS": []},
        {"image": "registry.example:5000/team/image_1776_x-1:v1.2"},
        {"image": "image@sha256:" + "0" * 64},
        {"eval_type": "fail_only", "log_parser": "parse_log_pytest_v2"},
    ],
)
def test_what_the_harness_reads_is_taken(change):
    require_gradable(instances(change), in_images=True)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"FAIL_TO_PASS": "['tests/test_core.py::test_mean_empty']"}, "FAIL_TO_PASS"),
        ({"FAIL_TO_PASS": "tests/test_core.py::test_mean_empty"}, "FAIL_TO_PASS"),
        ({"PASS_TO_PASS": None}, "PASS_TO_PASS"),
        ({"PASS_TO_PASS": '{"a": 1}'}, "PASS_TO_PASS"),
        ({"PASS_TO_PASS": [1, 2]}, "PASS_TO_PASS"),
        ({"image": "Swebench/UPPER:latest"}, "image"),
        ({"image": ""}, "image"),
        ({"image": "a b"}, "image"),
        ({"log_parser": "parse_log_nope"}, "log_parser"),
        ({"log_parser": None}, "log_parser"),
        ({"eval_type": "both"}, "eval_type"),
        ({"eval_script": None}, "eval_script"),
        ({"eval_script": " "}, "eval_script"),
    ],
)
def test_an_odd_row_is_refused_by_name_and_column(change, column):
    with pytest.raises(ConfigError, match=f"a__b-1: [^;]*{column}") as caught:
        require_gradable(instances({}, change, {}), in_images=True)
    assert "a__b-0" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_image_is_asked_for_where_one_is_used():
    require_gradable(instances({"image": ""}), in_images=False)


def test_rows_made_for_an_older_harness_are_refused_by_column():
    old = {key: value for key, value in row(1).items() if key not in HARNESS[3:]}
    with pytest.raises(ConfigError, match="image, eval_script, log_parser, eval_type"):
        require_gradable([instance_of(old, "rows.jsonl")], in_images=True)
