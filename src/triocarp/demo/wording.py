"""How measurements are told: the same words on a terminal and in a pipe."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from triocarp.demo.cast import MEMBERS, VIRTUAL_ADDRESS

if TYPE_CHECKING:
    from triocarp.demo.face import Failure, Outcome, Result
    from triocarp.demo.measurement import Measurement, Timer
    from triocarp.demo.view import View

_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_BUSY: Final = 50 * _MILLISECOND

ALL_CLEAR: Final = "no address left behind"

COLUMNS: Final = ("step", "outage", "by the timers", "two holders", "ended by")
"""What the summary's columns are called."""


def milliseconds(duration: int) -> str:
    """Return a duration in milliseconds, with tenths.

    Args:
        duration: in nanoseconds.
    """
    return f"{duration / _MILLISECOND:.1f} ms"


def since(duration: int) -> str:
    """Return a duration in the unit that suits it: seconds from one second on.

    Args:
        duration: in nanoseconds.
    """
    return f"{duration / _SECOND:.3f} s" if duration >= _SECOND else f"{duration / _MILLISECOND:.2f} ms"


def facts(measurement: Measurement, began: int) -> tuple[tuple[str, str], ...]:
    """Return the facts of a step, each with its topic.

    Args:
        measurement: of the step.
        began: when the demonstration began, in nanoseconds of the lab's clock.
    """
    return (
        ("timer", _timer(measurement.timer, began)),
        ("takeover", _takeover(measurement)),
        ("outage", _outage(measurement)),
        ("arithmetic", measurement.expected.reason),
        ("two holders", _overlap(measurement)),
        ("ended by", _end(measurement)),
    )


def row(outcome: Outcome) -> tuple[str, str, str, str, str]:
    """Return a step's line of the summary.

    Args:
        outcome: of the step.
    """
    measurement = outcome.measurement
    if measurement is None:
        return (outcome.step.title, "", "", "", ALL_CLEAR)
    return (
        outcome.step.title,
        milliseconds(measurement.outage),
        milliseconds(measurement.expected.outage),
        milliseconds(measurement.overlap),
        measurement.ended_by,
    )


def cues() -> tuple[str, ...]:
    """Return what to know before it begins, a line each."""
    return (
        f"Three hosts share the address {VIRTUAL_ADDRESS}; a client probes it every millisecond.",
        "Their networks are private to this process; the machine's own is not touched.",
        *(
            f"  {one.name:<7} {one.ip}  advskew {one.advskew:3}, "
            f"takes over after {one.dead_time_terms:>17} = {since(one.dead_time)}"
            for one in MEMBERS
        ),
        *_busy_machine(),
    )


def _busy_machine() -> tuple[str, ...]:
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load <= cores:
        return ()
    return (f"This machine is busy (load {load:.1f} on {cores} cores), which adds to what is measured.",)


def situation(view: View) -> str:
    """Return how everything is, in a sentence.

    Args:
        view: of this moment.
    """
    conditions = ", ".join(f"{one.member.name} is {one.condition.value}" for one in view.hosts)
    holders = " and ".join(one.member.name for one in view.hosts if one.holds) or "nobody"
    answered = f"last answered by {view.answered_by}" if view.answered_by else "never answered"
    return f"{conditions}; {holders} has {VIRTUAL_ADDRESS}; the client was {answered}"


def failure_lines(failure: Failure) -> tuple[str, ...]:
    """Return what to know about a step that did not happen, a line each.

    Args:
        failure: the step.
    """
    return (
        f"FAILED: {failure.step.title} ({failure.step.action})",
        f"  expected: {failure.expected}",
        f"  seen:     {failure.seen}",
        *(
            line
            for host, tail in failure.logs
            for line in (f"  the last lines of carpd on {host}:", *(f"    {text}" for text in tail))
        ),
    )


def closing(result: Result) -> str:
    """Return the last line.

    Args:
        result: of the whole.
    """
    duration = f"{result.duration / _SECOND:.1f} s"
    left = f"left behind: {result.left_behind}" if result.left_behind else ALL_CLEAR
    if result.failure is not None:
        return f"{result.failure.step.title} did not happen; {left}; {duration} in all"
    return f"All {len(result.outcomes)} steps happened; {left}; {duration} in all"


def _timer(timer: Timer, began: int) -> str:
    at = f"{timer.origin} (at {(timer.since - began) / _SECOND:.3f} s)"
    if not timer.terms:
        return f"none: there is nothing to wait for after {at}"
    return f"{timer.terms} = {milliseconds(timer.length)} from {at}"


def _takeover(measurement: Measurement) -> str:
    busy = " (the machine is busy)" if measurement.overhead > _BUSY else ""
    overhead = (
        f", {measurement.overhead / _MILLISECOND:.2f} ms beyond the timer" if measurement.timer.terms else ""
    )
    return (
        f"{measurement.timer.origin} +{since(measurement.elapsed)}: {measurement.taker} takes over{overhead}{busy}"
    )


def _outage(measurement: Measurement) -> str:
    lost = f"{measurement.lost} {'probe' if measurement.lost == 1 else 'probes'} lost"
    expected = milliseconds(measurement.expected.outage)
    return f"{milliseconds(measurement.outage)} ({lost}); {expected} by the timers"


def _overlap(measurement: Measurement) -> str:
    expected = measurement.expected
    limit = f"; at most {milliseconds(expected.overlap_limit)}: {expected.overlap_reason}"
    return milliseconds(measurement.overlap) + (limit if expected.overlap_reason else "")


def _end(measurement: Measurement) -> str:
    gap = measurement.answered_at - measurement.announced_at
    first = f"first answer {since(abs(gap))} {'after' if gap >= 0 else 'before'} its gratuitous ARP"
    return f"{measurement.ended_by}; {measurement.taker}'s {first}"
