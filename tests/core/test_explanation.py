"""Every report has a sentence for an operator, and it says what is in the report."""

import itertools
from ipaddress import IPv4Address

import pytest

from triocarp.core import (
    TRANSITIONS,
    Cause,
    DropReason,
    Notice,
    Noticed,
    PacketDropped,
    PortFailure,
    Report,
    State,
    StateChanged,
    Stopped,
    explain,
)

PEER = IPv4Address("10.0.0.9")

REJECTED = "2 rejected in that time for a bad HMAC"

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
    Stopped(),
]


@pytest.mark.parametrize("kind", [StateChanged, PacketDropped, Noticed, Stopped])
def test_every_report_is_explained(kind: type[Report]) -> None:
    """Whatever the cause, reason or notice, there is one line without a full stop that names the peer."""
    reports = [report for report in REPORTS if isinstance(report, kind)]
    assert reports
    for report in reports:
        sentence = explain(report)
        assert sentence
        assert "\n" not in sentence
        assert not sentence.endswith(".")
        for word in (getattr(report, "peer", None), getattr(report, "source", None)):
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
            "dropped a packet from 10.0.0.9 for VHID 7: wrong TTL: a router forwarded it (TTL 64 in the place of 255)",
        ),
        (
            PacketDropped(interface="eth0", reason=DropReason.SHORT_HEADER),
            "dropped a packet: it is shorter than its IP header",
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
