"""The receiving side of the packet socket, and its memberships; the suite in tests/ports covers its sending."""

import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import Path

import pytest
import trio

from tests.ports.privilege import without_privileges
from triocarp.core import ipv6
from triocarp.core.configuration import CARP_GROUP, CARP_GROUP6
from triocarp.core.ethernet import BROADCAST, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ethernet_header, multicast_mac
from triocarp.core.family import Family, IPAddress
from triocarp.core.ipv4 import header
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.lab import Host, Lan
from triocarp.linux.clock import boottime
from triocarp.linux.packet_socket import RECEIVE_BATCH, PacketSocket

pytestmark = pytest.mark.kernel

INTERFACE = "eth0"
OTHER_GROUP = IPv4Address("239.192.7.9")
PEER_MAC = bytes.fromhex("020000000002")
TO_GROUP = multicast_mac(CARP_GROUP)
OTHER_GROUP6 = IPv6Address("ff12::7:9")
OWN_MAC = bytes.fromhex("020000000001")
PATIENCE_S = 10
LAST = b"last"
_ALL_NODES = {IPv6Address("ff02::1"), IPv6Address("ff01::1")}
_SOLICITED_NODE = IPv6Network("ff02::1:ff00:0/104")


def datagram(content: bytes = b"", *, source: str = "10.0.0.2", group: IPv4Address = CARP_GROUP) -> bytes:
    """Return an IP packet of protocol 112."""
    return header(IPv4Address(source), group, tos=0x10, payload_length=len(content)) + content


def frame(packet: bytes, *, destination: bytes = TO_GROUP, tag: bytes = b"") -> bytes:
    """Return a packet in its Ethernet frame."""
    return destination + PEER_MAC + tag + ETHERTYPE_IPV4 + packet


def datagram6(
    content: bytes = b"", *, source: str = "fe80::2", destination: str = "ff02::12", next_header: int = 112
) -> bytes:
    """Return an IPv6 packet of protocol 112, or another."""
    addresses = IPv6Address(source), IPv6Address(destination)
    return ipv6.header(*addresses, next_header=next_header, payload_length=len(content)) + content


