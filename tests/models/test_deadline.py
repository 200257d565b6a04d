import time

import pytest

from contexttune.errors import InfraError
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.wire import completion_of
from contexttune.types import Message
from tests.models.fault_server import serving, trickle

MESSAGES = [Message(role="user", content="fix it")]


def model(url: str, timeout_s: float) -> OpenAICompatible:
    return OpenAICompatible(seed=3, name="m", base_url=url, api_key_env=None, timeout_s=timeout_s, attempts=1)


def test_an_answer_that_only_trickles_is_an_outage_and_a_slow_one_is_not():
    with serving(trickle(0.1, 100)) as server, model(server.url, timeout_s=0.5) as endpoint:
        began = time.monotonic()
        with pytest.raises(InfraError, match="took more than"):
            endpoint.chat(MESSAGES)
        assert time.monotonic() - began < 5
    with serving(trickle(0.1, 3)) as server, model(server.url, timeout_s=5.0) as endpoint:
        assert completion_of(endpoint.chat(MESSAGES)).text == "late"
