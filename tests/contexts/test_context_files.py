"""Contexts on the disk."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from contexttune.contexts.cards_context import CardsContext
from contexttune.contexts.context_files import ContextStage
from contexttune.contexts.placebo_shuffled import PlaceboShuffled
from contexttune.errors import ConfigError
from contexttune.interfaces import Card, ContextGenerator
from contexttune.types import Context
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


@dataclass(frozen=True, kw_only=True)
class Odd(ContextGenerator):
    """Builds whatever it is given."""

    version: ClassVar[int] = 1
    name: str = "odd"
    made: Any

    def build(self, repo, instance):
        return self.made


ODD: list[dict[str, Any]] = [{"text": None}, {"text": "a", "cards": "b"}]


@pytest.mark.parametrize("made", [None, "text", *(Context(**keys) for keys in ODD)])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_condition_that_builds_no_context_is_named(tmp_path, made, wrapped):
    odd = Odd(made=made)
    generator = PlaceboShuffled(of=odd) if wrapped else odd
    stage = ContextStage(layout=layout(tmp_path), generator=generator, settings={}, signals=[])
    with pytest.raises(ConfigError, match=r"condition=odd: Odd\.build must return a Context"):
        stage.build(at(), instance(1))


@dataclass(frozen=True, kw_only=True)
class OddCard(Card):
    version: ClassVar[int] = 1
    name: str = "odd"

    def render(self, signals):
        return ["a line"]


def test_a_card_that_renders_no_text_is_named():
    with pytest.raises(ConfigError, match=r"condition\.cards\.mine: OddCard\.render must return a string"):
        CardsContext(name="c", cards={"mine": OddCard()}).build(at(), None)
