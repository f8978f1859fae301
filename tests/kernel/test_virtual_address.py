from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.kernel.wire import VIP
from triocarp.lab import AddressFlag, clock

if TYPE_CHECKING:
    from tests.kernel.daemons import Site
    from triocarp.lab import Address, Host

pytestmark = pytest.mark.kernel


def vips(host: Host) -> list[Address]:
    """Return the virtual address of a host with each prefix length that it has there."""
    return [address for address in host.addresses() if str(address.ip.ip) == VIP]


def test_a_removed_address_is_back_and_announced_at_once(site: Site) -> None:
    """Another tool may take the address off: carpd puts it back, and stays master."""
    master = site.master(site.one)
    site.wire.wait_for_advertisement(site.one, count=4)
    removed = clock.now()
    site.one.remove_address(f"{VIP}/32")
    master.wait_for_log("a virtual address was gone from the interface: it is back")
    back = site.holders.wait_until_holder(site.one)
    announced = site.wire.wait_for_announcement(site.one, since=removed)

    assert back - removed < clock.SECOND
    assert announced.at - removed < clock.SECOND
    assert "BACKUP" not in master.log.split("MASTER", 1)[1]


def test_carpd_does_not_fight_for_ever_with_another_tool(site: Site) -> None:
    """Who takes the address away again and again wins: carpd says so, and leaves it to another host."""
    master, _backup = site.pair()
    since = clock.now()
    for _ in range(20):
        site.one.remove_address(f"{VIP}/32")
        time.sleep(0.05)
    site.holders.wait_until_holder(site.two)

    master.wait_for_log(
        "Switching to state: BACKUP - the virtual address could not be held: somebody keeps removing"
    )
    site.wire.wait_for_goodbye(site.one, since=since)
    assert len(master.log.splitlines()) < 15


@pytest.mark.parametrize("prefix_length", [32, 24, 16])
def test_an_address_left_by_a_crashed_predecessor_is_removed(site: Site, prefix_length: int) -> None:
    """A backup that starts takes it off, whatever prefix length it has, and so the master alone answers."""
    site.master(site.one)
    site.two.add_address(f"{VIP}/{prefix_length}")
    site.holders.wait_until_holder(site.one, site.two)
    site.backup(site.two)
    site.holders.wait_until_holder(site.one)

    assert not vips(site.two)


def test_a_neutral_start_leaves_the_address_alone(site: Site) -> None:
    """With -n, what is there is not touched, until carpd has been master and leaves."""
    site.two.add_address(f"{VIP}/24")
    neutral = site.backup(site.two, "-n", advskew=26)
    present = vips(site.two)
    neutral.wait_for_log("Switching to state: MASTER")
    site.wire.wait_for_announcement(site.two)
    held = vips(site.two)
    neutral.stop()

    assert [str(address.ip) for address in present] == [f"{VIP}/24"]
    assert [str(address.ip) for address in held] == [f"{VIP}/32"]
    assert not vips(site.two)


def test_an_address_put_on_a_backup_is_taken_off_again(site: Site) -> None:
    """Somebody's well-meant `ip addr add` on the wrong host does not last."""
    _master, backup = site.pair()
    for prefix_length in (24, 32):
        site.two.add_address(f"{VIP}/{prefix_length}")
        site.holders.wait_until_holder(site.one)

    backup.wait_for_log("it is off again")


def test_the_address_is_leased(site: Site) -> None:
    """The address has a lifetime that advertisements renew, and the prefix length that was asked for."""
    site.master(site.one, "--prefix-length", "24")
    (first,) = vips(site.one)
    last = site.wire.wait_for_advertisement(site.one, since=clock.now(), count=20)
    (later,) = vips(site.one)

    assert (str(first.ip), first.valid_s) == (f"{VIP}/24", 1)
    assert not first.flags & AddressFlag.PERMANENT
    assert later.valid_s is not None
    assert last.at - site.wire.advertisements(site.one)[0].at > 2 * clock.SECOND
    assert [holding.until for holding in site.holders.holdings] == [None]


def test_the_kernel_withdraws_the_address_of_a_killed_daemon(site: Site) -> None:
    """The host lives on: its kernel answers for the address for the lease and a second at most."""
    master, _backup = site.pair()
    killed = clock.now()
    master.kill()
    settled = site.holders.wait_until_holder(site.two)
    taken = site.wire.wait_for_advertisement(site.two).at

    assert taken - killed < 2 * clock.SECOND
    # The dead time, 0.6 s, is rounded up to a whole second, and the kernel looks every second.
    assert settled - killed < 2.5 * clock.SECOND


