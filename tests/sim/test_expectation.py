from typing import Any

import pytest

from carpsim.library import load_scenario
from carpsim.mistakes import Mistakes
from carpsim.outcome import run_scenario
from carpsim.recording import Recording
from carpsim.scenario_file import EXPECTATION


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Return what happened in a split brain: a and b are both master from 23 s to 40 s."""
    return run_scenario(load_scenario("split-brain-and-heal")).recording


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"type": "state", "at": 30, "host": "b", "state": "backup"}, "b is MASTER at 30s, expected BACKUP"),
        ({"type": "state", "at": 10, "host": "b", "state": "master"}, "b is BACKUP at 10s, expected MASTER"),
        (
            {"type": "holders", "at": 30, "hosts": ["a"]},
            "10.0.0.100 is on a and b at 30s, expected on a",
        ),
        ({"type": "holders", "at": 1, "hosts": ["a"]}, "10.0.0.100 is on nobody at 1s, expected on a"),
        (
            {"type": "outage", "client": "near-b", "since": 5, "under": "1s"},
            "s, expected under 1s",
        ),
        (
            {"type": "outage", "client": "near-a", "since": 5, "over": "1s"},
            "the longest outage of near-a is 0s, expected 1s or more",
        ),
        (
            {"type": "takeovers", "host": "b", "at_least": 5},
            "b becomes master once, expected 5 times or more",
        ),
        ({"type": "takeovers", "at_most": 1}, "somebody becomes master 2 times, expected once or less"),
        ({"type": "two-holders", "under": "1s"}, "10.0.0.100 is on two hosts for "),
        ({"type": "two-holders", "over": "50s"}, "expected for 50s or more"),
        ({"type": "report", "host": "a", "text": "no such words"}, "a does not report 'no such words'"),
        ({"type": "advertised", "host": "a", "at_most": 5}, "a advertises 5"),
        (
            {"type": "advertised", "until": "3s", "at_least": 1},
            "somebody advertises 0 times, expected once or more",
        ),
        ({"type": "advertised", "host": "b", "advskew": 0}, "b says advskew 100 at 22.39"),
        ({"type": "advertised", "host": "b", "demotion": 1}, "b says demotion 0 at 22.39"),
        ({"type": "advertised", "host": "a", "counter": "constant"}, "a says counter "),
        ({"type": "announced", "host": "b", "at_most": 0}, "b announces "),
        ({"type": "dropped", "host": "a", "at_least": 1}, "a drops packets 0 times, expected once or more"),
        (
            {"type": "dropped", "host": "a", "reason": "bad-ttl", "at_least": 1},
            "a drops packets as bad-ttl 0 times, expected once or more",
        ),
    ],
)
def test_what_was_not_so_is_said(recording: Recording, told: dict[str, Any], sentence: str) -> None:
    """An expectation that is not met says what was, and what was expected."""
    expectation = EXPECTATION.read(told, (), Mistakes())
    (found,) = expectation.shortfalls(recording)
    assert sentence in found


@pytest.mark.parametrize(
    "told",
    [
        {"type": "state", "at": 30, "host": "b", "state": "master"},
        {"type": "state", "at": 0, "host": "b", "state": "backup"},
        {"type": "holders", "at": 30, "hosts": ["b", "a"], "address": "10.0.0.100"},
        {"type": "holders", "at": 1, "hosts": []},
        {"type": "outage", "client": "near-b", "since": 5, "over": "2s", "under": "3s"},
        {"type": "takeovers", "at_least": 2, "at_most": 2},
        {"type": "takeovers", "since": 30, "at_most": 0},
        {"type": "two-holders", "over": "15s", "under": "20s"},
        {"type": "two-holders", "since": "45s", "under": "1ns"},
        {"type": "report", "host": "b", "text": "a better master is advertising"},
        {"type": "advertised", "host": "b", "since": "20s", "until": "41s", "at_least": 10, "advskew": 100},
        {"type": "announced", "host": "a", "since": "40s", "at_least": 1},
        {"type": "dropped", "host": "b", "at_most": 0},
    ],
)
def test_what_was_so_is_not_said(recording: Recording, told: dict[str, Any]) -> None:
    """An expectation that is met has nothing to say."""
    expectation = EXPECTATION.read(told, (), Mistakes())
    assert not list(expectation.shortfalls(recording))
