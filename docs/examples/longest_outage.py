"""A property of a takeover: whenever the master dies, users wait for the backup's dead time at most."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from carpsim import load_scenario, run_scenario
from carpsim.faults import Crash
from triocarp.core.timing import SECOND

SCENARIO = load_scenario("master-killed")
BACKUP = SCENARIO.hosts[1].config.virtual_hosts[0]
USER = SCENARIO.clients[0]


@settings(deadline=None)  # a run takes as long as it takes: virtual time has nothing to do with it
@given(at=st.integers(5 * SECOND, 15 * SECOND), seed=st.integers(0, 999))
def test_users_wait_for_the_dead_time_at_most(at: int, seed: int) -> None:
    """Outages are measured in whole probes: one more may be lost."""
    crash = Crash(at=at, host="a", power=True)
    outcome = run_scenario(replace(SCENARIO, faults=(crash,), expectations=(), seed=seed))
    outages = [outage for outage in outcome.recording.clients[USER.name].outages if outage.begin >= 4 * SECOND]
    for outage in outages:
        assert outage.end is not None
        assert outage.end - outage.begin <= BACKUP.dead_time + USER.interval
