"""A takeover: what is waited for, what must hold afterwards, and what is measured."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, Final

from triocarp.demo.cast import VIRTUAL_ADDRESS, Member
from triocarp.demo.daemon_process import DaemonEnded
from triocarp.demo.measurement import Expected, Measurement, RecordIncomplete, Timer
from triocarp.demo.wire import advertised, announced
from triocarp.demo.wording import milliseconds, situation
from triocarp.lab import Frame, clock

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence

    from triocarp.demo.cluster import Cluster
    from triocarp.demo.measurement import Records

GRACE_S: Final = 5.0
"""How much later than the timers say something may come: the machine may be busy."""

_CALM_ADVERTISEMENTS: Final = 2
# By then a host has heard of a better one, and has not yet been due to advertise again.
_SETTLED: Final = clock.SECOND // 2
# When a host began to listen is known from its log, and a busy machine stamps a line late.
_TOO_EARLY: Final = 50 * clock.MILLISECOND


class StepFailed(Exception):  # noqa: N818 - what happened to the step
    """Raised when a step did not happen.

    Attributes:
        expected: what should have come.
        seen: what came instead.
    """

    def __init__(self, *, expected: str, seen: str) -> None:
        super().__init__(f"expected: {expected}; seen: {seen}")
        self.expected = expected
        self.seen = seen


@contextlib.contextmanager
def expecting(cluster: Cluster, expected: str) -> Generator[None]:
    """Turn whatever says that something did not come into the failure of the step.

    Args:
        cluster: on which it is expected.
        expected: what should come.

    Raises:
        StepFailed: it did not.
    """
    try:
        yield
    except TimeoutError as exc:
        raise StepFailed(expected=expected, seen=situation(cluster.view())) from exc
    except (DaemonEnded, RecordIncomplete, subprocess.TimeoutExpired) as exc:
        raise StepFailed(expected=expected, seen=str(exc)) from exc


def wait_for_winner(cluster: Cluster, takers: Sequence[Member], since: int) -> Member:
    """Wait until a host announces the virtual address, and return the one that keeps it.

    The preferred one has the shorter timer. But two may take over at once, until one hears the other; and on a
    busy machine the preferred one may be late, and another does not give way to it.

    Args:
        cluster: on which it shall happen.
        takers: the hosts that may.
        since: when the step began, in nanoseconds of the lab's clock.

    Raises:
        StepFailed: none did.
    """
    names = [member.name for member in takers]
    limit_s = max(member.dead_time for member in takers) / clock.SECOND + GRACE_S

    def announces(frame: Frame) -> bool:
        return frame.host in names and announced(frame) is not None

    def advertises(frame: Frame) -> bool:
        return frame.host in names and advertised(frame) is not None

    with expecting(cluster, f"{' or '.join(names)} takes {VIRTUAL_ADDRESS} over within {limit_s:.1f} s"):
        first = cluster.wait_for_frame(announces, since=since, timeout_s=limit_s)
        settled = cluster.wait_for_frame(advertises, since=first.at + _SETTLED, timeout_s=limit_s)
    return takers[names.index(settled.host)]


def wait_for_takeover(
    cluster: Cluster, taker: Member, since: int, *, unreachable: Collection[str] = ()
) -> Records:
    """Wait until a host has taken over and has been master for a while, and return what was recorded.

    Args:
        cluster: on which it shall happen.
        taker: the host.
        since: when the step began, in nanoseconds of the lab's clock.
        unreachable: hosts that may have the address, for nobody can reach them.

    Raises:
        StepFailed: it did not take over, or another host has the address as well.
    """
    with expecting(cluster, f"{taker.name} answers the client within {GRACE_S:g} s"):
        reply = cluster.probe.wait_for_reply(mac=cluster.host(taker).mac, since=since, timeout_s=GRACE_S)
    calm_since = reply.at
    with expecting(cluster, f"{taker.name} goes on to advertise"):
        for _ in range(_CALM_ADVERTISEMENTS):
            limit_s = taker.interval / 1e9 + GRACE_S
            frame = cluster.wait_for_frame(
                lambda one: one.host == taker.name and advertised(one) is not None,
                since=calm_since + clock.MILLISECOND,
                timeout_s=limit_s,
            )
            calm_since = frame.at
    holders = cluster.holders.holders_now().difference(unreachable)
    if holders != frozenset({taker.name}):
        raise StepFailed(
            expected=f"{taker.name} alone holds {VIRTUAL_ADDRESS}",
            seen=f"held by {', '.join(sorted(holders)) or 'nobody'}",
        )
    return cluster.records(since)


def dead_timer(cluster: Cluster, records: Records, former: Member, taker: Member) -> Timer:
    """Return the timer by which a host took over from one that fell silent.

    Args:
        cluster: on which it happened.
        records: of the step.
        former: the host that fell silent.
        taker: the host that took over.

    Raises:
        StepFailed: one of them never advertised.
    """
    with expecting(cluster, f"{former.name} has advertised before {taker.name} does"):
        last = records.last_advertised(former.name, before=records.first_advertised(taker.name).at)
    return Timer(
        origin=f"{former.name}'s last advertisement",
        since=last.at,
        length=taker.dead_time,
        terms=taker.dead_time_terms,
    )


def measure(
    cluster: Cluster,
    records: Records,
    taker: Member,
    timer: Timer,
    expected: Expected,
    *,
    unreachable: Collection[str] = (),
    outage: tuple[int, int] | None = None,
    ended_by: str = "",
) -> Measurement:
    """Return what was measured of a takeover.

    Args:
        cluster: on which it happened.
        records: of the step.
        taker: the host that took over.
        timer: that made it do so.
        expected: what the timers say.
        unreachable: hosts that may have the address, for nobody can reach them.
        outage: the client's, in nanoseconds, and the probes that it lost; measured if None.
        ended_by: what ended the step's trouble; whatever brought the client to the taker if empty.

    Raises:
        StepFailed: the host took over before its timer had run out, or does not answer.
    """
    with expecting(cluster, f"the client is answered by {taker.name}"):
        announcement = records.first_announced(taker.name)
        reply = records.first_reply(cluster.host(taker).mac)
    # The client may have asked for itself, and have had its answer before the announcement.
    told_by = "gratuitous ARP" if announcement.at <= reply.at else "answer to the client's ARP request"
    length, lost = outage or records.outage()
    measurement = Measurement(
        taker=taker.name,
        timer=timer,
        expected=expected,
        announced_at=announcement.at,
        answered_at=reply.at,
        outage=length,
        lost=lost,
        overlap=records.overlap(excluding=unreachable),
        ended_by=ended_by or f"{told_by} of {taker.name}",
    )
    if measurement.overhead < -_TOO_EARLY:
        raise StepFailed(
            expected=f"{taker.name} waits for {milliseconds(timer.length)} from {timer.origin}",
            seen=f"its announcement after {milliseconds(measurement.elapsed)}",
        )
    return measurement
