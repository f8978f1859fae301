"""One sentence about what happened, for an operator who is paged at 3 a.m."""

from typing import assert_never

from triocarp.core.reasons import Cause, DropReason
from triocarp.core.reports import Noticed, PacketDropped, Report, StateChanged, Stopped
from triocarp.core.timing import SECOND

_CAUSES = {
    Cause.LINK_UP: "the link is up; listening for a master",
    Cause.LINK_DOWN: "the link is lost",
    Cause.MASTER_WILL_TIME_OUT: "the master is leaving",
    Cause.PREEMPTING: "preempting a worse master",
    Cause.BETTER_ADVERTISEMENT: "a better master is advertising",
    Cause.TIE_LOST: "an equal master is advertising, and the tie goes to it",
    Cause.OVERSLEPT: "did not run for longer than the dead time; somebody else may have taken over",
    Cause.ADDRESS_FAILURE: "the virtual address could not be held",
    Cause.STOPPED: "told to stop",
}

_DROPS = {
    DropReason.BAD_INTERFACE: "no virtual host on this interface",
    DropReason.SHORT_HEADER: "shorter than its IP header",
    DropReason.BAD_TTL: "wrong TTL (a router forwarded it)",
    DropReason.BAD_CHECKSUM: "bad checksum",
    DropReason.BAD_VERSION: "unknown version",
    DropReason.BAD_LENGTH: "too short",
    DropReason.BAD_AUTHENTICATION: "bad digest (check password, VHID and virtual address)",
    DropReason.BAD_VHID: "unknown VHID",
    DropReason.BAD_TYPE: "not an advertisement",
    DropReason.BAD_DESTINATION: "sent to another address than our group",
    DropReason.FRAGMENT: "a fragment",
    DropReason.FOREIGN: "not CARP (VRRP shares its protocol number)",
    DropReason.OWN: "our own source address",
}


def explain(report: Report) -> str:
    """Return a sentence without a full stop.

    Args:
        report: what happened.
    """
    match report:
        case StateChanged():
            return _explain_transition(report)
        case PacketDropped():
            sender = f" from {report.source}" if report.source else ""
            number = "" if report.vhid is None else f" for VHID {report.vhid}"
            return f"dropped a packet{sender}{number}: {_DROPS[report.reason]}"
        case Noticed():
            more = [str(part) for part in (report.peer, report.detail) if part]
            if report.failure is not None and not report.detail:
                more.append(report.failure.value)
            return report.notice.value + (f" ({', '.join(more)})" if more else "")
        case Stopped():
            return "every virtual host has left"
        case _:
            assert_never(report)


def _explain_transition(report: StateChanged) -> str:
    if report.cause is Cause.MASTER_TIMED_OUT:
        sentence = f"no valid advertisement for {(report.silence or 0) / SECOND:.3f} s"
        if report.peer is not None:
            sentence += f" from {report.peer}"
        for reason, count in report.rejected:
            sentence += f"; {count} rejected in that time: {_DROPS[reason]}"
        return sentence
    sentence = _CAUSES[report.cause]
    if report.peer is not None:
        sentence += f" ({report.peer})"
    return f"{sentence}: {report.detail}" if report.detail else sentence
