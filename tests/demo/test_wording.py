from __future__ import annotations

import dataclasses

import pytest

from tests.demo.recorded import BEGAN, MEASUREMENT
from triocarp.demo import wording
from triocarp.demo.cast import MEMBERS
from triocarp.demo.face import Failure, Outcome, Result
from triocarp.demo.measurement import Expected, Timer
from triocarp.demo.steps import STEPS
from triocarp.demo.view import Condition, HostView, View
from triocarp.lab.clock import MILLISECOND, SECOND

CRASH = STEPS[1]
OUTCOME = Outcome(step=CRASH, measurement=MEASUREMENT)
FAILURE = Failure(
    step=CRASH, expected="this", seen="that", logs=(("alpha", ("first", "second")), ("bravo", ("third",)))
)


def test_a_crash_is_told_with_its_arithmetic() -> None:
    """Each fact is one line with its numbers, as they were recorded."""
    assert wording.facts(MEASUREMENT, BEGAN) == (
        ("timer", "3 x 1 s + 50/256 s = 3195.3 ms from alpha's last advertisement (at 6.000 s)"),
        ("takeover", "alpha's last advertisement +3.196 s: bravo takes over, 0.42 ms beyond the timer"),
        ("outage", "2592.8 ms (2592 probes lost); 2592.3 ms by the timers"),
        ("arithmetic", "less what had passed"),
        ("two holders", "0.0 ms"),
        ("ended by", "gratuitous ARP of bravo; bravo's first answer 0.10 ms after its gratuitous ARP"),
    )


def test_a_takeover_without_a_timer_says_so() -> None:
    """A preempting host waits for nothing."""
    timer = Timer(origin="bravo's advertisement", since=MEASUREMENT.announced_at - 900_000)
    facts = dict(wording.facts(dataclasses.replace(MEASUREMENT, timer=timer, lost=1), BEGAN))

    assert facts["timer"] == "none: there is nothing to wait for after bravo's advertisement (at 9.195 s)"
    assert facts["takeover"] == "bravo's advertisement +0.90 ms: bravo takes over"
    assert "(1 probe lost)" in facts["outage"]


def test_two_holders_stand_beside_their_limit() -> None:
    """Where a lease has to end, its arithmetic is told."""
    expected = Expected(outage=0, reason="", overlap_limit=1_609_375_000, overlap_reason="a lease of 4 s")
    facts = dict(wording.facts(dataclasses.replace(MEASUREMENT, expected=expected, overlap=655_100_000), BEGAN))

    assert facts["two holders"] == "655.1 ms; at most 1609.4 ms: a lease of 4 s"


def test_a_late_takeover_blames_the_machine() -> None:
    """What is late by more than any daemon of ours ever is on an idle machine has another reason."""
    late = dataclasses.replace(MEASUREMENT, announced_at=MEASUREMENT.announced_at + SECOND)

    assert dict(wording.facts(late, BEGAN))["takeover"].endswith("(the machine is busy)")


@pytest.mark.parametrize(
    ("duration", "text"),
    [(0, "0.00 ms"), (420_000, "0.42 ms"), (999 * MILLISECOND, "999.00 ms"), (3_195_732_500, "3.196 s")],
)
def test_durations_have_the_unit_that_suits_them(duration: int, text: str) -> None:
    """Milliseconds below a second."""
    assert wording.since(duration) == text


def test_a_row_of_the_summary() -> None:
    """Measured beside expected; the last step measures nothing."""
    assert wording.row(OUTCOME) == (
        "crash of the master",
        "2592.8 ms",
        "2592.3 ms",
        "0.0 ms",
        "gratuitous ARP of bravo",
    )
    assert wording.row(Outcome(step=STEPS[-1], measurement=None))[-1] == "no address left behind"


def test_the_last_line_is_all_clear_or_says_what_is_wrong() -> None:
    """Only a run in which all happened and nothing is left is good."""
    good = Result(outcomes=(OUTCOME,) * 6, failure=None, left_behind="", duration=24 * SECOND)
    bad = Result(outcomes=(), failure=FAILURE, left_behind="10.0.0.100/32 on alpha", duration=9 * SECOND)

    assert good.good
    assert wording.closing(good) == "All 6 steps happened; no address left behind; 24.0 s in all"
    assert not bad.good
    assert (
        wording.closing(bad)
        == "crash of the master did not happen; left behind: 10.0.0.100/32 on alpha; 9.0 s in all"
    )


def test_a_failure_names_the_step_and_shows_the_logs() -> None:
    """What was expected, what was seen, and the last lines of each daemon."""
    assert wording.failure_lines(FAILURE) == (
        f"FAILED: crash of the master ({CRASH.action})",
        "  expected: this",
        "  seen:     that",
        "  the last lines of carpd on alpha:",
        "    first",
        "    second",
        "  the last lines of carpd on bravo:",
        "    third",
    )


def test_the_situation_is_a_sentence() -> None:
    """Who is what, who has the address, who answers."""
    conditions = (Condition.CRASHED, Condition.MASTER, Condition.BACKUP)
    hosts = tuple(
        HostView(member=member, condition=condition, holds=condition is Condition.MASTER, last="")
        for member, condition in zip(MEMBERS, conditions, strict=True)
    )
    view = View(hosts=hosts, answered_by="", unanswered=0, advertiser="", silence=0)

    assert wording.situation(view) == (
        "alpha is crashed, bravo is MASTER, charlie is BACKUP; bravo has 10.0.0.100; the client was never answered"
    )


def test_cues_fit_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The introduction fits 80 columns, and tells of a busy machine."""
    monkeypatch.setattr("os.getloadavg", lambda: (99.9, 0, 0))
    cues = wording.cues()

    assert max(map(len, cues)) <= 80
    assert "busy (load 99.9 on " in cues[-1]
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0, 0))
    assert "charlie" in wording.cues()[-1]
