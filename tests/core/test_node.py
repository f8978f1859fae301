"""A node is the one door to all virtual hosts of a machine: it routes, keeps time, and is deterministic."""

import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from triocarp.core import (
    EffectFailed,
    Hook,
    HookFinished,
    HookOutcome,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    PortFailure,
    RunHook,
    Started,
    State,
    StopRequested,
    TimerExpired,
    VirtualHost,
)
from triocarp.core.timing import SECOND

from .hosts import MAC, PLAIN, Machine, Peer

SECOND_HOST = replace(PLAIN, vhid=8, addresses=(IPv4Interface("10.0.0.101/24"),))
OTHER_LAN = replace(
    PLAIN, interface="eth1", source=IPv4Address("10.1.0.5"), addresses=(IPv4Interface("10.1.0.100/24"),)
)


def state_of(machine: Machine, index: int) -> State:
    """Return the state of one virtual host."""
    return machine.host_statistics_and_state(machine.configs[index])[1]


def test_time_never_runs_backwards() -> None:
    """An event before the last one is refused with both instants, and nothing has happened."""
    machine = Machine.listening(PLAIN)
    machine.run_until(2 * SECOND)
    machine.feed(TimerExpired())
    with pytest.raises(ValueError, match=f"now {2 * SECOND - 1} is before {2 * SECOND}"):
        machine.node.handle(StopRequested(), 2 * SECOND - 1)
    assert machine.run_until(3 * SECOND)[0] == "BACKUP -> MASTER: master timed out"


@pytest.mark.parametrize(
    "event",
    [
        HookFinished(interface="eth0", vhid=9, hook=Hook.UP, outcome=HookOutcome.SUCCEEDED),
        EffectFailed(effect=RunHook(interface="eth0", vhid=9, hook=Hook.UP), failure=PortFailure.OTHER, detail=""),
    ],
)
def test_unknown_virtual_host_is_refused(event: HookFinished | EffectFailed) -> None:
    """A driver that names a virtual host that is not there is told which are."""
    machine = Machine.listening(PLAIN, SECOND_HOST)
    with pytest.raises(ValueError, match="no virtual host 9 on eth0; there is 7 on eth0, 8 on eth0"):
        machine.feed(event)


def test_virtual_hosts_are_for_looking_only() -> None:
    """The node shows its virtual hosts and lets nobody change which there are."""
    node = Machine(PLAIN, SECOND_HOST).node
    assert list(node.virtual_hosts) == [("eth0", 7), ("eth0", 8)]
    assert all(isinstance(host, VirtualHost) for host in node.virtual_hosts.values())
    with pytest.raises(TypeError):
        node.virtual_hosts["eth0", 9] = node.virtual_hosts["eth0", 8]  # type: ignore[index]


def test_advertisement_reaches_the_virtual_host_that_it_names() -> None:
    """One virtual host hears its master; the other one, on the same interface, takes over."""
    machine = Machine.listening(PLAIN, SECOND_HOST)
    machine.feed(Peer().advertises(), after=SECOND)
    machine.run_until(3 * SECOND)
    assert (state_of(machine, 0), state_of(machine, 1)) == (State.BACKUP, State.MASTER)


def test_same_number_on_two_interfaces_is_two_virtual_hosts() -> None:
    """The interface tells them apart."""
    machine = Machine.listening(PLAIN, OTHER_LAN)
    peer = Peer(interface="eth1", source=IPv4Address("10.1.0.9"), address=IPv4Address("10.1.0.100"))
    machine.feed(peer.advertises(), after=SECOND)
    machine.run_until(3 * SECOND)
    assert (state_of(machine, 0), state_of(machine, 1)) == (State.MASTER, State.BACKUP)


def test_link_change_concerns_its_interface() -> None:
    """A lost link takes down what is on it, and nothing else."""
    machine = Machine.listening(PLAIN, SECOND_HOST, OTHER_LAN)
    done = machine.feed(LinkChanged(interface="eth0", link=Link.DOWN))
    assert done == ["BACKUP -> INIT: hardware interface down"] * 2
    assert [state_of(machine, index) for index in range(3)] == [State.INIT, State.INIT, State.BACKUP]


def test_deadline_is_the_earliest() -> None:
    """The node wants to be woken for whoever is due first."""
    slow = replace(SECOND_HOST, advbase_s=2)
    machine = Machine.listening(slow, PLAIN)
    assert machine.node.deadline == 3 * SECOND
    machine.feed(Peer().advertises(), after=SECOND)
    assert machine.node.deadline == 4 * SECOND
    machine.feed(LinkChanged(interface="eth0", link=Link.DOWN))
    assert machine.node.deadline is None


def test_next_takeover_is_the_earliest() -> None:
    """A driver may ask whether the next deadline is a takeover; a master waits for none."""
    slow = replace(SECOND_HOST, advbase_s=2)
    machine = Machine.listening(slow, PLAIN)
    assert machine.node.takeover_due == 3 * SECOND
    machine.run_until(3 * SECOND)
    assert machine.node.deadline == 4 * SECOND
    assert machine.node.takeover_due is None
    machine.run_until(5 * SECOND)
    assert machine.node.takeover_due == 6 * SECOND
    machine.run_until(6 * SECOND)
    assert machine.node.takeover_due is None
    machine.link(Link.DOWN)
    assert machine.node.takeover_due is None


def test_virtual_host_that_waits_for_nothing_holds_up_nobody() -> None:
    """One virtual host without a link has no deadline; the other one is served."""
    machine = Machine.listening(OTHER_LAN, PLAIN)
    machine.feed(LinkChanged(interface="eth1", link=Link.DOWN))
    machine.run_until(3 * SECOND)
    assert (state_of(machine, 0), state_of(machine, 1)) == (State.INIT, State.MASTER)


def test_simultaneous_deadlines_are_served_in_the_order_of_the_configuration() -> None:
    """Two virtual hosts that are due at once are both served, in a defined order."""
    machine = Machine.listening(SECOND_HOST, PLAIN)
    machine.record.deeds.clear()
    machine.run_until(3 * SECOND)
    assert [deed.vhid for deed in machine.record.deeds] == [8, 8, 8, 8, 7, 7, 7, 7]


def test_stopped_waits_for_every_virtual_host() -> None:
    """One virtual host's slow script holds up the end of the machine, not the goodbye of the others."""
    machine = Machine.listening(replace(PLAIN, down_hook=True), SECOND_HOST)
    machine.run_until(3 * SECOND)
    done = machine.stop()
    assert (done.count("goodbye"), machine.running() == [Hook.DOWN]) == (1, True)
    assert "stopped" not in done
    assert machine.end_hook() == ["goodbye"]
    assert machine.run_for(0) == ["stopped"]


def test_same_seed_and_events_give_the_same_effects() -> None:
    """A node is a function of its configuration, seed and events; another seed is another first counter."""

    def effects(seed: int) -> list[object]:
        node = Node(NodeConfig(virtual_hosts=(PLAIN, SECOND_HOST)), rng=random.Random(seed))  # noqa: S311
        up = LinkChanged(interface="eth0", link=Link.UP, hardware_address=MAC)
        return [
            node.handle(event, now)
            for event, now in (
                (Started(), 0),
                (up, 1),
                (TimerExpired(), 4 * SECOND),
                (StopRequested(), 5 * SECOND),
            )
        ]

    assert effects(1) == effects(1)
    assert effects(1) != effects(2)
