from __future__ import annotations

import contextlib
import ipaddress
import signal
from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import prepared
from tests.kernel.wire import VIP
from triocarp.lab import clock
from triocarp.lab.rtnetlink import Rtnetlink

if TYPE_CHECKING:
    from tests.kernel.daemons import Carpd, Site

pytestmark = pytest.mark.kernel

SECOND_INTERFACE = 50

REVOCABLE = prepared(
    """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same for the higher numbers
assert libc.capget(header, sets) == 0
def toggle(*_):
    sets[0] ^= 1 << 12  # CAP_NET_ADMIN
    os.write(2, b"toggled\\n")
from triocarp.linux.netlink_socket import NetlinkSocket
request = NetlinkSocket.request
def with_these_capabilities(*arguments):
    assert libc.capset(header, sets) == 0  # a thread can change its own alone
    request(*arguments)
NetlinkSocket.request = with_these_capabilities
signal.signal(signal.SIGWINCH, toggle)
"""
)
"""carpd whose administrator takes the permission to change addresses away, and gives it back, by SIGWINCH."""


def toggle_permission(daemon: Carpd) -> None:
    """Take the permission away, or give it back."""
    count = daemon.log.count("toggled")
    daemon.process.send_signal(signal.SIGWINCH)
    daemon.wait_for_log("toggled", count=count + 1)


def test_a_host_that_may_not_take_the_address_leaves_it_to_another(site: Site) -> None:
    """Without the permission it says goodbye and holds back; with it again it takes over in its turn."""
    site.master(site.three, advskew=64)
    site.two.lose_carrier()
    hindered = site.carpd(site.two, "-P", advskew=39, program=REVOCABLE)
    hindered.wait_until_ready()
    toggle_permission(hindered)
    # Now it hears the master, which it preempts.
    site.two.restore_carrier()
    goodbye = site.wire.wait_for_goodbye(site.two)
    back = site.wire.wait_for_announcement(site.three, since=goodbye.at)

    hindered.wait_for_log(r"could not be held: adding 10\.0\.0\.100/32 to eth0: Operation not permitted")
    hindered.wait_for_log(r"not trying again until the back-off is over \(1 s\)")
    # At the goodbye, and not after its dead time of 0.75 s.
    assert back.at - goodbye.at < clock.SECOND // 2
    assert not site.wire.announcements(site.two)
    toggle_permission(hindered)
    site.holders.wait_until_holder(site.two)
    site.wire.wait_for_announcement(site.two)
    assert hindered.stop() == 0


def test_an_address_that_another_interface_has_is_not_taken(site: Site) -> None:
    """Two interfaces of one host would both answer: carpd leaves it to another host until the obstacle is gone."""
    with contextlib.closing(site.one.call(Rtnetlink)) as rtnetlink:
        rtnetlink.create_bridge("eth1", SECOND_INTERFACE)
        rtnetlink.add_address(SECOND_INTERFACE, ipaddress.ip_interface(f"{VIP}/24"))
        hindered = site.carpd(site.one)
        hindered.wait_for_log(r"could not be held: eth1 of this host has 10\.0\.0\.100")
        site.wire.wait_for_goodbye(site.one)
        other = site.carpd(site.two, advskew=52)
        other.wait_for_log("Switching to state: MASTER")
        site.wire.wait_for_announcement(site.two)
        rtnetlink.remove_address(SECOND_INTERFACE, ipaddress.ip_interface(f"{VIP}/24"))
        site.holders.wait_until_holder(site.two)

        assert not site.wire.announcements(site.one)
        # And now the first host is as good as any.
        assert other.stop() == 0
        site.holders.wait_until_holder(site.one, timeout_s=20)
        site.wire.wait_for_announcement(site.one)


def test_a_backup_takes_over_from_a_master_that_loses_its_permission(site: Site) -> None:
    """A master that may not renew its address loses it when the lease ends, and then another host has it."""
    master = site.carpd(site.one, program=REVOCABLE)
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    site.backup(site.two)
    toggle_permission(master)
    site.holders.wait_until_holder(site.two, timeout_s=20)

    master.wait_for_log("the lease of a virtual address could not be renewed")
    master.wait_for_log("Switching to state: BACKUP - the virtual address could not be held")
    assert master.stop() == 0


def test_an_address_that_another_vhid_of_this_host_has_is_warned_about(site: Site) -> None:
    """At the start of the second, for both are going to be master."""
    first = site.master(site.one)
    second = site.carpd(site.one, "-v", "8")
    second.wait_until_ready()
    assert f"{VIP} is on {site.one.interface}, where a carpd runs with VHID 7" in second.log
    assert "where a carpd runs" not in first.log
