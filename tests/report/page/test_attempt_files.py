import json
import os

import pytest

from contexttune.errors import ConfigError
from contexttune.report import group
from contexttune.system.files import write_json
from tests.gitrepos import layout
from tests.report.page_groups import (
    GROUP,
    details_of,
    write_run,
)


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_a_received_results_directory_cannot_read_files_of_its_recipient(tmp_path):
    place = layout(tmp_path / "received")
    run_id = write_run(place, "no_context", 0, {"a": "unresolved"}, log="their own", messages={"a": []})
    logs = place.run(GROUP, run_id) / "harness/ct-1/logs/run_evaluation/ct-1/m/a"
    (tmp_path / "secret").write_text("key")
    (logs / "test_output.txt").rename(logs / "log.txt")
    (logs / "test_output.txt").symlink_to("log.txt")
    assert details_of(place).attempts[0].log == "their own"
    (logs / "test_output.txt").unlink()
    (logs / "test_output.txt").symlink_to(tmp_path / "secret")
    os.mkfifo(logs / "apply.txt")
    trajectory = place.instance(GROUP, run_id, "a") / "a.traj.json"
    with trajectory.open("ab") as sink:
        sink.truncate(65_000_000)
    found = details_of(place).attempts[0]
    assert (found.log, found.has_trajectory) == ("", False)
    for damaged in ('["no mapping"]', "[" * 100_000, "{"):
        (logs / "report.json").write_text(damaged)
        assert details_of(place).attempts[0].failed == {}
    record = place.run(GROUP, run_id) / "run.json"
    run = json.loads(record.read_bytes())
    write_json(record, run | {"run_id": "../../x", "group_id": "../y"})
    assert [row["part_id"] for row in group.read(place, GROUP).rows] == [run_id]
    write_json(record, run | {"instances": [{"instance_id": "../../a", "repo": "o/r"}]})
    with pytest.raises(ConfigError, match=r"an instance called '\.\./\.\./a'"):
        group.read(place, GROUP)
