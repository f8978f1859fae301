"""The receiving side of the packet socket, and its memberships; the suite in tests/ports covers its sending."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trio

from tests.ports.privilege import without_privileges
from triocarp.core.configuration import CARP_GROUP
from triocarp.core.ethernet import BROADCAST, ETHERTYPE_IPV4, ethernet_header, multicast_mac
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
PATIENCE_S = 10
LAST = b"last"


def datagram(content: bytes = b"", *, source: str = "10.0.0.2", group: IPv4Address = CARP_GROUP) -> bytes:
    """Return an IP packet of protocol 112."""
    return header(IPv4Address(source), group, tos=0x10, payload_length=len(content)) + content


def frame(packet: bytes, *, destination: bytes = TO_GROUP, tag: bytes = b"") -> bytes:
    """Return a packet in its Ethernet frame."""
    return destination + PEER_MAC + tag + ETHERTYPE_IPV4 + packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A host with a packet socket, and a peer that sends."""

    host: Host
    receiver: PacketSocket
    peer: PacketSocket

    async def received(self) -> list[bytes]:
        """Send a last packet, and return what was received before it."""
        self.peer.send(frame(datagram(LAST)))
        received: list[bytes] = []
        with trio.fail_after(PATIENCE_S):
            while datagram(LAST) not in received:
                await self.receiver.wait_readable()
                received.extend(arrival.datagram for arrival in self.receiver.receive())
        return received[: received.index(datagram(LAST))]


@pytest.fixture
def site(lan: Lan) -> Iterator[Site]:
    """Give a host that listens to two groups and reports the first, and a peer."""
    host, peer = lan.add_host("one", "10.0.0.1/24"), lan.add_host("two", "10.0.0.2/24")
    groups = (CARP_GROUP, OTHER_GROUP)
    with (
        host.call(lambda: PacketSocket(INTERFACE, groups=groups, reported_groups=(CARP_GROUP,))) as receiver,
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
    ],
    ids=["multicast", "another group", "broadcast", "unicast", "from 0.0.0.0", "from own address", "priority"],
)
async def test_received(site: Site, wanted: bytes) -> None:
    """Packets of protocol 112 are received from the IP header on, whoever they claim to come from."""
    site.peer.send(wanted)

    (received,) = await site.received()

    assert wanted.endswith(received)
    assert received.startswith(b"\x45")


@pytest.mark.parametrize(
    "unwanted",
    [
        frame(datagram(b"another VLAN"), tag=bytes.fromhex("8100 0005")),
        frame(datagram(b"another host"), destination=bytes.fromhex("020000000003")),
        ethernet_header(TO_GROUP, PEER_MAC, b"\x86\xdd") + datagram(b"not IPv4"),
        frame(datagram(b"not 112").replace(b"\xff\x70", b"\xff\x11")),
    ],
    ids=["another VLAN", "another host", "not IPv4", "another protocol"],
)
async def test_not_received(site: Site, unwanted: bytes) -> None:
    """What comes from another VLAN, is for another host or is no packet of protocol 112 never wakes the daemon."""
    site.peer.send(unwanted)

    assert await site.received() == []


async def test_own_frames(site: Site) -> None:
    """What the host itself sends does not come back."""
    site.receiver.send(frame(datagram(b"own")))

    assert await site.received() == []


async def test_batch(site: Site) -> None:
    """However much has arrived, one call gives no more than the limit, and the order is kept."""
    sent = [datagram(b"%d" % number) for number in range(RECEIVE_BATCH + 5)]
    for packet in sent:
        site.peer.send(frame(packet))
    await site.receiver.wait_readable()

    first = [arrival.datagram for arrival in site.receiver.receive()]
    rest = await site.received()

    assert len(first) <= RECEIVE_BATCH
    assert sent == first + rest


async def test_nothing_there(site: Site) -> None:
    """With nothing to receive, receiving does not wait."""
    assert site.receiver.receive() == []
    await site.received()


async def test_link_goes_down_and_up(site: Site) -> None:
    """An interface that goes down is no error for the receiver, which wakes once and goes on."""
    site.host.link_down()
    with trio.fail_after(PATIENCE_S):
        await site.receiver.wait_readable()
    assert site.receiver.receive() == []
    assert site.receiver.attached

    site.host.link_up()

    assert await site.received() == []


async def test_interface_is_removed_and_back(site: Site) -> None:
    """After its interface was removed and made again, the socket receives when it is attached again."""
    site.host.remove_interface()
    assert site.receiver.receive() == []
    assert not site.receiver.attached
    with pytest.raises(PortError) as caught:
        site.host.call(site.receiver.attach)
    assert PortFailure.NO_DEVICE is caught.value.failure

    site.host.create_interface()
    site.host.call(site.receiver.attach)

    assert site.receiver.attached
    assert await site.received() == []
    assert reported_groups(site.host) == {CARP_GROUP}


def test_attach_again(site: Site) -> None:
    """Attaching a socket that is attached changes nothing."""
    before = memberships(site.host)

    site.host.call(site.receiver.attach)

    assert before == memberships(site.host)


def test_memberships(site: Site) -> None:
    """The interface lets in the MACs of all groups, and IGMP reports those that it shall, until closing."""
    assert {multicast_mac(CARP_GROUP), multicast_mac(OTHER_GROUP)} <= memberships(site.host)
    assert {CARP_GROUP} == reported_groups(site.host)

    site.receiver.close()
    site.receiver.close()

    assert set() == memberships(site.host) & {multicast_mac(CARP_GROUP), multicast_mac(OTHER_GROUP)}
    assert set() == reported_groups(site.host)


@pytest.mark.programs("ip")
def test_renamed_interface(site: Site) -> None:
    """A socket whose interface now has another name is not attached any more."""
    assert site.host.run(["ip", "link", "set", INTERFACE, "down"]).returncode == 0
    assert site.host.run(["ip", "link", "set", INTERFACE, "name", "renamed"]).returncode == 0

    assert not site.receiver.attached


def test_without_permission() -> None:
    """Who may not open packet sockets is told so."""
    with pytest.raises(PortError) as caught:
        without_privileges(lambda: PacketSocket(INTERFACE, groups=()).close())

    assert PortFailure.NO_PERMISSION is caught.value.failure


def test_sending_unattached(lan: Lan) -> None:
    """A socket that was never attached has no device."""
    host = lan.add_host("one", "10.0.0.1/24")
    with host.call(lambda: PacketSocket(INTERFACE, groups=())) as unattached:
        assert not unattached.attached
        with pytest.raises(PortError) as caught:
            unattached.send(frame(datagram()))

    assert PortFailure.NO_DEVICE is caught.value.failure


def memberships(host: Host) -> set[bytes]:
    """Return the multicast MACs that `eth0` lets in."""
    lines = host.call(lambda: Path("/proc/thread-self/net/dev_mcast").read_text(encoding="ascii")).splitlines()
    return {bytes.fromhex(line.split()[4]) for line in lines if line.split()[1] == INTERFACE}


def reported_groups(host: Host) -> set[IPv4Address]:
    """Return the groups that IGMP reports, but for the one of all hosts."""
    lines = host.call(lambda: Path("/proc/thread-self/net/igmp").read_text(encoding="ascii")).splitlines()
    words = [line.split()[0] for line in lines if line.startswith("\t\t")]
    groups = {IPv4Address(socket.htonl(int(word, 16))) for word in words}
    return groups - {IPv4Address("224.0.0.1")}


async def test_instant_of_arrival(site: Site) -> None:
    """A packet's instant is when the kernel had it, however late it is read."""
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
