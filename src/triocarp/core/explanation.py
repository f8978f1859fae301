"""One sentence about what happened, for an operator who is paged at 3 a.m."""

from typing import assert_never

from triocarp.core.reasons import Cause, DropReason
from triocarp.core.reports import (
    CloseCall,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    Report,
    StateChanged,
    Stopped,
    TwoMasters,
)
from triocarp.core.timing import SECOND

_CAUSES = {
    Cause.LINK_UP: "the link is up; listening for a master",
    Cause.LINK_DOWN: "the link is lost",
    Cause.MASTER_WILL_TIME_OUT: "the master is leaving",
    Cause.PREEMPTING: "preempting a worse master",
    Cause.BETTER_ADVERTISEMENT: "a better master is advertising",
    Cause.PEER_DEMOTED: "the master counts as worse than we do: it is demoted",
    Cause.TIE_LOST: "an equal master is advertising, and the tie goes to it",
    Cause.OVERSLEPT: "did not run for longer than the dead time; somebody else may have taken over",
    Cause.ADDRESS_FAILURE: "the virtual address could not be held",
    Cause.SWITCHED_OVER: "told to hand over",
    Cause.MAINTENANCE: "taken out of service",
    Cause.GROUP_FAILED: "another virtual host of the failover group cannot serve, and they go together",
    Cause.STOPPED: "told to stop",
}

_DROPS = {
    DropReason.BAD_INTERFACE: "no virtual host is on this interface",
    DropReason.SHORT_HEADER: "it is shorter than its IP header",
    DropReason.BAD_TTL: "wrong TTL: a router forwarded it",
    DropReason.BAD_CHECKSUM: "bad checksum",
    DropReason.BAD_VERSION: "unknown version",
    DropReason.BAD_LENGTH: "it is too short",
    DropReason.BAD_AUTHENTICATION: "bad HMAC: check password, VHID and virtual addresses",
    DropReason.BAD_ADDRESSES: "bad HMAC: it has our password, but other virtual addresses",
    DropReason.BAD_VHID: "unknown VHID",
    DropReason.BAD_TYPE: "it is not an advertisement",
    DropReason.BAD_DESTINATION: "it was sent to another address than our group's or our own",
    DropReason.BAD_SOURCE: "its sender is not among the configured peers",
    DropReason.FRAGMENT: "it is a fragment",
    DropReason.FOREIGN: "it is not CARP; VRRP shares its protocol number",
    DropReason.OWN: "it has our own source address",
    DropReason.UNSEALED: "its counter is not sealed",
    DropReason.ALTERED: "it was altered after it had been sealed",
    DropReason.STALE: "it was sealed too long ago, or by a clock that is apart from ours",
    DropReason.UNPROVEN: "not believed yet: we do not listen for long enough to tell it from a replay",
    DropReason.REPLAYED: "it was heard before: a replay",
}

_REJECTED = {
    DropReason.BAD_TTL: "for a wrong TTL",
    DropReason.BAD_CHECKSUM: "for a bad checksum",
    DropReason.BAD_AUTHENTICATION: "for a bad HMAC",
    DropReason.BAD_ADDRESSES: "for other virtual addresses",
    DropReason.BAD_SOURCE: "for not coming from a peer",
    DropReason.UNSEALED: "for not being sealed",
    DropReason.ALTERED: "for being altered",
    DropReason.STALE: "for being stale",
    DropReason.UNPROVEN: "because we had not listened for long enough to believe anybody",
    DropReason.REPLAYED: "for being replayed",
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
            return _explain_drop(report)
        case Noticed():
            more = [str(part) for part in (report.peer, report.detail) if part]
            if report.failure is not None and not report.detail:
                more.append(report.failure.value)
            return report.notice.value + (f" ({', '.join(more)})" if more else "")
        case TwoMasters():
            return _explain_two_masters(report)
        case OneWaySuspected():
            return (
                f"{report.peer} goes on as master though we are better ({report.advertisements} advertisements "
                "since it must have heard us): it seems not to hear us"
            )
        case CloseCall():
            return (
                f"{report.peer} was silent for {report.silence / SECOND:.3f} s, longer than ever; "
                f"{report.margin / SECOND:.3f} s more and we would have taken over"
            )
        case Stopped():
            return "every virtual host has left"
        case _:
            assert_never(report)


def _explain_drop(report: PacketDropped) -> str:
    sender = f" from {report.source}" if report.source else ""
    where = f" on {report.interface}" if report.interface else ""
    number = where if report.vhid is None else f" for VHID {report.vhid}"
    what = "a packet" if report.count == 1 else f"{report.count} packets"
    sentence = f"dropped {what}{sender}{number}: {_DROPS[report.reason]}"
    if report.reason is DropReason.BAD_TTL:
        return f"{sentence} (TTL {report.ttl} in the place of 255)"
    if report.reason is DropReason.BAD_DESTINATION:
        return f"{sentence} ({report.destination})"
    return sentence


def _explain_two_masters(report: TwoMasters) -> str:
    who = f"{report.peer} and {'we' if report.other is None else report.other}"
    if report.until is None:
        return (
            f"two masters: {who} advertise at the same time; the segment is split, or one does not hear the other"
        )
    return f"two masters no more: {who} both advertised for {(report.until - report.since) / SECOND:.3f} s"


def _explain_transition(report: StateChanged) -> str:
    if report.cause is Cause.MASTER_TIMED_OUT:
        sentence = f"no valid advertisement for {(report.silence or 0) / SECOND:.3f} s"
        if report.peer is not None:
            sentence += f" from {report.peer}"
        if report.detail:
            sentence += f" {report.detail}"
        for reason, count in report.rejected:
            sentence += f"; {count} rejected in that time {_REJECTED.get(reason, 'because ' + _DROPS[reason])}"
        return sentence
    sentence = _CAUSES[report.cause]
    if report.peer is not None:
        sentence += f" ({report.peer})"
    return f"{sentence}: {report.detail}" if report.detail else sentence
