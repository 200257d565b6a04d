"""Contexts on the disk."""

import pytest

from contexttune.contexts.context_files import ContextStage
from tests.contexts.stubs import Said, at, instance
from tests.gitrepos import layout


@pytest.mark.parametrize("damage", ["", "{", '{"text": "caf'])
def test_a_context_that_a_power_cut_has_emptied_is_built_again(tmp_path, caplog, damage):
    stage = ContextStage(
        layout=layout(tmp_path), generator=Said(texts={"a/b": "words"}), settings={}, signals=[]
    )
    built = stage.build(at(), instance(1))
    assert stage.saved_block(instance(1)) == built
    (saved,) = (tmp_path / "artifacts").rglob("*.json")
    good = saved.read_bytes()
    saved.write_text(damage)
    assert stage.saved_block(instance(1)) is None
    assert "is damaged" in caplog.text
    assert stage.build(at(), instance(1)) == built
    assert saved.read_bytes() == good
