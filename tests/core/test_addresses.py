"""The virtual address is desired state: what others do to it, and what the host does when it can't have it."""

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    AddressChanged,
    DemotionCause,
    DemotionRequested,
    EffectFailed,
    HoldAddresses,
    Noticed,
    PacketReceived,
    PortFailure,
    RenewAddresses,
    Started,
    State,
    StateChanged,
)
from triocarp.core.timing import SECOND

from .hosts import DUAL, PLAIN, VIRTUAL_ADDRESS, Machine, Peer

FAILS = "MASTER -> BACKUP: address could not be held"
TIMED_OUT = "BACKUP -> MASTER: master timed out"
TRIES_AND_FAILS = [TIMED_OUT, "advertise", "hold failed", FAILS, "release", "notice: HOLDING_BACK", "goodbye"]
RESTORED = ["notice: ADDRESS_RESTORED", "hold", "announce"]
REMOVED = ["notice: ADDRESS_REMOVED", "release"]


def details(machine: Machine) -> list[str]:
    """Return what the notices of a machine say."""
    return [report.detail for report in machine.record.reports if isinstance(report, Noticed)]


def test_lease_is_renewed_with_each_advertisement() -> None:
    """With usual timers each advertisement renews the address for the dead time in whole seconds."""
    machine = Machine.master(replace(PLAIN, advskew=100))
    assert machine.record.leases == {("eth0", VIRTUAL_ADDRESS.ip): 4}
    assert machine.run_for(PLAIN.interval * 2)[:2] == ["advertise", "hold"]


def test_lease_is_not_renewed_before_it_is_due() -> None:
    """In a sub-second group the last advertisement in the first third of the lease renews it, as it did before."""
    machine = Machine.master(replace(PLAIN, advbase_s=0, advskew=3))
    third = ["advertise"] * 28 + ["hold"]  # 28 of 11.7 ms
    done = [deed for deed in machine.run_for(SECOND) if deed != "announce"]
    assert done == [*third, *third, *third, "advertise"]


