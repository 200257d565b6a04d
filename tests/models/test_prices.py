import pytest
import yaml

from contexttune.errors import ConfigError
from contexttune.models.prices import Price, price_of
from contexttune.paths import config_dir
from contexttune.types import Usage

TABLE = {"known": {"prompt": 2.0, "cached": 0.5, "completion": 8.0}}


def test_cached_tokens_are_part_of_the_prompt_and_cost_their_own_price():
    used = Usage(
        prompt_tokens=1_000_000, cached_tokens=400_000, completion_tokens=500_000, reasoning_tokens=9
    )
    assert Price(prompt=2.0, cached=0.5, completion=8.0).cost_usd(used) == pytest.approx(1.2 + 0.2 + 4.0)
    assert Price(prompt=2.0, completion=8.0).cost_usd(used) == pytest.approx(2.0 + 4.0)


@pytest.mark.parametrize("used", [Usage(), Usage(prompt_tokens=3), Usage(completion_tokens=3)])
def test_what_was_not_counted_has_no_cost(used):
    assert Price(prompt=1.0, completion=1.0).cost_usd(used) is None


def test_a_model_is_priced_by_its_own_price_then_by_the_table_and_else_not_at_all():
    assert price_of({"name": "known", "price": None}, TABLE) == Price(prompt=2.0, cached=0.5, completion=8.0)
    assert price_of({"name": "known", "price": {"prompt": 0, "completion": 0}}, TABLE) == Price(
        prompt=0.0, completion=0.0
    )
    assert price_of({"name": "unknown", "price": None}, TABLE) is None
    assert price_of({"name": None}, TABLE) is None


@pytest.mark.parametrize(
    "bad", [{"prompt": 1}, {"prompt": "x", "completion": 1}, {"prompt": -1, "completion": 1}, {"in": 1}]
)
def test_what_is_no_price_is_refused(bad):
    with pytest.raises(ConfigError, match=r"model\.price"):
        price_of({"name": "m", "price": bad}, TABLE)


def test_every_row_of_the_price_table_is_a_price():
    table = yaml.safe_load((config_dir() / "prices" / "default.yaml").read_text())
    for name in table:
        price = price_of({"name": name}, table)
        assert price is not None
        assert 0 < (price.cached or 0) < price.prompt < price.completion
