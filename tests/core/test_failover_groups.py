"""Virtual hosts that fail over together: who cannot serve on one side shall not be preferred on the other."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from triocarp.core import (
    CARPD,
    FREEBSD,
    OPENBSD,
    UCARP,
    Dialect,
    Event,
    HealthChanged,
    Link,
    LinkChanged,
    MaintenanceChanged,
    Noticed,
    State,
    StateChanged,
    SwitchOverRequested,
    VirtualHostConfig,
)
from triocarp.core.timing import SECOND

from .hosts import ELSEWHERE, MAC, PLAIN, Machine, Peer

INSIDE = replace(PLAIN, failover_group="router", preempt=True)
OUTSIDE = replace(ELSEWHERE, failover_group="router", preempt=True)
THIRD = replace(
    PLAIN,
    interface="eth2",
    vhid=9,
    source=IPv4Address("10.2.0.5"),
    addresses=(IPv4Interface("10.2.0.100/24"),),
    failover_group="router",
)
ALONE = replace(THIRD, failover_group="")
GROUP_FAILED = "MASTER -> BACKUP: another virtual host of the failover group failed"
LINK_DOWN = "MASTER -> INIT: hardware interface down"


def change_link(machine: Machine, interface: str, link: Link) -> list[tuple[int | None, str]]:
    """Change the condition of one interface, and return which virtual host did what."""
    begin = len(machine.record.deeds)
    machine.feed(LinkChanged(interface=interface, link=link, hardware_address=MAC))
    return [(deed.vhid, deed.what) for deed in machine.record.deeds[begin:]]


@pytest.mark.parametrize("dialect", [UCARP, CARPD, FREEBSD, OPENBSD], ids=lambda dialect: dialect.name)
def test_lost_link_hands_over_the_other_side(dialect: Dialect) -> None:
    """The side that lost its link releases in silence; the other one releases and says goodbye at once."""
    machine = Machine.master(*(replace(config, dialect=dialect) for config in (INSIDE, OUTSIDE)))
    assert change_link(machine, "eth0", Link.NO_CARRIER) == [
        (7, LINK_DOWN),
        (7, "release"),
        (7, "notice: DEMOTED"),
        (8, GROUP_FAILED),
        (8, "release"),
        (8, "goodbye"),
    ]
    assert machine.reports(StateChanged)[-1].detail == "link lost"
    assert not machine.record.held


def test_three_go_together() -> None:
    """All others hand over, in the order of the configuration; a virtual host outside the group is left alone."""
    beside = replace(PLAIN, vhid=10, addresses=(IPv4Interface("10.0.0.110/24"),))
    machine = Machine.master(INSIDE, OUTSIDE, THIRD, replace(beside, interface="eth3"))
    done = change_link(machine, "eth1", Link.DOWN)
    assert [vhid for vhid, what in done if what == "goodbye"] == [7, 9]
    assert machine.states == [State.BACKUP, State.INIT, State.BACKUP, State.MASTER]


def test_members_on_one_interface_lose_their_link_once() -> None:
    """Neither hands over on a dead link because the other one has learned of it first: one transition each."""
    machine = Machine.master(INSIDE, replace(THIRD, interface="eth0"), OUTSIDE)
    done = change_link(machine, "eth0", Link.DOWN)
    assert [what for vhid, what in done if vhid == 9 and " -> " in what] == [LINK_DOWN]
    assert [vhid for vhid, what in done if what == "goodbye"] == [8]
    assert machine.node.failover_groups["router"].demotion.total == 240


def test_failed_group_does_not_preempt_and_comes_back_with_its_link() -> None:
    """While one side has no link the other one stays backup; when it returns, both take back what was theirs."""
    machine = Machine.master(INSIDE, OUTSIDE)
    inside = Peer.of(INSIDE, IPv4Address("10.0.0.9"), advskew=100)
    outside = Peer.of(OUTSIDE, IPv4Address("10.1.0.9"), advskew=100)
    change_link(machine, "eth0", Link.NO_CARRIER)
    for _ in range(5):
        assert machine.feed(outside.advertises(), after=SECOND) == []
    change_link(machine, "eth0", Link.UP)
    machine.feed(inside.advertises())
    machine.feed(outside.advertises())
    assert machine.states == [State.MASTER, State.MASTER]


def test_failed_group_still_takes_over_from_silence() -> None:
    """Better a router with one leg than none: when nobody else is there, the other side is served again."""
    machine = Machine.master(INSIDE, OUTSIDE)
    change_link(machine, "eth0", Link.DOWN)
    machine.run_for(3 * SECOND)
    assert machine.states == [State.INIT, State.MASTER]
    assert change_link(machine, "eth0", Link.ABSENT) == []
    assert machine.states == [State.INIT, State.MASTER]


def test_failure_to_hold_hands_over_the_other_side() -> None:
    """A member that can't have its address steps down, and so does its group; all are worse for the back-off."""
    machine = Machine.master(INSIDE, OUTSIDE)
    machine.record.failing = {"hold 7"}
    done = machine.remove_address()
    assert done.index("MASTER -> BACKUP: address could not be held") < done.index(GROUP_FAILED)
    assert done.count("goodbye") == 2
    machine.record.failing = set()
    demotion = machine.node.failover_groups["router"].demotion
    machine.run_for(SECOND - 1)
    assert demotion.total == 240
    machine.run_for(1)
    assert demotion.total == 0
    assert "(not demoted)" in machine.explained(Noticed)[-1]


