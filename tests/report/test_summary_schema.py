from pathlib import Path

import jsonschema
import pytest

from contexttune.report.summary import rebuild
from contexttune.report.summary_schema import json_schema
from contexttune.system.files import read_json
from tests.gitrepos import layout
from tests.report.groups import GROUP, write_run


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_a_summary_meets_its_published_schema(place):
    for seed in (0, 1):
        write_run(place, f"n{seed}", "no_context", seed, dict.fromkeys("abcdef", "unresolved"))
        outcomes = dict.fromkeys("abcd", "resolved") | dict.fromkeys("ef", "unresolved")
        write_run(place, f"b{seed}", "baseline_context", seed, outcomes)
    schema = read_json(Path(__file__).parents[2] / "docs" / "summary.schema.json")
    assert schema == json_schema(), "make schema"
    rebuild(place, GROUP)
    jsonschema.validate(read_json(place.group(GROUP) / "summary.json"), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read_json(place.group(GROUP) / "summary.json") | {"contrasts": [{}]}, schema)
