import logging

import pytest

from contexttune.contexts.context_files import ContextStage
from contexttune.contexts.file_context import FileContext
from contexttune.errors import ConfigError
from tests.contexts.stubs import SHA, at, instance
from tests.gitrepos import layout


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_path_names_repository_commit_and_instance(here):
    file = here / "a" / "b" / f"{SHA}-a__b-1.md"
    file.parent.mkdir(parents=True)
    file.write_text("mine\n")
    generator = FileContext(path="{owner}/{name}/{commit}-{instance_id}.md")
    assert generator.per_instance
    assert generator.build(at(), instance(1)).text == "mine"
    assert FileContext(path="{repo}/" + file.name).build(at(), None).text == "mine"
    assert not FileContext(path="{repo}.md").per_instance


def test_an_edited_file_is_another_context(here):
    (here / "b.md").write_text("one")
    generator = FileContext(path="{name}.md")
    stage = ContextStage(layout=layout(here), generator=generator, settings={}, signals=[])
    stage.build(at(), instance(1))
    assert "one" in stage.saved_block(instance(1))
    (here / "b.md").write_text("two")
    assert stage.saved_block(instance(1)) is None
    assert "two" in stage.build(at(), instance(1))


def test_bytes_that_are_not_utf8_and_foreign_line_ends_are_read(here):
    (here / "b.md").write_bytes(b"\xef\xbb\xbfcaf\xe9\r\nx\r\n")
    assert FileContext(path="b.md").build(at(), None).text == "caf\ufffd\nx"


def test_a_missing_file_names_the_key_or_sends_no_block(here):
    for ask in (lambda g: g.build(at(), None), lambda g: g.inputs(instance(1))):
        with pytest.raises(
            ConfigError, match=r"condition\.path=\{name\}\.md: b\.md .*condition\.missing=empty"
        ):
            ask(FileContext(path="{name}.md"))
    generator = FileContext(path="{name}.md", missing="empty")
    assert generator.inputs(instance(1)) is None
    assert generator.build(at(), None).text == ""


def test_an_empty_file_is_no_block_with_a_warning(here, caplog):
    (here / "empty.md").write_text("\n\n")
    assert FileContext(path="empty.md").build(at(), None).text == ""
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "empty.md" in caplog.text


def test_a_directory_is_one_sentence(here):
    with pytest.raises(ConfigError, match=r"condition\.path=\.: \. cannot be read"):
        FileContext(path=".").build(at(), None)


@pytest.mark.parametrize("unit", ["chars", "tokens"])
def test_what_is_over_the_budget_is_cut_at_a_line_end_with_one_warning(here, caplog, unit):
    (here / f"{unit}.md").write_text("\n".join(f"line {n}" for n in range(100)))
    generator = FileContext(path=f"{unit}.md", budget=50, budget_unit=unit)
    with caplog.at_level(logging.WARNING):
        text = generator.build(at(), None).text
        generator.build(at("c/d"), None)
    assert text.startswith("line 0\nline 1\n")
    assert (here / f"{unit}.md").read_text().startswith(f"{text}\n")
    assert len(caplog.messages) == 1
    assert "condition.budget" in caplog.messages[0]


def test_a_first_line_over_the_budget_is_refused_and_not_an_arm_without_a_block(here):
    (here / "b.md").write_text("x" * 100)
    with pytest.raises(ConfigError, match=r"condition\.budget=50 chars"):
        FileContext(path="b.md", budget=50).build(at(), None)


@pytest.mark.parametrize("path", ["", " ", "{branch}.md", "{}.md"])
def test_a_path_that_cannot_be_is_refused_when_it_is_configured(path):
    with pytest.raises(ConfigError, match=r"condition\.path=.*\{repo\}"):
        FileContext(path=path)
