"""The steps of the demonstration: what each does to the hosts, and what must come of it.

Whatever is waited for comes within a bound that is generous, for the machine may be busy; how exact it was is
measured, and shown.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from triocarp.demo.cast import ALPHA, BRAVO, CHARLIE, MEMBERS, VIRTUAL_ADDRESS, Member
from triocarp.demo.measurement import Expected, Measurement, Timer
from triocarp.demo.takeover import (
    GRACE_S,
    StepFailed,
    dead_timer,
    expecting,
    measure,
    wait_for_takeover,
    wait_for_winner,
)
from triocarp.demo.wording import milliseconds
from triocarp.lab import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from triocarp.demo.cluster import Cluster

_START_S: Final = 15.0
_STOP_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        title: a few words.
        action: what is done, in a sentence.
        play: does it and measures what comes of it; None where there is nothing to measure.
    """

    title: str
    action: str
    play: Callable[[Cluster], Measurement | None]


def _elect(cluster: Cluster) -> Measurement:
    with expecting(cluster, f"carpd gets ready on all hosts within {_START_S:g} s"):
        daemons = [cluster.start(member) for member in MEMBERS]
        for daemon in daemons:
            daemon.wait_for_line(lambda line: line.text.startswith("ready"), timeout_s=_START_S)
    since = clock.now()
    for host in cluster.hosts.values():
        host.restore_carrier()
    with expecting(cluster, "carpd on alpha listens when the switch has power"):
        listening = daemons[0].wait_for_line(lambda line: line.state == "BACKUP", timeout_s=GRACE_S)
    wait_for_winner(cluster, (ALPHA,), since)
    records = wait_for_takeover(cluster, ALPHA, since)
    timer = Timer(
        origin="the start of listening",
        since=cluster.instant_of(listening),
        length=ALPHA.dead_time,
        terms=ALPHA.dead_time_terms,
    )
    answered = records.first_reply(cluster.host(ALPHA).mac)
    unanswered = sum(timer.since <= one < answered.at for one in cluster.probe.sent)
    expected = Expected(outage=timer.length, reason="that whole timer: nobody answers before there is a master")
    return measure(
        cluster, records, ALPHA, timer, expected, outage=(answered.at - timer.since, max(0, unanswered - 1))
    )


def _crash(cluster: Cluster) -> Measurement:
    _pause_at_random(ALPHA)
    at = cluster.crash(ALPHA)
    taker = wait_for_winner(cluster, (BRAVO, CHARLIE), at)
    records = wait_for_takeover(cluster, taker, at, unreachable={ALPHA.name})
    timer = dead_timer(cluster, records, ALPHA, taker)
    passed = at - timer.since
    low, high = milliseconds(timer.length - ALPHA.interval), milliseconds(timer.length)
    crash = f"the crash came {milliseconds(passed)} after that advertisement"
    reason = f"{high} - {milliseconds(passed)}, for {crash}; between {low} and {high}"
    expected = Expected(outage=timer.length - passed, reason=reason)
    return measure(cluster, records, taker, timer, expected, unreachable={ALPHA.name})


def _return(cluster: Cluster) -> Measurement:
    former = _master(cluster)
    _pause_at_random(former)
    since = clock.now()
    cluster.host(ALPHA).boot()
    cluster.start(ALPHA)
    wait_for_winner(cluster, (ALPHA,), since)
    records = wait_for_takeover(cluster, ALPHA, since)
    with expecting(cluster, f"alpha answers an advertisement of {former.name} with a better one"):
        better = records.first_advertised(ALPHA.name)
        worse = records.last_advertised(former.name, before=better.at)
    timer = Timer(origin=f"{former.name}'s advertisement", since=worse.at)
    expected = Expected(
        outage=0, reason=f"alpha takes the address in the moment in which {former.name} lets it go"
    )
    return measure(cluster, records, ALPHA, timer, expected)


