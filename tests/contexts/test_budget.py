from hypothesis import given
from hypothesis import strategies as st

from contexttune.contexts.budget import cut, fit, heading, join
from contexttune.types import CardText

CARDS = st.lists(
    st.builds(
        lambda i, lines: CardText(name=f"card_{i}", text="\n".join(lines)),
        st.integers(0, 99),
        st.lists(
            st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=60),
            min_size=1,
            max_size=30,
        ),
    ),
    max_size=8,
)


@given(cards=CARDS, card_chars=st.integers(1, 900), total_chars=st.integers(1, 3200))
def test_the_budgets_are_hard_bounds_and_cuts_are_at_line_ends(cards, card_chars, total_chars):
    fitted = fit(cards, card_chars=card_chars, total_chars=total_chars)
    assert len(join(fitted)) <= total_chars
    whole = {f"{heading(c.name)}\n{c.text.strip()}\n" for c in cards}
    for card in fitted:
        assert len(card.text) <= card_chars
        assert any(text.startswith(f"{card.text}\n") or text.rstrip() == card.text for text in whole) or any(
            card.text in text for text in whole
        )


@given(cards=CARDS)
def test_nothing_is_lost_when_all_fits(cards):
    fitted = fit(cards, card_chars=10_000, total_chars=100_000)
    assert [c.text.split("\n", 1)[1] for c in fitted] == [c.text.strip() for c in cards if c.text.strip()]


def test_long_cards_give_way_before_short_ones():
    long = CardText(name="long", text="\n".join(f"line {n}" for n in range(100)))
    short = CardText(name="short", text="kept whole")
    fitted = fit([long, short], card_chars=900, total_chars=200)
    assert fitted[1].text == "## Short\nkept whole"
    assert 150 < len(join(fitted)) <= 200


def test_a_first_line_longer_than_the_budget_leaves_nothing():
    assert cut("x" * 50, 10) == ""
    assert fit([CardText(name="wide", text="x" * 50)], card_chars=20, total_chars=100) == []