@pytest.mark.parametrize("withdrawn", [False, True], ids=["with the address", "address withdrawn"])
def test_a_daemon_that_was_frozen_past_its_dead_time_steps_down(site: Site, *, withdrawn: bool) -> None:
    """Its address is withdrawn, another host takes over, and when it goes on it listens instead of reasserting."""
    master, backup = site.pair()
    # Not in the very moment of the announcement that follows the third: it would only be finished afterwards.
    site.wire.wait_for_advertisement(site.one, count=4)
    master.freeze()
    frozen = clock.now()
    site.wire.wait_for_announcement(site.two)
    if withdrawn:
        site.holders.wait_until_holder(site.two)
    resumed = clock.now()
    master.resume()
    settled = site.holders.wait_until_holder(site.two)
    master.wait_for_log("Switching to state: BACKUP - did not run for longer than the dead time")
    site.wire.wait_for_advertisement(site.two, since=clock.now(), count=6)

    assert settled - frozen < 2.5 * clock.SECOND
    assert not site.wire.advertisements(site.one, since=resumed)
    assert not site.wire.announcements(site.one, since=resumed)
    assert site.holders.holders_now() == {"two"}
    # And it is a sound backup.
    assert backup.stop() == 0
    site.holders.wait_until_holder(site.one)


def test_a_lone_master_that_was_frozen_comes_back(site: Site) -> None:
    """Nobody else took over: after its dead time of silence it is master again."""
    master = site.master(site.one)
    master.freeze()
    site.holders.wait_until_holder()
    resumed = clock.now()
    master.resume()
    site.holders.wait_until_holder(site.one)

    dead_time = 3 * 26 * clock.SECOND // 256
    assert site.wire.wait_for_advertisement(site.one, since=resumed).at - resumed >= dead_time


def test_a_frozen_backup_does_not_take_over_from_a_living_master(site: Site) -> None:
    """What the master said meanwhile is waiting to be read, and is read before the timer counts."""
    _master, backup = site.pair()
    for _ in range(2):
        backup.freeze()
        # Longer than its dead time, which is less than four of the master's intervals.
        site.wire.wait_for_advertisement(site.one, since=clock.now(), count=6)
        backup.resume()
        site.wire.wait_for_advertisement(site.one, since=clock.now(), count=5)

    assert not site.wire.advertisements(site.two)
    assert "MASTER" not in backup.log


def test_what_another_tool_does_to_a_held_address_is_undone_by_the_next_renewal(site: Site) -> None:
    """Made permanent, or there with a second prefix length: soon it is as carpd wants it, and goes with it."""
    daemon = site.master(site.one)
    site.one.add_address(f"{VIP}/32", valid_s=None)
    site.one.add_address(f"{VIP}/24")
    changed = clock.now()
    site.wire.wait_for_announcement(site.one)
    # By 0.1 s advertisements it is renewed three times a second, right after one of them.
    site.wire.wait_for_advertisement(site.one, since=changed, count=6)
    found = {str(address.ip): address.valid_s for address in vips(site.one)}

    assert found == {f"{VIP}/32": 1}
    assert daemon.stop() == 0
    assert not vips(site.one)


def test_a_master_survives_the_loss_of_all_addresses_of_its_interface(site: Site) -> None:
    """Whoever flushes the interface, or removes the primary address of the subnet, takes the virtual one, too."""
    site.master(site.one, "--prefix-length", "24")
    before = clock.now()
    # The virtual address is a secondary of this one, and goes with it.
    site.one.remove_address("10.0.0.1/24")
    site.wire.wait_for_announcement(site.one, since=before)
    site.holders.wait_until_holder(site.one)
    site.one.add_address("10.0.0.1/24")
    site.wire.wait_for_advertisement(site.one, since=clock.now(), count=2)

    assert [str(address.ip) for address in vips(site.one)] == [f"{VIP}/24"]


def test_lost_notifications_are_made_up_for(site: Site) -> None:
    """While the daemon stands still for a moment more changes than its socket holds; the address is among them."""
    daemon = site.carpd(site.one, advbase_s=1)
    daemon.wait_for_log("Switching to state: MASTER")
    site.wire.wait_for_announcement(site.one)
    daemon.freeze()
    removed = clock.now()
    site.one.remove_address(f"{VIP}/32")
    for _ in range(3):
        for number in range(1, 200):
            site.one.add_address(f"10.1.0.{number}/32")
        for number in range(1, 200):
            site.one.remove_address(f"10.1.0.{number}/32")
    daemon.resume()
    site.holders.wait_until_holder(site.one)

    site.wire.wait_for_announcement(site.one, since=removed)
    assert daemon.stop() == 0
