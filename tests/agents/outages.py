"""What must hold after any fault that a run of two instances has met at the second one."""

from __future__ import annotations

from tests.agents.scripted import EDIT, ROTA, SUBMIT, TABLET, Agent, calls
from tests.models.fault_server import Answer, serving

FINE: tuple[Answer, ...] = (calls(EDIT), calls(SUBMIT))
BOTH = f"{ROTA},{TABLET}"


def is_outage(agent: Agent) -> None:
    """Nothing is predicted for it and nothing is left of it; the next start finishes it alone, by what it lacked."""
    assert agent.attempt(TABLET)["status"] == "infra_error"
    before = agent.predictions()
    assert set(before) == {ROTA}
    assert remains(agent) == []
    with serving(*FINE) as sound:
        records = agent.infer(sound.url, BOTH)
    assert len(sound.requests) == len(FINE)
    assert records[TABLET]["status"] == "submitted"
    assert agent.predictions() == before | {TABLET: records[TABLET]["model_patch"]}
    assert remains(agent) == []


def is_measured(agent: Agent, instances: str = BOTH) -> None:
    """Each instance has its prediction, nothing is left, and the next start asks for nothing."""
    before = agent.predictions()
    assert set(before) == set(instances.split(","))
    assert remains(agent) == []
    with serving(*FINE) as sound:
        agent.infer(sound.url, instances)
    assert sound.requests == []
    assert agent.predictions() == before


def remains(agent: Agent) -> list[str]:
    return agent.containers()
