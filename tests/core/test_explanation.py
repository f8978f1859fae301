"""Every report has a sentence for an operator, and it says what is in the report."""

import itertools
from ipaddress import IPv4Address, IPv6Address
from typing import get_args

import pytest

from triocarp.core import (
    TRANSITIONS,
    Cause,
    CloseCall,
    DropReason,
    Notice,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    PortFailure,
    Report,
    State,
    StateChanged,
    Stopped,
    TwoMasters,
    explain,
)
from triocarp.core.timing import SECOND

PEER = IPv4Address("10.0.0.9")
OTHER = IPv4Address("10.0.0.10")
PEER6 = IPv6Address("fe80::9")

REJECTED = "2 rejected in that time for a bad HMAC"
REJECTED_FOR_TWO_REASONS = (
    "1 rejected in that time for other virtual addresses; 3 rejected in that time because it is a fragment"
)
DROPPED = f"dropped a packet from {PEER} for VHID 7"

REPORTS: list[Report] = [
    *(
        StateChanged(
            interface="eth0", vhid=7, old=old, new=new, cause=cause, peer=peer, silence=silence, detail=detail
        )
        for ((old, cause), new), peer, silence, detail in itertools.product(
            TRANSITIONS.items(), (None, PEER), (None, 3), ("", "more")
        )
    ),
    *(
        PacketDropped(interface="eth0", reason=reason, source=source, vhid=vhid)
        for reason, source, vhid in itertools.product(DropReason, (None, PEER), (None, 7))
    ),
    *(
        Noticed(interface="eth0", vhid=7, notice=notice, peer=peer, failure=failure, detail=detail)
        for notice, peer, failure, detail in itertools.product(
            Notice, (None, PEER), (None, *PortFailure), ("", "more")
        )
    ),
    *(
        TwoMasters(interface="eth0", vhid=7, peer=PEER, other=other, since=1, until=until)
        for other, until in itertools.product((None, OTHER), (None, 5))
    ),
    OneWaySuspected(interface="eth0", vhid=7, peer=PEER, advertisements=4, since=1),
    CloseCall(interface="eth0", vhid=7, peer=PEER, silence=2, margin=1),
    Stopped(),
]


