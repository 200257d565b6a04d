"""Commands that leave orphans or fork without end must not use up an attempt's processes."""

from __future__ import annotations

import pytest

from tests.agents.fixtures import every_engine
from tests.agents.outages import FINE, is_measured
from tests.agents.scripted import ROTA, calls
from tests.models.fault_server import serving

pytestmark = pytest.mark.slow

ORPHANS = "for i in $(seq 20); do sh -c 'sleep 0.1 & exec true'; done; sleep 1; echo left"
# as many as a bomb may have, and no more where there is no limit
BOMB = "for i in $(seq 200); do sleep 60 & done; sleep 60"
# without a process for each: `cat /proc/*/stat` would fail where there is none left
COUNT = 'n=0; for p in /proc/[0-9]*/stat; do read -r line < "$p" && case $line in *") Z "*) n=$((n+1));; esac; done; echo $n zombies'
FIRST = "tr '\\0' ' ' < /proc/1/cmdline; echo"


@every_engine()
def test_orphans_are_reaped_and_a_fork_bomb_leaves_room_for_the_next_command(any_agent):
    bombs = (calls(ORPHANS), calls(COUNT), calls(BOMB), calls(f"{COUNT}; ls /testbed/README.md"))
    with serving(*bombs, calls(FIRST), *FINE) as server:
        records = any_agent.infer(server.url, pids_limit=64, command_timeout_s=4)
    seen = any_agent.observations()
    assert seen[:2] == ["left\n", "0 zombies\n"]
    assert seen[3] == "0 zombies\n/testbed/README.md\n"
    assert seen[4] == "sleep infinity \n"  # as before: no helper is to be seen in the container
    assert (records[ROTA]["status"], len(server.requests)) == ("submitted", 7)
    is_measured(any_agent, ROTA)


@every_engine()
def test_a_command_that_kills_everything_kills_its_shell_only(any_agent):
    with serving(calls("kill -9 -1"), calls("echo goes on"), *FINE) as server:
        records = any_agent.infer(server.url)
    assert any_agent.observations()[1] == "goes on\n"
    assert (records[ROTA]["status"], len(server.requests)) == ("submitted", 4)