def frame6(packet: bytes, *, destination: bytes = multicast_mac(CARP_GROUP6), tag: bytes = b"") -> bytes:
    """Return an IPv6 packet in its Ethernet frame."""
    return destination + PEER_MAC + tag + ETHERTYPE_IPV6 + packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A host with a packet socket, and a peer that sends."""

    host: Host
    receiver: PacketSocket
    peer: PacketSocket

    async def received(self) -> list[bytes]:
        """Send a last packet of each family, and return what was received before them."""
        last = {datagram(LAST), datagram6(LAST)}
        self.peer.send(frame(datagram(LAST)))
        self.peer.send(frame6(datagram6(LAST)))
        received: list[bytes] = []
        with trio.fail_after(PATIENCE_S):
            while not last <= set(received):
                await self.receiver.wait_readable()
                received.extend(arrival.datagram for arrival in self.receiver.receive())
        return [packet for packet in received if packet not in last]


@pytest.fixture
def site(lan: Lan) -> Iterator[Site]:
    """Give a host that listens to two groups of each family and reports the first, and a peer."""
    host, peer = lan.add_host("one", "10.0.0.1/24"), lan.add_host("two", "10.0.0.2/24")
    groups = (CARP_GROUP, OTHER_GROUP, CARP_GROUP6, OTHER_GROUP6)
    reported = (CARP_GROUP, CARP_GROUP6)
    with (
        host.call(lambda: PacketSocket(INTERFACE, groups=groups, reported_groups=reported)) as receiver,
        peer.call(lambda: PacketSocket(INTERFACE, groups=groups)) as sender,
    ):
        host.call(receiver.attach)
        peer.call(sender.attach)
        yield Site(host=host, receiver=receiver, peer=sender)


@pytest.mark.parametrize(
    "wanted",
    [
        frame(datagram(b"multicast")),
        frame(datagram(b"another group", group=OTHER_GROUP), destination=multicast_mac(OTHER_GROUP)),
        frame(datagram(b"ucarp --nomcast"), destination=BROADCAST),
        frame(datagram(b"to our MAC"), destination=bytes.fromhex("020000000001")),
        frame(datagram(b"from nobody", source="0.0.0.0")),  # noqa: S104 - a source address
        frame(datagram(b"from our own address", source="10.0.0.1")),
        frame(datagram(b"priority tag"), tag=bytes.fromhex("8100 e000")),
        frame6(datagram6(b"multicast")),
        frame6(datagram6(destination="ff12::7:9"), destination=multicast_mac(OTHER_GROUP6)),
        frame6(datagram6(b"ucarp --nomcast"), destination=BROADCAST),
        frame6(datagram6(destination="2001:db8::1"), destination=OWN_MAC),
        frame6(datagram6(b"from nobody", source="::")),
        frame6(datagram6(b"priority tag"), tag=bytes.fromhex("8100 e000")),
    ],
    ids=[
        "multicast",
        "another group",
        "broadcast",
        "unicast",
        "from 0.0.0.0",
        "from own address",
        "priority",
        "IPv6 multicast",
        "another IPv6 group",
        "IPv6 broadcast",
        "IPv6 unicast",
        "from ::",
        "IPv6 priority",
    ],
)
async def test_received(site: Site, wanted: bytes) -> None:
    """Packets of protocol 112 are received from the IP header on, whoever they claim to come from."""
    site.peer.send(wanted)

    (received,) = await site.received()

    assert wanted.endswith(received)
    assert received[0] in {0x45, 0x60}


@pytest.mark.parametrize(
    "unwanted",
    [
        frame(datagram(b"another VLAN"), tag=bytes.fromhex("8100 0005")),
        frame(datagram(b"another host"), destination=bytes.fromhex("020000000003")),
        ethernet_header(TO_GROUP, PEER_MAC, b"\x86\xdd") + datagram(b"not IPv6"),
        frame(datagram(b"not 112").replace(b"\xff\x70", b"\xff\x11")),
        frame6(datagram6(b"another VLAN"), tag=bytes.fromhex("8100 0005")),
        frame6(datagram6(b"another host"), destination=bytes.fromhex("020000000003")),
        frame6(datagram6(bytes(8), next_header=58)),
        frame6(datagram6(bytes((112, *bytes(7))), next_header=0)),
        BROADCAST + PEER_MAC + b"\x08\x06" + bytes(28),
    ],
    ids=[
        "another VLAN",
        "another host",
        "not IPv4",
        "another protocol",
        "another VLAN, IPv6",
        "another host, IPv6",
        "another next header",
        "extension header",
        "ARP",
    ],
)
async def test_not_received(site: Site, unwanted: bytes) -> None:
    """What comes from another VLAN, is for another host or is no packet of protocol 112 never wakes the daemon."""
    site.peer.send(unwanted)

    assert await site.received() == []


async def test_own_frames(site: Site) -> None:
    """What the host itself sends does not come back."""
    site.receiver.send(frame(datagram(b"own")))
    site.receiver.send(frame6(datagram6(b"own")))

    assert await site.received() == []


async def test_batch(site: Site) -> None:
    """However much has arrived, one call gives no more than the limit, and the order is kept."""
    sent = [datagram(b"%d" % number) for number in range(RECEIVE_BATCH + 5)]
    for packet in sent:
        site.peer.send(frame(packet))
    with trio.fail_after(PATIENCE_S):
        await site.receiver.wait_readable()

    first = [arrival.datagram for arrival in site.receiver.receive()]
    rest = await site.received()

    assert len(first) <= RECEIVE_BATCH
    assert sent == first + rest


async def test_flood_of_one_family(site: Site) -> None:
    """However much of one family is waiting, what there is of the other comes with it."""
    for number in range(2 * RECEIVE_BATCH):
        site.peer.send(frame(datagram(b"%d" % number)))
    site.peer.send(frame6(datagram6(b"heard")))
    with trio.fail_after(PATIENCE_S):
        await site.receiver.wait_readable()

    received = [arrival.datagram for arrival in site.receiver.receive()]

    assert datagram6(b"heard") in received
    assert len(received) <= RECEIVE_BATCH
    assert len(await site.received()) == 2 * RECEIVE_BATCH + 1 - len(received)


async def test_ipv6_alone_wakes(site: Site) -> None:
    """A packet of either family wakes whoever waits, again and again."""
    for content in (b"first", b"second"):
        site.peer.send(frame6(datagram6(content)))
        with trio.fail_after(PATIENCE_S):
            await site.receiver.wait_readable()
        assert [datagram6(content)] == [arrival.datagram for arrival in site.receiver.receive()]


async def test_nothing_there(site: Site) -> None:
    """With nothing to receive, receiving does not wait."""
    assert not list(site.receiver.receive())
    await site.received()


async def test_link_goes_down_and_up(site: Site) -> None:
    """An interface that goes down is no error for the receiver, which wakes once and goes on."""
    site.host.link_down()
    with trio.fail_after(PATIENCE_S):
        await site.receiver.wait_readable()
    assert not list(site.receiver.receive())
    assert site.receiver.attached

    site.host.link_up()

    assert await site.received() == []


async def test_interface_is_removed_and_back(site: Site) -> None:
    """After its interface was removed and made again, the socket receives when it is attached again."""
    site.host.remove_interface()
    assert not list(site.receiver.receive())
    assert not site.receiver.attached
    with pytest.raises(PortError) as caught:
        site.host.call(site.receiver.attach)
    assert PortFailure.NO_DEVICE is caught.value.failure

    site.host.create_interface()
    site.host.call(site.receiver.attach)

    assert site.receiver.attached
    assert await site.received() == []
    assert reported_groups(site.host) == {CARP_GROUP, CARP_GROUP6}
    site.peer.send(frame6(datagram6(b"IPv6")))
    assert await site.received() == [datagram6(b"IPv6")]


def test_attach_again(site: Site) -> None:
    """Attaching a socket that is attached changes nothing."""
    before = memberships(site.host)

    site.host.call(site.receiver.attach)

    assert before == memberships(site.host)


def test_memberships(site: Site) -> None:
    """The interface lets in the MACs of all groups; IGMP and MLD report those that they shall; until closing."""
    macs = {multicast_mac(group) for group in (CARP_GROUP, OTHER_GROUP, CARP_GROUP6, OTHER_GROUP6)}
    assert macs <= memberships(site.host)
    assert {CARP_GROUP, CARP_GROUP6} == reported_groups(site.host)

    site.receiver.close()
    site.receiver.close()

    assert set() == memberships(site.host) & macs
    assert set() == reported_groups(site.host)


@pytest.mark.parametrize(
    ("groups", "families", "kinds"),
    [
        ((CARP_GROUP,), (), {socket.AF_PACKET: 1, socket.AF_INET: 1}),
        ((CARP_GROUP6,), (), {socket.AF_PACKET: 1, socket.AF_INET6: 1}),
        ((CARP_GROUP, CARP_GROUP6), (), {socket.AF_PACKET: 2, socket.AF_INET: 1, socket.AF_INET6: 1}),
        ((), (Family.IPV4,), {socket.AF_PACKET: 1}),
        ((), (Family.IPV6, Family.IPV6), {socket.AF_PACKET: 1}),
    ],
    ids=["IPv4", "IPv6", "both", "IPv4 peers", "IPv6 peers"],
)
def test_cost(
    lan: Lan, groups: tuple[IPAddress, ...], families: tuple[Family, ...], kinds: dict[int, int]
) -> None:
    """A family that is not wanted, routes that nobody needs, and groups that nobody reports, cost no socket."""
    host = lan.add_host("one", "10.0.0.1/24")
    before = open_sockets()
    with host.call(
        lambda: PacketSocket(INTERFACE, groups=groups, reported_groups=groups, families=families)
    ) as opened:
        host.call(opened.attach)

        after = open_sockets()

    assert kinds == {
        kind: after[kind] - before.get(kind, 0) for kind in after if after[kind] != before.get(kind, 0)
    }


def test_receives_nothing(lan: Lan) -> None:
    """A socket of no family is a mistake, told at once."""
    host = lan.add_host("one", "10.0.0.1/24")

    with pytest.raises(ValueError, match="receives nothing"):
        host.call(lambda: PacketSocket(INTERFACE, groups=()))


@pytest.mark.programs("ip")
def test_renamed_interface(site: Site) -> None:
    """A socket whose interface now has another name is not attached any more."""
    assert site.host.run(["ip", "link", "set", INTERFACE, "down"]).returncode == 0
    assert site.host.run(["ip", "link", "set", INTERFACE, "name", "renamed"]).returncode == 0

    assert not site.receiver.attached


def test_without_permission() -> None:
    """Who may not open packet sockets is told so."""
    with pytest.raises(PortError) as caught:
        without_privileges(lambda: PacketSocket(INTERFACE, groups=(CARP_GROUP,)).close())

    assert PortFailure.NO_PERMISSION is caught.value.failure


def test_sending_unattached(lan: Lan) -> None:
    """A socket that was never attached has no device."""
    host = lan.add_host("one", "10.0.0.1/24")
    with host.call(lambda: PacketSocket(INTERFACE, groups=(CARP_GROUP,))) as unattached:
        assert not unattached.attached
        with pytest.raises(PortError) as caught:
            unattached.send(frame(datagram()))

    assert PortFailure.NO_DEVICE is caught.value.failure


def memberships(host: Host) -> set[bytes]:
    """Return the multicast MACs that `eth0` lets in."""
    lines = host.call(lambda: Path("/proc/thread-self/net/dev_mcast").read_text(encoding="ascii")).splitlines()
    return {bytes.fromhex(line.split()[4]) for line in lines if line.split()[1] == INTERFACE}


def open_sockets() -> dict[int, int]:
    """Return how many sockets this process has, by address family."""
    counts: dict[int, int] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            is_socket = stat.S_ISSOCK(entry.stat().st_mode)
        except FileNotFoundError:  # the listing's own
            continue
        if is_socket:
            with socket.socket(fileno=os.dup(int(entry.name))) as duplicate:
                counts[duplicate.family] = counts.get(duplicate.family, 0) + 1
    return counts


def reported_groups(host: Host) -> set[IPAddress]:
    """Return the groups that IGMP and MLD report, but for those of all hosts."""
    lines = host.call(lambda: Path("/proc/thread-self/net/igmp").read_text(encoding="ascii")).splitlines()
    words = [line.split()[0] for line in lines if line.startswith("\t\t")]
    groups = {IPv4Address(socket.htonl(int(word, 16))) for word in words} - {IPv4Address("224.0.0.1")}
    lines = host.call(lambda: Path("/proc/thread-self/net/igmp6").read_text(encoding="ascii")).splitlines()
    words = [line.split()[2] for line in lines if line.split()[1] == INTERFACE]
    groups6 = {IPv6Address(bytes.fromhex(word)) for word in words}
    return groups | {group for group in groups6 if group not in _ALL_NODES and group not in _SOLICITED_NODE}


async def test_instant_of_arrival(site: Site) -> None:
    """A packet's instant is when the kernel had it, however late it is read."""
    # The kernel begins to stamp a while after the first socket has asked for it; a capture waits for that.
    with site.host.capture():
        before = boottime()
        site.peer.send(frame(datagram(LAST)))
        with trio.fail_after(PATIENCE_S):
            await site.receiver.wait_readable()
        after = boottime()
    read_late_until = after + 20_000_000
    while boottime() < read_late_until:
        pass

    (arrival,) = site.receiver.receive()

    assert before <= arrival.at <= after
