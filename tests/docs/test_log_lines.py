"""The page on carpd's log has every line, in the words of the log, and no other."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, get_args

from tests.docs.pages import read
from triocarp.core import (
    TRANSITIONS,
    Cause,
    CloseCall,
    DropReason,
    Notice,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    Report,
    StateChanged,
    Stopped,
    TwoMasters,
)
from triocarp.core.timing import SECOND
from triocarp.daemon.event_log import EventLog

if TYPE_CHECKING:
    from collections.abc import Sequence

PEER = IPv4Address("10.0.0.2")
GROUP = IPv4Address("224.0.0.99")
ADDRESS = str(IPv4Interface("10.0.0.100/24"))
PEERS = {
    Cause.MASTER_TIMED_OUT,
    Cause.MASTER_WILL_TIME_OUT,
    Cause.PREEMPTING,
    Cause.PEER_DEMOTED,
    Cause.BETTER_ADVERTISEMENT,
    Cause.TIE_LOST,
}
"""The causes that speak of a peer."""
CAUSE_DETAILS = {
    Cause.LINK_DOWN: "no carrier",
    Cause.ADDRESS_FAILURE: "adding 10.0.0.100/24 to eth0: Operation not permitted",
    Cause.GROUP_FAILED: "link lost",
    Cause.MAINTENANCE: "maintenance",
}
NOTICE_DETAILS = {
    Notice.ADDRESS_RESTORED: ADDRESS,
    Notice.ADDRESS_REMOVED: ADDRESS,
    Notice.RENEWAL_FAILED: "adding 10.0.0.100/24 to eth0: Operation not permitted",
    Notice.RELEASE_FAILED: "removing 10.0.0.100 from eth0: Operation not permitted",
    Notice.HOOK_FAILED: "up hook: /etc/up eth0: exit status 1",
    Notice.SEND_FAILED: "sending a frame through eth0: Network is down",
    Notice.HOLDING_BACK: "1 s",
    Notice.DEMOTED: "demoted by 240: link lost (eth1) 240; sent as advskew 240",
    Notice.RECOVERED: "not demoted",
    Notice.NO_WALL_CLOCK: "",
    Notice.FLAPPING: "300 s",
    Notice.FAMILY_SILENT: "IPv6",
    Notice.FAMILY_HEARD: "IPv6",
}
OURS = set(NOTICE_DETAILS) - {Notice.FLAPPING, Notice.FAMILY_SILENT, Notice.FAMILY_HEARD}
"""The notices that speak of no peer."""
NO_VHID = {DropReason.SHORT_HEADER, DropReason.BAD_LENGTH, DropReason.FRAGMENT}
"""The reasons for which nobody could read the VHID."""
ROW = re.compile(r"^\| `(\[\w+\] [^`]+)` \| [^|]{5,} \| [^|]{5,} \|$", re.MULTILINE)


def reports() -> list[Report]:
    """Return one report of each kind, and of each cause, reason and notice that carpd knows."""
    changes = [
        StateChanged(
            interface="eth0",
            vhid=42,
            old=old,
            new=new,
            cause=cause,
            peer=PEER if cause in PEERS else None,
            silence=3_000_000_000 if cause is Cause.MASTER_TIMED_OUT else None,
            detail=CAUSE_DETAILS.get(cause, ""),
        )
        for (old, cause), new in TRANSITIONS.items()
    ]
    drops = [
        PacketDropped(
            interface="eth0",
            reason=reason,
            source=None if reason is DropReason.SHORT_HEADER else PEER,
            vhid=None if reason in NO_VHID else 42,
            destination=GROUP,
            ttl=64,
        )
        for reason in DropReason
    ]
    notices = [
        Noticed(
            interface="eth0",
            vhid=42,
            notice=notice,
            peer=None if notice in OURS else PEER,
            detail=NOTICE_DETAILS.get(notice, ""),
        )
        for notice in Notice
    ]
    others: list[Report] = [
        TwoMasters(interface="eth0", vhid=42, peer=PEER, other=None, since=0),
        TwoMasters(interface="eth0", vhid=42, peer=PEER, other=None, since=0, until=2 * SECOND),
        OneWaySuspected(interface="eth0", vhid=42, peer=PEER, advertisements=4, since=0),
        CloseCall(interface="eth0", vhid=42, peer=PEER, silence=2 * SECOND, margin=SECOND),
        Stopped(),
    ]
    return [*changes, *drops, *notices, *others]


def lines_of(told: Sequence[Report]) -> list[str]:
    """Return what the log says of each report, without the time."""
    lines: list[str] = []
    for report in told:
        log = EventLog(lines.append, clock=lambda: 0, debug=True)
        log.report(report)
        log.finish()
    return [line.partition(": ")[2] for line in lines]


def test_every_kind_of_report_and_cause_is_tried() -> None:
    """A report, or a cause of one, that is added to the core is among those that the page must have."""
    told = reports()
    assert {type(report) for report in told} == set(get_args(Report))
    assert {report.cause for report in told if isinstance(report, StateChanged)} == set(Cause)


def test_each_line_of_the_log_is_on_the_page_with_its_meaning_and_what_to_do() -> None:
    """Whoever adds a cause, a reason or a notice adds its row; and no row is of a line that carpd never writes."""
    assert sorted(ROW.findall(read("log-lines.md"))) == sorted(set(lines_of(reports())))
