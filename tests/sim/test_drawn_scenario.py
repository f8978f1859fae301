"""Drawn scenarios: all of them can be run, and the sound core keeps all its promises in each."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carpsim.checks import violated
from carpsim.checks.situation import end_of
from carpsim.drawn_scenario import DURATION, HEALED, draw_scenario
from carpsim.faults import Crash, Stop
from carpsim.randomness import stream
from carpsim.swarm import verdicts_on

SCENARIOS = st.randoms(use_true_random=False, note_method_calls=False)
"""Streams whose numbers Hypothesis chooses, and shrinks."""


@given(SCENARIOS, st.integers(0, 1000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sound_core_keeps_its_promises(rng: random.Random, seed: int) -> None:
    """Whatever the hosts, their configuration and the faults are: no check is violated."""
    assert violated(verdicts_on(draw_scenario(rng), seed)) == ()


@given(SCENARIOS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_all_faults_end_in_time(rng: random.Random) -> None:
    """The second phase is free of faults, but for hosts that never come back."""
    scenario = draw_scenario(rng)
    assert HEALED < scenario.duration == DURATION
    for fault in scenario.faults:
        lasts = end_of(fault)
        assert fault.at + (lasts or 0) <= HEALED
        assert lasts is not None or getattr(fault, "duration", 0) == 0 or isinstance(fault, Crash | Stop)


def test_drawing_repeats_itself() -> None:
    """The same stream gives the same scenario."""
    for seed in range(20):
        assert draw_scenario(stream(seed, "test")) == draw_scenario(stream(seed, "test"))
