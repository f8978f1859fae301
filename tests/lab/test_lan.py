from __future__ import annotations

import ipaddress
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import ETHERTYPE
from triocarp.lab import AddressFlag, Holders, Lan, private_network

if TYPE_CHECKING:
    from tests.lab.conftest import Network

pytestmark = pytest.mark.kernel

FOREVER = ["sleep", "1000"]


def ended(pid: int, timeout_s: float = 10) -> bool:
    """Wait for the end of a process, be it ours or not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout_s)[0])
    finally:
        os.close(descriptor)


def inside(host_link: Path) -> set[int]:
    """Return the processes in the namespace behind one of `ip netns`'s names."""
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/net").samefile(host_link):
                found.add(int(process.name))
        except OSError:
            continue
    return found


def test_hosts_hear_each_other(network: Network) -> None:
    """A broadcast gets from any host to any other."""
    hosts = [network.one, network.two, network.client]

    assert all(network.heard(source, to) for source in hosts for to in hosts if source is not to)


def test_macs_and_interfaces_are_predictable(network: Network) -> None:
    """The hosts' MACs count from 1, and every host has its address on its eth0."""
    assert [host.mac for host in network.lan.hosts.values()] == [f"02:00:00:00:00:0{n}" for n in (1, 2, 3)]
    assert [str(address.ip) for address in network.one.addresses()] == ["10.0.0.1/24"]
    assert network.one.call(socket.if_nameindex)[1:] == [(network.one.interface_index, "eth0")]


def test_nothing_is_on_the_wire_by_itself(lan: Lan) -> None:
    """A host that is added, and whose cable is pulled and plugged in, sends nothing that nobody asked for."""
    one = lan.add_host("one", "10.0.0.1/24")
    lan.add_host("two", "10.0.0.2/24")
    with lan.capture() as capture:
        one.lose_carrier()
        one.restore_carrier()
        one.link_down()
        one.link_up()
        one.remove_interface()
        one.create_interface()

    assert capture.frames == ()


def test_ipv6_is_ready_at_once_when_wanted() -> None:
    """A LAN with IPv6 has no duplicate address detection to wait for; one without has no IPv6 at all."""
    with Lan(ipv6=True) as lan:
        host = lan.add_host("one", "10.0.0.1/24")
        host.add_address("fd00::1/64")
        ours = [one for one in host.addresses() if str(one.ip) == "fd00::1/64"]

        assert [one.flags & AddressFlag.TENTATIVE for one in ours] == [0]
    with Lan() as lan:
        host = lan.add_host("one", "10.0.0.1/24")
        with pytest.raises(PermissionError):
            host.add_address("fd00::1/64")


def test_a_pulled_cable_takes_the_carrier_and_brings_it_back(network: Network) -> None:
    """Carrier loss is seen by the host, silences it, and ends when the cable is plugged in again."""
    for _ in range(3):
        network.one.lose_carrier()
        assert not network.one.carrier
        assert network.silent(network.one, network.two)
        assert network.silent(network.two, network.one)
        network.one.restore_carrier()
        assert network.one.carrier
        assert network.heard(network.one, network.two)
        assert network.heard(network.two, network.one)