def _stop(cluster: Cluster) -> Measurement:
    _pause_at_random(ALPHA)
    since = clock.now()
    _leave_in_order(cluster, ALPHA)
    taker = wait_for_winner(cluster, (BRAVO, CHARLIE), since)
    records = wait_for_takeover(cluster, taker, since)
    with expecting(cluster, "alpha says goodbye when it is stopped"):
        goodbye = records.first_advertised(ALPHA.name, goodbye=True)
    timer = Timer(origin="alpha's goodbye", since=goodbye.at, length=taker.stagger, terms=taker.stagger_terms)
    reason = "after a goodbye the best of the backups goes first: each waits 20 us for a unit of its advskew"
    expected = Expected(outage=timer.length, reason=reason)
    ended_by = f"goodbye, gratuitous ARP of {taker.name}"
    return measure(cluster, records, taker, timer, expected, ended_by=ended_by)


def _kill(cluster: Cluster) -> Measurement:
    master = _master(cluster)
    taker = CHARLIE if master is BRAVO else BRAVO
    _pause_at_random(master)
    at = cluster.kill(master)
    wait_for_winner(cluster, (taker,), at)
    limit_s = master.longest_lease / 1e9 + GRACE_S
    with expecting(cluster, f"{master.name}'s kernel withdraws {VIRTUAL_ADDRESS} within {limit_s:g} s"):
        cluster.holders.wait_until_holder(cluster.host(taker), timeout_s=limit_s)
    records = wait_for_takeover(cluster, taker, at)
    timer = dead_timer(cluster, records, master, taker)
    gone = max(one.until or 0 for one in records.holdings if one.host == master.name) - timer.since
    expected = Expected(
        outage=0,
        reason=f"{master.name}'s kernel goes on to answer until {taker.name} takes over",
        overlap_limit=master.longest_lease - timer.length,
        overlap_reason=(
            f"a lease of {master.lease_s} s, and 1 s at most for the kernel's clock, less "
            f"{milliseconds(timer.length)} (it ended after {gone / clock.SECOND:.3f} s)"
        ),
    )
    ended_by = f"lease expiry in {master.name}'s kernel"
    return measure(cluster, records, taker, timer, expected, ended_by=ended_by)


def _stop_all(cluster: Cluster) -> None:
    for member in cluster.running():
        _leave_in_order(cluster, member)
    check_nothing_left(cluster)


def check_nothing_left(cluster: Cluster) -> None:
    """Check that no host has the virtual address any more.

    Args:
        cluster: whose daemons have ended.

    Raises:
        StepFailed: a host has it.
    """
    left = [
        f"{address.ip} on {host.name}"
        for host in cluster.hosts.values()
        for address in host.addresses()
        if str(address.ip.ip) == VIRTUAL_ADDRESS
    ]
    if left:
        raise StepFailed(expected="no address left behind", seen=", ".join(left))


STEPS: Final = (
    Step(
        title="election",
        action="the switch gets power; carpd runs on all three hosts, and nobody is master",
        play=_elect,
    ),
    Step(
        title="crash of the master",
        action="alpha crashes: SIGKILL for its carpd, and its link down in the same instant",
        play=_crash,
    ),
    Step(
        title="return of the preferred host",
        action="alpha boots; its carpd preempts, as it is preferred to the present master",
        play=_return,
    ),
    Step(
        title="clean stop of the master",
        action="alpha's carpd gets SIGTERM",
        play=_stop,
    ),
    Step(
        title="daemon killed, host alive",
        action="the master's carpd gets SIGKILL, and its host lives on, with the address",
        play=_kill,
    ),
    Step(
        title="everything stopped",
        action="every carpd that still runs gets SIGTERM",
        play=_stop_all,
    ),
)
"""What is played, in order."""


def _leave_in_order(cluster: Cluster, member: Member) -> None:
    expected = f"carpd on {member.name} ends within {_STOP_S:g} s of SIGTERM, with exit status 0"
    with expecting(cluster, expected):
        status = cluster.stop(member, timeout_s=_STOP_S)
    if status != 0:
        raise StepFailed(expected=expected, seen=f"exit status {status}")


def _master(cluster: Cluster) -> Member:
    """Return which of the two hosts without preemption is master; the step before has made sure of it."""
    return BRAVO if BRAVO.name in cluster.holders.holders_now() else CHARLIE


def _pause_at_random(master: Member) -> None:
    """Let the next blow fall at any moment between two advertisements, as in life."""
    time.sleep(random.SystemRandom().uniform(0, master.interval / 1e9))
