"""A node with hundreds of virtual hosts: each has its own time, and all come in the order of the configuration."""

import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    DemotionRequested,
    Event,
    HealthChanged,
    Link,
    LinkChanged,
    MaintenanceChanged,
    Node,
    NodeConfig,
    Started,
    State,
    SwitchOverRequested,
    TimerExpired,
    VirtualHostConfig,
)
from triocarp.core.timing import SECOND

from .hosts import MAC, PLAIN, Machine, Peer

VHIDS = range(1, 256)


def numbered(vhid: int, interface: int = 0, **more: object) -> VirtualHostConfig:
    """Return one of many virtual hosts."""
    return replace(
        PLAIN,
        interface=f"eth{interface}",
        vhid=vhid,
        source=IPv4Address(f"10.{interface}.0.5"),
        addresses=(IPv4Interface(f"10.{interface}.1.{vhid}/16"),),
        **more,  # type: ignore[arg-type]
    )


def earliest(node: Node) -> int | None:
    """Return the deadline by looking at every virtual host."""
    deadlines = [host.deadline for host in node.virtual_hosts.values() if host.deadline is not None]
    return min(deadlines, default=None)


def test_255_on_one_interface() -> None:
    """All of them take over in one instant, in the order of the configuration, and advertise side by side."""
    order = random.Random(7).sample(VHIDS, len(VHIDS))  # noqa: S311
    machine = Machine.listening(*(numbered(vhid) for vhid in order))
    machine.record.deeds.clear()
    machine.run_until(3 * SECOND)
    assert [deed.vhid for deed in machine.record.deeds if deed.what == "announce"] == order
    assert set(machine.states) == {State.MASTER}
    machine.record.deeds.clear()
    machine.run_until(4 * SECOND)
    assert [deed.vhid for deed in machine.record.deeds if deed.what == "advertise"] == order
    assert machine.stop().count("goodbye") == 255


def test_deadlines_behind_one_that_stands_do_not_pile_up() -> None:
    """One virtual host waits for its first takeover; what others push meanwhile stands behind that."""
    machine = Machine.listening(*(numbered(vhid) for vhid in range(1, 11)))
    peers = [Peer.of(config, IPv4Address("10.0.0.9")) for config in machine.configs[1:]]
    for _ in range(200):
        for peer in peers:
            machine.feed(peer.advertises(), after=SECOND // 1000)
        assert machine.node.deadline == 3 * SECOND
        assert len(machine.node._deadlines) <= 8 * 10 + 64  # pyright: ignore[reportPrivateUsage]
    assert machine.run_until(3 * SECOND)[0] == "BACKUP -> MASTER: master timed out"
    assert machine.states.count(State.MASTER) == 1


def test_same_numbers_on_several_interfaces() -> None:
    """A lost link, a packet, an address concern one interface and nobody on the other ones."""
    machine = Machine.listening(*(numbered(vhid, interface) for vhid in (1, 2, 3) for interface in range(4)))
    machine.run_until(3 * SECOND)
    machine.record.deeds.clear()
    machine.feed(LinkChanged(interface="eth2", link=Link.DOWN))
    assert {deed.interface for deed in machine.record.deeds} == {"eth2"}
    assert machine.states.count(State.INIT) == 3
    deadlines = [host.deadline for host in machine.node.virtual_hosts.values()]
    machine.record.deeds.clear()
    better = Peer.of(machine.configs[1], IPv4Address("10.1.0.9"), advbase_s=0, advskew=1)
    machine.feed(better.advertises())
    assert {(deed.interface, deed.vhid) for deed in machine.record.deeds} == {("eth1", 1)}
    changed = [host.deadline for host in machine.node.virtual_hosts.values()]
    assert sum(before != after for before, after in zip(deadlines, changed, strict=True)) == 1


def test_deadlines_do_not_pile_up() -> None:
    """Hosts that hear their masters for a day push their deadlines ahead, and the node keeps no trace of that."""
    machine = Machine.listening(*(numbered(vhid) for vhid in range(1, 11)))
    peers = [Peer.of(config, IPv4Address("10.0.0.9")) for config in machine.configs]
    for _ in range(200):
        for peer in peers:
            machine.feed(peer.advertises(), after=SECOND // 20)
        assert len(machine.node._deadlines) <= 8 * 10 + 64  # pyright: ignore[reportPrivateUsage]
        assert machine.node.deadline == earliest(machine.node)
    assert machine.record.deeds[20:] == []
    machine.run_for(3 * SECOND)
    assert set(machine.states) == {State.MASTER}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5), st.sampled_from(["hear", "up", "down", "timer", "late"]), st.integers(0, SECOND)
        ),
        max_size=60,
    )
)
def test_deadline_is_always_the_earliest(steps: list[tuple[int, str, int]]) -> None:
    """Whatever virtual hosts with different times hear, the node knows who is due first, and when."""
    configs = tuple(numbered(vhid, vhid % 3, advskew=40 * vhid) for vhid in range(1, 7))
    node = Node(NodeConfig(virtual_hosts=configs), rng=random.Random(1))  # noqa: S311
    now = 0
    node.handle(Started(), now)
    for index, step, pause in steps:
        now += pause
        config = configs[index]
        peer = Peer.of(config, IPv4Address("10.0.0.9"))
        link = Link.UP if step == "up" else Link.DOWN
        if step in {"timer", "late"}:
            now = max(now, (node.deadline or now) + (5 * SECOND if step == "late" else 0))
        event: Event = TimerExpired() if step in {"timer", "late"} else peer.advertises()
        if step in {"up", "down"}:
            event = LinkChanged(interface=config.interface, link=link, hardware_address=MAC)
        node.handle(event, now)
        assert node.deadline == earliest(node)
        due = node.next_due
        assert (due is None) == (node.deadline is None)
        if due is not None:
            first = next(host for host in node.virtual_hosts.values() if host.deadline == node.deadline)
            assert due is first


@pytest.mark.parametrize(
    "event",
    [
        HealthChanged(check="web", healthy=False, failover_group="nobody"),
        MaintenanceChanged(active=True, failover_group="nobody"),
        DemotionRequested(amount=1, failover_group="nobody"),
        SwitchOverRequested(hold_down=0, failover_group="nobody"),
    ],
)
def test_unknown_failover_group_is_refused(event: Event) -> None:
    """A driver that names a group that is not there is told which are; nothing has happened, not even time."""
    machine = Machine.master(numbered(1), numbered(2, 1, failover_group="G"))
    with pytest.raises(ValueError, match="no failover group nobody; there is 1@eth0, G"):
        machine.node.handle(event, machine.now + SECOND)
    assert machine.feed(TimerExpired()) == []
    assert set(machine.states) == {State.MASTER}
    assert {group.demotion.total for group in machine.node.failover_groups.values()} == {0}


def test_health_of_all_is_told_to_every_group() -> None:
    """Each group of a hundred tells its own demotion, and every master of them advertises."""
    machine = Machine.master(*(numbered(vhid) for vhid in range(1, 101)))
    done = machine.feed(HealthChanged(check="web", healthy=False))
    assert (done.count("notice: DEMOTED"), done.count("advertise")) == (100, 100)