def test_news_of_the_carrier_come_at_once(network: Network) -> None:
    """The host's kernel tells of a change in far less than the second for which it may hold it back."""
    netlink = (socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with network.one.socket(*netlink) as news:
        news.bind((0, 1))  # RTMGRP_LINK
        news.settimeout(0.5)
        for change in (network.one.lose_carrier, network.one.restore_carrier):
            change()
            assert news.recv(65536)


def test_an_interface_set_down_is_silent_until_it_is_set_up(network: Network) -> None:
    """Administratively down is not a lost carrier, but as silent, and keeps the IPv4 addresses."""
    network.one.link_down()

    assert network.silent(network.two, network.one)
    assert [str(one.ip) for one in network.one.addresses()] == ["10.0.0.1/24"]
    network.one.link_up()
    assert network.heard(network.two, network.one)


def test_an_interface_made_again_has_its_mac_and_address_and_another_index(network: Network) -> None:
    """Removing and making the interface again are idempotent, and others see the same host afterwards."""
    index = network.one.interface_index
    network.one.remove_interface()
    network.one.remove_interface()

    assert network.one.call(socket.if_nameindex) == [(1, "lo")]
    network.one.create_interface()
    network.one.create_interface()
    assert network.one.call(socket.if_nameindex) == [(1, "lo"), (index + 1, "eth0")]
    assert [str(one.ip) for one in network.one.addresses()] == ["10.0.0.1/24"]
    assert network.heard(network.one, network.two)


def test_addresses_are_added_renewed_listed_and_removed(network: Network) -> None:
    """The list shows prefix length, lifetime and flags as the kernel has them."""
    network.one.add_address("10.0.0.100/24", valid_s=60)
    network.one.add_address("10.0.0.101/32")
    listed = {str(one.ip): one for one in network.one.addresses()}

    assert set(listed) == {"10.0.0.1/24", "10.0.0.100/24", "10.0.0.101/32"}
    assert listed["10.0.0.100/24"].valid_s in (59, 60)
    assert listed["10.0.0.100/24"].flags == AddressFlag.SECONDARY
    assert listed["10.0.0.101/32"].valid_s is None
    assert listed["10.0.0.101/32"].flags == AddressFlag.PERMANENT
    network.one.add_address("10.0.0.100/24", valid_s=600)
    assert {one.valid_s for one in network.one.addresses()} & {599, 600}
    network.one.remove_address("10.0.0.100/24")
    network.one.remove_address("10.0.0.100/24")
    network.one.remove_address("10.0.0.101/32")
    assert [one.ip for one in network.one.addresses()] == [ipaddress.ip_interface("10.0.0.1/24")]


def test_a_partition_separates_groups_without_carrier_loss_and_heals(network: Network) -> None:
    """Within a group all is well, between groups nothing passes, and healing undoes it."""
    for _ in range(2):
        network.lan.partition([network.one, network.client], [network.two])
        assert network.heard(network.one, network.client)
        assert network.silent(network.one, network.two)
        assert network.silent(network.two, network.client)
        assert network.two.carrier
        # Another partition replaces the first one.
        network.lan.partition([network.one], [network.client], [network.two])
        assert network.silent(network.one, network.client)
        assert network.silent(network.client, network.two)
        network.lan.heal()
        network.lan.heal()
        assert network.heard(network.one, network.two)
        assert network.heard(network.two, network.client)


@pytest.mark.programs("nft")
def test_a_block_is_one_way_until_healed(network: Network) -> None:
    """One direction between two hosts is cut, and nothing else."""
    network.lan.block(network.one, network.two)

    assert network.silent(network.one, network.two)
    assert network.heard(network.two, network.one)
    assert network.heard(network.one, network.client)
    network.lan.block(network.one, network.client)
    assert network.silent(network.one, network.client)
    network.lan.heal()
    assert network.heard(network.one, network.two)
    assert network.heard(network.one, network.client)


@pytest.mark.programs("nft")
def test_a_block_may_be_of_some_frames_only(network: Network) -> None:
    """What does not match gets through."""
    network.lan.block(network.one, network.two, "ether type 0x0800")
    assert network.heard(network.one, network.two)
    network.lan.heal()
    network.lan.block(network.one, network.two, f"ether type {ETHERTYPE:#06x}")
    assert network.silent(network.one, network.two)


def test_a_host_may_have_two_interfaces_on_two_segments(network: Network) -> None:
    """Each is a cable, a MAC and a segment of its own; the host's addresses are watched on both."""
    one, two = network.one, network.two
    side = network.lan.add_interface(one, "eth1", "10.1.0.1/24")
    network.lan.partition([one, network.client], [side, two])
    with Holders([one, two], "10.0.0.100") as holders:
        side.add_address("10.0.0.100/32")
        holders.wait_until_holder(one)
        side.lose_carrier()
        carriers = (one.carrier, side.carrier)
        side.remove_interface()
        holders.wait_until_holder()
        side.create_interface()

    assert (side.name, side.mac, side.namespace) == ("one-eth1", "02:00:00:00:00:04", one.namespace)
    assert carriers == (True, False)
    # What listens on all interfaces hears both segments, and nothing goes from the one to the other.
    assert network.heard(two, one)
    assert network.heard(network.client, one)
    assert network.silent(two, network.client)
    assert [str(address.ip) for address in side.addresses()] == ["10.1.0.1/24"]
    with pytest.raises(ValueError, match="one-eth1"):
        network.lan.add_interface(one, "eth1", "10.1.0.2/24")


def test_programs_run_on_their_host(network: Network) -> None:
    """A program sees its host's interfaces and no others, gets its arguments and says what it says."""
    interfaces = network.two.run(["cat", "/proc/net/dev"]).stdout.decode()
    echoed = network.two.run(["cat"], stdin=b"hello")
    process = network.two.popen(["sh", "-c", 'echo "$WORD"; exit 3'], stdout=subprocess.PIPE, env={"WORD": "word"})

    assert "eth0:" in interfaces
    assert echoed.stdout == b"hello"
    assert process.communicate(timeout=10)[0] == b"word\n"
    assert process.returncode == 3
    with pytest.raises(FileNotFoundError):
        network.two.popen(["/no/such/program"])


def test_sockets_belong_to_their_host(network: Network) -> None:
    """A socket opened on a host binds to that host's address, from whatever thread it is used."""
    with network.two.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("10.0.0.2", 7))
        server.settimeout(5)
        with network.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"ping", ("10.0.0.2", 7))
            data, source = server.recvfrom(100)

    assert (data, source[0]) == (b"ping", "10.0.0.9")


