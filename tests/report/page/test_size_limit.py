import random
from string import ascii_letters

import pytest

from tests.gitrepos import layout
from tests.report.page_groups import (
    conversation,
    unpacked,
    write_page,
    write_run,
)


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_details_are_shortened_to_fit_discordant_instances_last(place):
    def noise(name, condition):  # letters by lot, which do not compress to nothing
        return "".join(random.Random(name + condition).choices(ascii_letters, k=12_000))

    names = [f"i{number}" for number in range(12)]
    for condition, lost in (("no_context", names[:2]), ("baseline_context", [])):
        outcomes = {name: "unresolved" if name in lost else "resolved" for name in names}
        messages = {name: conversation("ls", output=noise(name, condition)) for name in names}
        write_run(place, condition, 0, outcomes, messages=messages)
    whole = write_page(place)
    assert "To keep this file below" not in whole.read_text()
    _, details = unpacked(whole)
    assert not any(attempt["is_cut"] for detail in details for attempt in detail["attempts"])
    limit = (whole.stat().st_size - 60_000) / 1e6
    cut = write_page(place, max_mb=limit)
    assert cut.stat().st_size <= limit * 1e6
    assert "instances that the arms resolve equally often" in cut.read_text()
    index, details = unpacked(cut)
    is_cut = {i["id"]: d["attempts"][0]["is_cut"] for i, d in zip(index["instances"], details, strict=True)}
    assert is_cut == {name: name not in names[:2] for name in names}
