"""Drawn scenarios: all of them can be run, and the sound core keeps all its promises in each."""

import random
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carpsim.adversary import ArpSpoof, Flood, Forge, Replay
from carpsim.checks import violated
from carpsim.checks.situation import end_of
from carpsim.drawn_scenario import DURATION, HEALED, draw_scenario
from carpsim.faults import Attack, Crash, Fault, Stop
from carpsim.randomness import stream
from carpsim.recording import Recording, Span
from carpsim.scenario import HostSettings, Scenario, SegmentSettings
from carpsim.swarm import verdicts_on
from carpsim.world import World
from triocarp.core import NodeConfig, Sealing
from triocarp.core.timing import SECOND

SCENARIOS = st.randoms(use_true_random=False, note_method_calls=False)
"""Streams whose numbers Hypothesis chooses, and shrinks."""


@given(SCENARIOS, st.integers(0, 1000))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_sound_core_keeps_its_promises(rng: random.Random, seed: int) -> None:
    """Whatever the hosts, their configuration and the faults are: no check is violated."""
    assert violated(verdicts_on(draw_scenario(rng), seed)) == ()


@given(SCENARIOS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_all_faults_end_in_time(rng: random.Random) -> None:
    """The second phase is free of faults, but for hosts that never come back."""
    scenario = draw_scenario(rng)
    assert HEALED < scenario.duration == DURATION
    for fault in scenario.faults:
        lasts = end_of(fault)
        assert fault.at + (lasts or 0) <= HEALED
        assert lasts is not None or getattr(fault, "duration", 0) == 0 or isinstance(fault, Crash | Stop)


BELIEVED_BY_NOBODY = (
    Forge(at=8 * SECOND, vhid=1, source=IPv4Address("10.0.0.66"), interval=SECOND // 4),
    Flood(at=8 * SECOND, vhid=1, source=IPv4Address("10.0.0.66"), rate=50, duration=4 * SECOND),
    Replay(at=12 * SECOND, vhid=1, goodbye=True, fresh=True),
    Replay(at=12 * SECOND, vhid=1, advskew=0),
)


@pytest.mark.parametrize("attack", BELIEVED_BY_NOBODY, ids=lambda attack: type(attack).__name__)
@pytest.mark.parametrize("seed", range(12))
def test_an_attack_that_nobody_believes_changes_nothing(seed: int, attack: Fault) -> None:
    """Hosts that enforce seals change their states at the same instants, whatever is replayed or forged."""
    drawn = replace(draw_scenario(stream(seed, "attack")), segments=(SegmentSettings(),), faults=())
    hosts = tuple(_sealing(host) for host in drawn.hosts if isinstance(host, HostSettings))
    calm = replace(drawn, hosts=hosts)
    attacked = replace(calm, faults=(attack,))
    assert violated(verdicts_on(attacked, seed)) == ()
    assert _changes(attacked, seed) == _changes(calm, seed)


def _sealing(host: HostSettings) -> HostSettings:
    configs = (replace(one, sealing=Sealing.ENFORCE) for one in host.config.virtual_hosts)
    return replace(host, config=NodeConfig(virtual_hosts=tuple(configs)))


def _changes(scenario: Scenario, seed: int) -> list[tuple[str, list[Span]]]:
    recording = Recording()
    World(scenario, seed=seed, watchers=(recording,)).run()
    return [(lane.name, lane.states) for lane in recording.lanes.values()]


def test_some_are_attacked() -> None:
    """By each kind of attack, in one of ten scenarios or so."""
    attacks = [
        type(fault)
        for seed in range(300)
        for fault in draw_scenario(stream(seed, "test")).faults
        if isinstance(fault, Attack)
    ]
    assert set(attacks) == {Forge, Flood, ArpSpoof, Replay}
    assert 10 < len(attacks) < 60


def test_drawing_repeats_itself() -> None:
    """The same stream gives the same scenario."""
    for seed in range(20):
        assert draw_scenario(stream(seed, "test")) == draw_scenario(stream(seed, "test"))