def test_a_crash_kills_and_cuts_off_and_a_boot_brings_back_a_clean_host(network: Network) -> None:
    """After the crash the host is silent; after the boot it has its own address and no virtual one."""
    daemon = network.one.popen(FOREVER)
    network.one.add_address("10.0.0.100/24")
    network.one.crash(daemon)

    assert daemon.returncode == -signal.SIGKILL
    assert network.silent(network.one, network.two)
    assert "10.0.0.100/24" in [str(one.ip) for one in network.one.addresses()]
    network.one.boot()
    assert [str(one.ip) for one in network.one.addresses()] == ["10.0.0.1/24"]
    assert network.heard(network.one, network.two)


def test_closing_leaves_nothing_behind() -> None:
    """Processes and their children, threads, descriptors and names are gone; to close again is harmless."""
    threads, descriptors = threading.active_count(), set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    name = f"leak{os.getpid()}"
    lan = Lan(name)
    one = lan.add_host("one", "10.0.0.1/24")
    one.popen(FOREVER)
    # A daemon that left its parent and its session behind.
    forked = one.popen(["sh", "-c", "setsid sleep 1000 >/dev/null & echo $!"], stdout=subprocess.PIPE)
    assert forked.stdout is not None
    grandchild = int(forked.stdout.readline())
    assert forked.wait(10) == 0
    assert grandchild in inside(Path(f"/run/netns/{name}-one"))
    capture, holders = lan.capture(), Holders([one], "10.0.0.100")
    capture.close()
    holders.close()
    lan.close()
    lan.close()

    assert ended(grandchild)
    assert threads == threading.active_count()
    assert descriptors == set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    assert list(Path("/run/netns").glob(f"{name}-*")) == []


def test_nothing_outlives_a_killed_parent() -> None:
    """When the process that runs the lab is killed, its daemons and their children end, too."""
    program = textwrap.dedent("""
        import subprocess, sys
        from triocarp.lab import Lan
        script = "setsid sleep 1000 & echo $!; exec sleep 1000"
        daemon = Lan().add_host("one", "10.0.0.1/24").popen(["sh", "-c", script], stdout=subprocess.PIPE)
        print(daemon.pid, int(daemon.stdout.readline()), flush=True)
        sys.stdin.read()
    """)
    source = str(Path(private_network.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, *sys.path])}
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert not any(ended(pid, 0) for pid in pids)
        parent.kill()

    assert len(pids) == 2
    assert all(ended(pid) for pid in pids)


def test_a_host_may_be_used_from_many_threads(network: Network) -> None:
    """Requests of several threads to one host don't mix."""
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(20):
                network.one.add_address(f"10.0.1.{number}/32")
                assert f"10.0.1.{number}/32" in [str(one.ip) for one in network.one.addresses()]
                network.one.remove_address(f"10.0.1.{number}/32")
        except BaseException as exc:  # noqa: BLE001 - it fails the test below
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_names_are_unique_and_a_lan_needs_a_private_network(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misuse is told at once."""
    lan.add_host("one", "10.0.0.1/24")
    with pytest.raises(ValueError, match="'one'"):
        lan.add_host("one", "10.0.0.2/24")
    monkeypatch.delenv(private_network.ENVIRONMENT_VARIABLE)
    with pytest.raises(RuntimeError, match=r"private_network\.enter"):
        Lan()


def test_the_kernel_removes_an_address_whose_lifetime_ends(network: Network) -> None:
    """A lifetime of a second ends by itself, as the watcher sees."""
    with Holders([network.one], "10.0.0.100") as holders:
        begin = time.monotonic()
        network.one.add_address("10.0.0.100/24", valid_s=1)
        holders.wait_until_holder(network.one)
        holders.wait_until_holder(timeout_s=10)

        assert time.monotonic() - begin > 0.9