def changed(old: State, new: State, cause: Cause, **more: object) -> StateChanged:
    """Return a change of state."""
    return StateChanged(interface="eth0", vhid=7, old=old, new=new, cause=cause, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", get_args(Report))
def test_every_report_is_explained(kind: type[Report]) -> None:
    """Whatever the cause, reason or notice, there is one line without a full stop that names the peer."""
    reports = [report for report in REPORTS if isinstance(report, kind)]
    assert reports
    for report in reports:
        sentence = explain(report)
        assert sentence
        assert "\n" not in sentence
        assert not sentence.endswith(".")
        for word in (getattr(report, name, None) for name in ("peer", "other", "source")):
            assert word is None or str(word) in sentence


@pytest.mark.parametrize("detail", ["", "no such device"])
def test_detail_is_told(detail: str) -> None:
    """A failed port's own words reach the operator; without them, the kind of failure does."""
    notice = Noticed(
        interface="eth0", vhid=7, notice=Notice.SEND_FAILED, failure=PortFailure.NO_DEVICE, detail=detail
    )
    assert explain(notice) == "a frame could not be sent (no such device)"


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (
            StateChanged(
                interface="eth0",
                vhid=7,
                old=State.BACKUP,
                new=State.MASTER,
                cause=Cause.MASTER_TIMED_OUT,
                peer=PEER,
                silence=3_390_625_000,
                rejected=((DropReason.BAD_AUTHENTICATION, 2),),
            ),
            f"no valid advertisement for 3.391 s from {PEER}; {REJECTED}",
        ),
        (
            StateChanged(
                interface="eth0",
                vhid=7,
                old=State.MASTER,
                new=State.BACKUP,
                cause=Cause.BETTER_ADVERTISEMENT,
                peer=PEER,
            ),
            "a better master is advertising (10.0.0.9)",
        ),
        (
            StateChanged(
                interface="eth0",
                vhid=7,
                old=State.MASTER,
                new=State.BACKUP,
                cause=Cause.ADDRESS_FAILURE,
                detail="no permission",
            ),
            "the virtual address could not be held: no permission",
        ),
        (
            PacketDropped(interface="eth0", reason=DropReason.BAD_TTL, source=PEER, vhid=7, ttl=64),
            f"{DROPPED}: wrong TTL: a router forwarded it (TTL 64 in the place of 255)",
        ),
        (
            PacketDropped(
                interface="eth0", reason=DropReason.BAD_DESTINATION, source=PEER, vhid=7, destination=OTHER
            ),
            f"{DROPPED}: it was sent to another address than our group's or our own ({OTHER})",
        ),
        (
            PacketDropped(interface="eth0", reason=DropReason.BAD_ADDRESSES, source=PEER6, vhid=7),
            "dropped a packet from fe80::9 for VHID 7: bad HMAC: it has our password, but other virtual addresses",
        ),
        (
            changed(State.BACKUP, State.MASTER, Cause.MASTER_TIMED_OUT, silence=3 * SECOND),
            "no valid advertisement for 3.000 s",
        ),
        (
            changed(
                State.BACKUP, State.MASTER, Cause.MASTER_TIMED_OUT, peer=PEER6, silence=SECOND, detail="over IPv6"
            ),
            "no valid advertisement for 1.000 s from fe80::9 over IPv6",
        ),
        (
            changed(
                State.BACKUP,
                State.MASTER,
                Cause.MASTER_TIMED_OUT,
                peer=PEER,
                silence=SECOND,
                rejected=((DropReason.BAD_ADDRESSES, 1), (DropReason.FRAGMENT, 3)),
            ),
            f"no valid advertisement for 1.000 s from {PEER}; {REJECTED_FOR_TWO_REASONS}",
        ),
        (
            changed(State.MASTER, State.BACKUP, Cause.GROUP_FAILED, detail="link lost"),
            "another virtual host of the failover group cannot serve, and they go together: link lost",
        ),
        (
            changed(State.BACKUP, State.MASTER, Cause.PEER_DEMOTED, peer=PEER),
            "the master counts as worse than we do: it is demoted (10.0.0.9)",
        ),
        (changed(State.MASTER, State.INIT, Cause.LINK_DOWN, detail="no carrier"), "the link is lost: no carrier"),
        (
            TwoMasters(interface="eth0", vhid=7, peer=PEER, other=OTHER, since=SECOND, until=3 * SECOND),
            "two masters no more: 10.0.0.9 and 10.0.0.10 both advertised for 2.000 s",
        ),
        (
            CloseCall(interface="eth0", vhid=7, peer=PEER, silence=2 * SECOND, margin=SECOND // 4),
            "10.0.0.9 was silent for 2.000 s, longer than ever; 0.250 s more and we would have taken over",
        ),
        (
            Noticed(interface="eth0", vhid=7, notice=Notice.FLAPPING, peer=PEER, detail="300 s"),
            "mastership was lost too often: not preempting for a while (10.0.0.9, 300 s)",
        ),
        (
            PacketDropped(interface="eth0", reason=DropReason.SHORT_HEADER),
            "dropped a packet on eth0: it is shorter than its IP header",
        ),
        (
            Noticed(interface="eth0", vhid=7, notice=Notice.WORSE_MASTER, peer=PEER),
            "heard an advertisement worse than ours: announced the address again (10.0.0.9)",
        ),
        (Noticed(interface="eth0", vhid=7, notice=Notice.HOOK_FAILED), "a script failed"),
        (Stopped(), "every virtual host has left"),
    ],
)
def test_sentence(report: Report, sentence: str) -> None:
    """The sentences as an operator reads them."""
    assert explain(report) == sentence