def test_second_failure_to_hold_hands_over_again() -> None:
    """After the back-off a member tries again, fails again, and its group goes with it each time."""
    machine = Machine.master(INSIDE, OUTSIDE)
    machine.record.failing = {"hold 7"}
    machine.remove_address()
    machine.now += SECOND + 1  # the back-off is over, but its timer is served late
    done = machine.feed(Peer.of(INSIDE, IPv4Address("10.0.0.9"), advskew=9).advertises())
    assert "hold failed" in done
    assert machine.node.failover_groups["router"].demotion.total == 240
    assert machine.explained(Noticed)[-1].endswith("(2 s)") or "(2 s)" in "".join(machine.explained(Noticed))


def test_losing_one_side_to_a_better_master_is_no_failure() -> None:
    """A member that yields can serve all the same: the other side stays master, and compares for itself."""
    machine = Machine.master(INSIDE, OUTSIDE)
    machine.feed(Peer.of(INSIDE, IPv4Address("10.0.0.9"), advbase_s=0, advskew=1).advertises())
    assert machine.states == [State.BACKUP, State.MASTER]


@pytest.mark.parametrize(
    ("event", "names"),
    [
        (MaintenanceChanged(active=True, failover_group="router"), ["goodbye", "goodbye"]),
        (SwitchOverRequested(hold_down=SECOND, failover_group="router"), ["goodbye", "goodbye"]),
        (MaintenanceChanged(active=True), ["goodbye"] * 3),
        (SwitchOverRequested(hold_down=SECOND), ["goodbye"] * 3),
        (HealthChanged(check="web", healthy=False, failover_group="9@eth2"), []),
    ],
)
def test_events_about_a_group_concern_its_members(event: Event, names: list[str]) -> None:
    """An event that names a group is about that group; one that names none is about all."""
    machine = Machine.master(INSIDE, OUTSIDE, ALONE)
    assert [deed for deed in machine.feed(event) if deed == "goodbye"] == names
    demoted = {name for name, group in machine.node.failover_groups.items() if group.demotion.total}
    assert demoted <= {"router", "9@eth2"}


@pytest.mark.parametrize(
    "configs", [(INSIDE, replace(OUTSIDE, dialect=OPENBSD)), (replace(INSIDE, dialect=OPENBSD), OUTSIDE)]
)
def test_dialects_in_one_group_are_all_demoted(configs: tuple[VirtualHostConfig, ...]) -> None:
    """What demotes an OpenBSD host, 1, would be nothing to another: the greatest weight of the members counts."""
    machine = Machine.master(*(replace(config, preempt=False) for config in configs))
    machine.feed(HealthChanged(check="web", healthy=False))
    said = {
        machine.node.virtual_hosts[key].config.dialect.name: value for key, value in machine.record.said.items()
    }
    assert (said["ucarp"].advskew, said["ucarp"].demotion) == (240, 0)
    assert (said["openbsd"].advskew, said["openbsd"].demotion) == (0, 240)


def test_change_of_demotion_is_told_once_for_a_group() -> None:
    """One report for all members, by the first of them; each of them advertises."""
    machine = Machine.master(INSIDE, OUTSIDE)
    done = machine.feed(HealthChanged(check="web", healthy=False))
    assert done == ["notice: DEMOTED", "advertise", "hold", "advertise", "hold"]
    assert machine.explained(Noticed) == [
        "the host counts as worse than before (demoted by 240: health check failed (web) 240; sent as advskew 240)"
    ]
