import pytest

from contexttune.errors import ConfigError
from contexttune.report.summary import rebuild
from contexttune.system.files import write_json
from tests.gitrepos import layout
from tests.report.groups import GROUP, write_run


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_the_error_for_an_unknown_group_lists_the_others(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    write_json(place.group(GROUP) / "group.json", {})
    with pytest.raises(ConfigError, match="available groups: g"):
        rebuild(place, "absent")