@given(st.integers(0, 10), st.integers(1, 254), st.integers(1, 5), st.integers(0, 300))
def test_lease_never_runs_out(advbase_s: int, advskew: int, ratio: int, demoted: int) -> None:
    """A renewal comes before a third of the lease is used, or with each advertisement; also after a demotion."""
    config = replace(PLAIN, advbase_s=advbase_s, advskew=advskew, dead_ratio=ratio)
    machine = Machine.master(config)
    machine.run_for(config.interval)
    machine.feed(DemotionRequested(amount=demoted))
    renewed, lease = machine.now, machine.record.leases["eth0", VIRTUAL_ADDRESS.ip]
    interval = machine.node.virtual_hosts["eth0", PLAIN.vhid].standing.interval
    for _ in range(20):
        if "hold" in machine.run_until(machine.node.deadline or 0):
            assert machine.now - renewed <= max(interval, lease * SECOND // 3)
            renewed = machine.now
    assert machine.now - renewed <= max(interval, lease * SECOND // 3)


def test_unmanaged_address_is_left_alone() -> None:
    """Where hooks hold the address, the host never touches it, whatever others do."""
    machine = Machine.listening(replace(PLAIN, manages_addresses=False))
    assert machine.add_address() == []
    assert machine.run_until(4 * SECOND) == [TIMED_OUT, "advertise", "announce", "advertise"]
    assert machine.remove_address() == []
    assert machine.feed(Peer(advbase_s=0, advskew=9).advertises())[1:] == ["advertise"]


def test_vanished_address_is_restored() -> None:
    """Somebody takes a master's address away: it is put back and announced."""
    machine = Machine.master()
    assert machine.remove_address(after=1) == RESTORED
    assert machine.holds
    assert details(machine) == ["10.0.0.100/24"]


@pytest.mark.parametrize(("slept", "lapsed"), [(4 * SECOND, True), (4 * SECOND - 1, False)])
def test_address_that_was_lost_in_a_sleep_accuses_nobody(slept: int, lapsed: bool) -> None:
    """The lease ran out while the host did not run; the kernel's word of it may come after the next takeover."""
    machine = Machine.master(replace(PLAIN, preempt=True, advskew=100))
    machine.feed(Peer(advskew=200).advertises(), after=slept)
    assert machine.remove_address() == RESTORED
    assert machine.remove_address(after=SECOND - 1) == RESTORED
    assert machine.remove_address(after=1) == RESTORED
    reason = ", its lease ran out while this host did not run" if lapsed else ""
    assert details(machine) == ["10.0.0.100/24" + reason] * 2 + ["10.0.0.100/24"]


def test_emptied_interface_is_one_vanishing_of_each_address() -> None:
    """Somebody flushes an interface with many addresses: each is put back and announced once, again and again."""
    addresses = tuple(IPv6Interface(f"2001:db8::{number:x}/64") for number in range(256, 276))
    machine = Machine.master(replace(DUAL, addresses=addresses))
    for _ in range(5):
        machine.run_for(SECOND)
        for address in addresses:
            machine.record.held.discard(("eth0", address.ip))
        begin = len(machine.record.deeds)
        for address in addresses:
            machine.feed(AddressChanged(interface="eth0", address=address, present=False))
        done = machine.record.deeds[begin:]
        assert [deed.about for deed in done if deed.what == "hold"] == [(address.ip,) for address in addresses]
        assert [deed.about for deed in done if deed.what == "announce"] == [(address.ip,) for address in addresses]
        assert len(machine.record.held) == len(addresses)
    assert machine.feed(AddressChanged(interface="eth0", address=addresses[0], present=False))[0] == FAILS


def test_addresses_are_held_and_released_together() -> None:
    """All of them come with mastership and go with it; one that appears on a backup is removed."""
    machine = Machine.master(DUAL)
    assert machine.record.held == {("eth0", address.ip) for address in DUAL.addresses}
    machine.feed(Peer.of(DUAL, Peer().source, advbase_s=0).advertises())
    assert not machine.record.held
    event = AddressChanged(interface="eth0", address=DUAL.addresses[1], present=True)
    assert machine.feed(event, after=SECOND) == REMOVED


def test_address_that_cannot_be_put_back_gives_up_all() -> None:
    """A host that can't have one of its addresses has none."""
    machine = Machine.master(DUAL)
    machine.record.failing = {f"hold {DUAL.addresses[1].ip}"}
    event = AddressChanged(interface="eth0", address=DUAL.addresses[1], present=False)
    done = machine.feed(event)
    assert done[1:4] == ["hold failed", FAILS, "release"]
    assert not machine.record.held


def test_other_addresses_are_none_of_its_business() -> None:
    """Addresses that are not virtual, and those of other interfaces, come and go unnoticed."""
    machine = Machine.master()
    for interface, address in (("eth0", "10.0.0.5/24"), ("eth1", str(VIRTUAL_ADDRESS))):
        event = AddressChanged(interface=interface, address=IPv4Interface(address), present=False)
        assert machine.feed(event) == []


def test_what_is_already_so_changes_nothing() -> None:
    """A driver that lost notifications reports all that it sees."""
    machine = Machine.listening(PLAIN)
    assert machine.remove_address() == []
    machine.run_until(3 * SECOND)
    assert machine.add_address() == []


def test_address_that_vanishes_too_often_is_given_up() -> None:
    """Who takes the address away six times within ten seconds wins: the host steps down with a back-off."""
    machine = Machine.master()
    for _ in range(5):
        machine.run_for(2 * SECOND - 1)
        assert machine.remove_address() == RESTORED
    done = machine.remove_address()
    assert done == [FAILS, "release", "goodbye", "notice: HOLDING_BACK"]
    assert machine.node.virtual_hosts["eth0", PLAIN.vhid].takeover_due == machine.now + 3 * SECOND
    report = [report for report in machine.record.reports if isinstance(report, StateChanged)][-1]
    assert report.detail == "somebody keeps removing 10.0.0.100/24"


def test_who_gave_up_insists_anew_as_the_next_master() -> None:
    """After the back-off the host puts up with five vanishings again, however soon it is master."""
    machine = Machine.master(replace(PLAIN, advbase_s=0, advskew=16))
    for _ in range(6):
        machine.remove_address()
    machine.run_for(SECOND)
    assert machine.state is State.MASTER
    assert machine.remove_address() == RESTORED


def test_address_that_vanishes_now_and_then_is_always_restored() -> None:
    """Five times within ten seconds is put up with, for ever."""
    machine = Machine.master()
    for _ in range(30):
        machine.run_for(2 * SECOND)
        assert machine.remove_address() == RESTORED


def test_vanishings_of_long_ago_do_not_hide_new_ones() -> None:
    """However often it vanished now and then before, the sixth time within ten seconds is one too many."""
    machine = Machine.master()
    for wait in (11 * SECOND, 11 * SECOND, *[SECOND] * 4):
        machine.run_for(wait)
        assert machine.remove_address() == RESTORED
    machine.run_for(SECOND)
    assert machine.remove_address()[0] == FAILS


def test_address_that_cannot_be_restored_is_given_up() -> None:
    """When putting it back fails, the host steps down; nothing is announced."""
    machine = Machine.master()
    machine.record.failing = {"hold"}
    done = machine.remove_address()
    assert done == ["notice: ADDRESS_RESTORED", "hold failed", FAILS, "release", "goodbye", "notice: HOLDING_BACK"]
    assert machine.statistics.announcements_sent == 1


def test_address_that_appears_on_a_backup_is_removed() -> None:
    """An address that somebody puts on a host that is not master is taken off at once."""
    machine = Machine.listening(PLAIN)
    assert machine.add_address(after=2 * SECOND) == REMOVED
    assert not machine.holds


def test_address_with_another_prefix_length_is_removed() -> None:
    """It is the address that answers, whatever prefix length somebody has given it."""
    machine = Machine.listening(PLAIN)
    event = AddressChanged(interface="eth0", address=IPv4Interface("10.0.0.100/32"), present=True)
    assert machine.feed(event, after=2 * SECOND) == REMOVED


def test_removing_is_paced() -> None:
    """Against a tool that insists, the host releases once a second; repeated reports change nothing."""
    machine = Machine.listening(PLAIN)
    assert machine.add_address(after=SECOND) == REMOVED
    assert machine.add_address(after=1) == ["notice: ADDRESS_REMOVED"]
    assert machine.add_address(after=1) == []
    assert machine.node.deadline == 2 * SECOND
    assert machine.run_until(2 * SECOND) == ["release"]


def test_becoming_master_overrides_a_pending_removal() -> None:
    """A removal that waits for its pace is forgotten when the host becomes master."""
    machine = Machine.listening(PLAIN)
    machine.add_address(after=2 * SECOND + 1)
    machine.add_address(after=1)
    assert machine.run_until(3 * SECOND) == [TIMED_OUT, "advertise", "hold", "announce"]
    assert machine.node.deadline == 4 * SECOND


def test_neutral_host_leaves_addresses_alone() -> None:
    """With ucarp's ``-n`` a starting host releases nothing, and lets an address appear."""
    machine = Machine(replace(PLAIN, neutral=True))
    assert machine.feed(Started()) == []
    assert machine.add_address() == []


def test_neutral_host_is_neutral_until_it_is_master() -> None:
    """Once it has been master, the address is its business: none may appear when it has released its own."""
    machine = Machine.master(replace(PLAIN, neutral=True, advskew=50))
    machine.feed(Peer().advertises())
    assert machine.add_address(after=SECOND) == REMOVED


def test_starting_host_removes_what_a_predecessor_left() -> None:
    """A crashed predecessor may have left the address behind; the start takes it off."""
    machine = Machine(PLAIN)
    machine.record.held.add(("eth0", VIRTUAL_ADDRESS.ip))
    assert machine.feed(Started()) == ["release"]
    assert not machine.holds


def test_master_without_address_steps_down() -> None:
    """A host that can't have the address releases, says goodbye, and tells for how long it holds back."""
    machine = Machine.listening(PLAIN)
    machine.record.failing = {"hold"}
    machine.record.failure = PortFailure.ADDRESS_TAKEN
    done = machine.run_until(3 * SECOND)
    assert sorted(done) == sorted(TRIES_AND_FAILS)
    assert done[:5] == TRIES_AND_FAILS[:5]
    notice = [report for report in machine.record.reports if isinstance(report, Noticed)][-1]
    assert (notice.failure, notice.detail) == (PortFailure.ADDRESS_TAKEN, "1 s")
    assert machine.statistics.announcements_sent == 0
    assert machine.statistics.advertisements_sent == 2


def test_waits_double_up_to_five_minutes() -> None:
    """Each failure in a row doubles the wait; five minutes is the longest."""
    machine = Machine.listening(PLAIN)
    machine.record.failing = {"hold"}
    machine.run_until(3600 * SECOND)
    expected = ["1 s", "2 s", "4 s", "8 s", "16 s", "32 s", "64 s", "128 s", "256 s", "300 s", "300 s"]
    assert details(machine)[: len(expected)] == expected


def test_failures_are_forgiven_after_a_while() -> None:
    """A failure one minute after the last wait begins with one second again; a nanosecond earlier it doubles."""
    waits: list[str] = []
    for forgiven in (False, True):
        machine = Machine.listening(PLAIN)
        machine.record.failing = {"hold"}
        machine.run_until(3 * SECOND)
        machine.record.failing.clear()
        machine.run_until(64 * SECOND - 1 + forgiven)
        machine.record.failing = {"hold"}
        machine.remove_address()
        waits.append(details(machine)[-1])
    assert waits == ["2 s", "1 s"]


@pytest.mark.parametrize("packet", [Peer(advskew=9).advertises(), Peer(advskew=9).leaves()])
def test_held_back_host_does_not_preempt(packet: PacketReceived) -> None:
    """While it holds back, neither a worse master nor a goodbye makes the host try again."""
    machine = Machine.listening(replace(PLAIN, preempt=True))
    machine.record.failing = {"hold"}
    machine.run_until(3 * SECOND)
    machine.record.failing.clear()
    demotion = machine.node.failover_groups["7@eth0"].demotion
    assert demotion.causes == ((DemotionCause.ADDRESS_FAILURE, "7@eth0", 240),)
    assert machine.feed(packet, after=SECOND - 1) == []
    machine.run_for(1)
    assert demotion.total == 0
    assert machine.feed(Peer(advskew=9).advertises())[0] == "BACKUP -> MASTER: preempting a slower master"


def test_failed_renewal_is_reported_only() -> None:
    """There is time for further renewals: the host stays master and says so."""
    machine = Machine.master()
    machine.record.failing = {"hold"}
    assert machine.run_for(SECOND) == ["advertise", "hold failed", "notice: RENEWAL_FAILED"]
    assert machine.state is State.MASTER


def test_late_failure_of_a_renewal_is_no_news() -> None:
    """A port that renews beside everything else tells of a failure when the host has left."""
    machine = Machine.listening(PLAIN)
    renewal = RenewAddresses(interface="eth0", vhid=PLAIN.vhid, addresses=PLAIN.addresses, lease_s=3)
    assert machine.feed(EffectFailed(effect=renewal, failure=PortFailure.OTHER, detail="")) == []


def test_failed_release_is_repeated_before_the_goodbye() -> None:
    """While the address may still answer, release is repeated each second; then comes the goodbye."""
    machine = Machine.listening(PLAIN)
    machine.record.failing = {"hold", "release"}
    done = machine.run_until(3 * SECOND)
    assert "goodbye" not in done
    assert done[-3:] == ["release failed", "notice: HOLDING_BACK", "notice: RELEASE_FAILED"]
    assert machine.run_until(4 * SECOND) == ["release failed", "notice: RELEASE_FAILED"]
    machine.record.failing = set()
    assert machine.run_until(5 * SECOND) == ["release", "goodbye"]
    assert machine.statistics.advertisements_sent == 2


def test_goodbye_is_said_once() -> None:
    """A release that fails long after the goodbye, for another reason, does not bring a second one."""
    machine = Machine.master()
    machine.record.failing = {"hold"}
    assert "goodbye" in machine.remove_address()
    machine.record.failing = {"release"}
    machine.add_address(after=SECOND)
    machine.record.failing = set()
    assert machine.run_for(SECOND) == ["release"]
    assert machine.statistics.advertisements_sent == 2


def test_late_failure_of_a_hold_is_no_news() -> None:
    """A driver that is slow to tell that a hold failed tells it to a host that is no longer master."""
    machine = Machine.listening(PLAIN)
    hold = HoldAddresses(interface="eth0", vhid=PLAIN.vhid, addresses=PLAIN.addresses, lease_s=3)
    assert machine.feed(EffectFailed(effect=hold, failure=PortFailure.OTHER, detail="")) == []
