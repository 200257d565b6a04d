import pytest

from contexttune.errors import InfraError
from contexttune.models.metering import Meter, TokenLimits
from contexttune.models.prices import Price
from contexttune.models.wire import answer_in
from contexttune.types import Answered, Usage


def answered(prompt: int | None, completion: int | None, **took) -> Answered:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    response = {"model": "served", "choices": [], "usage": usage}
    return Answered(answer_in(response), **{"n_requests": 1, "waited_s": 0.0} | took)


def test_a_meter_adds_up_requests_tokens_costs_and_waits():
    meter = Meter(price=Price(prompt=1.0, completion=2.0))
    assert meter.count(answered(100, 10, n_requests=3, waited_s=1.5)) == pytest.approx(120e-6)
    meter.count(answered(50, 5, n_requests=0, replayed_s=2.0))
    assert (meter.n_calls, meter.n_requests, meter.waited_s, meter.replayed_s) == (2, 3, 1.5, 2.0)
    assert (meter.usage.prompt_tokens, meter.usage.completion_tokens) == (150, 15)
    assert meter.cost_usd == pytest.approx(180e-6)
    assert meter.served_model == "served"


def test_a_cost_that_is_unknown_once_stays_unknown():
    meter = Meter(price=Price(prompt=1.0, completion=2.0))
    assert meter.count(answered(None, None)) is None
    meter.count(answered(100, 10))
    assert meter.cost_usd is None
    unpriced = Meter(price=None)
    unpriced.count(answered(1, 1))
    assert unpriced.cost_usd is None


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        ({}, False),
        ({"completion_tokens": 10}, True),
        ({"completion_tokens": 11}, False),
        ({"total_tokens": 110}, True),
        ({"total_tokens": 111}, False),
    ],
)
def test_a_limit_is_reached_at_its_value(limits, reached):
    assert TokenLimits(**limits).reached(Usage(prompt_tokens=100, completion_tokens=10)) is reached


@pytest.mark.parametrize("key", ["completion_tokens", "total_tokens", "cost_usd"])
def test_a_limit_needs_an_endpoint_that_counts(key):
    TokenLimits().require_counts(Usage())
    with pytest.raises(InfraError, match="counts no tokens"):
        TokenLimits(**{key: 1}).require_counts(Usage(prompt_tokens=1))
