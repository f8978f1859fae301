"""Every sighting has a sentence for an operator, and it says what is in the sighting."""

import itertools
from ipaddress import IPv4Address

import pytest

from triocarp.core import DropReason
from triocarp.core.observer.sightings import (
    Announced,
    Failover,
    FailoverCause,
    Host,
    Rejected,
    Role,
    RoleCause,
    RoleChanged,
    Sighting,
    TwoMastersOver,
    TwoMastersSeen,
    explain_sighting,
)
from triocarp.core.timing import SECOND

MAC = bytes.fromhex("020000000001")
A = Host(address=IPv4Address("10.0.0.1"))
B = Host(address=IPv4Address("10.0.0.2"))
NAMELESS = Host(address=IPv4Address("0.0.0.0"), hardware_address=MAC)  # noqa: S104 - as the BSDs may send
DROPPED = "every host of the group dropped a packet"
DEATH = "it died, lost its link, or became a backup without a word"
TIE = "two equal masters, and the old one yielded"
LAST = "the old master's last advertisement"
VIRTUAL = IPv4Address("10.0.0.100")


def changed(cause: RoleCause, role: Role = Role.SILENT) -> RoleChanged:
    """Return a change of role with everything in it."""
    return RoleChanged(host=A, role=role, at=5 * SECOND, cause=cause, last_heard=2 * SECOND, peer=B)


SIGHTINGS: list[Sighting] = [
    *(changed(cause) for cause in RoleCause),
    *(
        Failover(vhid=7, old=old, new=B, at=0, gap=1, cause=cause)
        for cause, old in itertools.product(FailoverCause, (A, None))
    ),
    *(Rejected(reason=reason, at=0, hardware_address=MAC) for reason in DropReason),
]


def test_every_sighting_is_explained() -> None:
    """Whatever the cause or reason, there is one line without a full stop."""
    for sighting in SIGHTINGS:
        sentence = explain_sighting(sighting)
        assert sentence
        assert "\n" not in sentence
        assert not sentence.endswith(".")


@pytest.mark.parametrize(
    ("sighting", "sentence"),
    [
        (changed(RoleCause.FIRST_HEARD), "10.0.0.1 is master: it advertises"),
        (changed(RoleCause.HEARD_AGAIN), "10.0.0.1 is master again: it advertises again"),
        (changed(RoleCause.GOODBYE), "10.0.0.1 has left: it said goodbye"),
        (
            changed(RoleCause.DEAD_TIME),
            f"10.0.0.1 is silent: no advertisement for 3.000 s; {DEATH}",
        ),
        (
            changed(RoleCause.OVERDUE),
            "10.0.0.1 is silent: no advertisement for 3.000 s when 10.0.0.2 began to advertise",
        ),
        (
            changed(RoleCause.PREFERRED_MASTER),
            "10.0.0.1 has yielded to 10.0.0.2, which is preferred: no advertisement for 3.000 s",
        ),
        (
            changed(RoleCause.EQUAL_MASTER),
            "10.0.0.1 has yielded to 10.0.0.2, which is equal: no advertisement for 3.000 s",
        ),
        (
            Failover(vhid=7, old=None, new=A, at=0, gap=0, cause=FailoverCause.FIRST_MASTER),
            "VHID 7 is at 10.0.0.1, the first master that was heard",
        ),
        (
            Failover(vhid=7, old=B, new=A, at=0, gap=3_985_000_000, cause=FailoverCause.SILENCE),
            f"VHID 7 moved from 10.0.0.2 to 10.0.0.1, 3.985 s after {LAST}: the old master fell silent",
        ),
        (
            Failover(vhid=7, old=B, new=A, at=0, gap=0, cause=FailoverCause.TIE),
            f"VHID 7 moved from 10.0.0.2 to 10.0.0.1, without a gap: {TIE}",
        ),
        (
            TwoMastersSeen(first=A, second=B, since=SECOND, at=4 * SECOND),
            "two masters: 10.0.0.1 and 10.0.0.2 have both advertised for 3.000 s",
        ),
        (
            TwoMastersOver(stopped=A, remaining=B, since=SECOND, at=4 * SECOND),
            "one master again after 3.000 s: 10.0.0.1 has stopped, 10.0.0.2 goes on",
        ),
        (
            Announced(address=VIRTUAL, hardware_address=MAC, host=None, at=0),
            "02:00:00:00:00:01 announced that it answers for 10.0.0.100",
        ),
        (
            Announced(address=VIRTUAL, hardware_address=MAC, host=A, at=0),
            "10.0.0.1 announced that 02:00:00:00:00:01 answers for 10.0.0.100",
        ),
        (
            Rejected(reason=DropReason.BAD_TTL, at=0, hardware_address=MAC, source=A.address, vhid=7, ttl=63),
            f"{DROPPED} from 10.0.0.1 for VHID 7: wrong TTL: a router forwarded it (TTL 63 in the place of 255)",
        ),
        (
            Announced(address=VIRTUAL, hardware_address=MAC, host=NAMELESS, at=0),
            "0.0.0.0 at 02:00:00:00:00:01 announced that 02:00:00:00:00:01 answers for 10.0.0.100",
        ),
        (
            Rejected(reason=DropReason.SHORT_HEADER, at=0, hardware_address=MAC),
            f"{DROPPED}: it is shorter than its IP header",
        ),
    ],
)
def test_sentence(sighting: Sighting, sentence: str) -> None:
    """The sentences as an operator reads them."""
    assert sentence == explain_sighting(sighting)
