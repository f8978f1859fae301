"""What is the kernel's own about packets that are routed; the suite in tests/ports has the rest."""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from tests.ports.privilege import without_privileges
from triocarp.core import ipv4, ipv6
from triocarp.core.configuration import CARP_GROUP
from triocarp.core.family import Family
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.lab import Capture, Host, Lan
from triocarp.linux.packet_socket import PacketSocket
from triocarp.linux.routed_sender import RoutedSender

pytestmark = pytest.mark.kernel

INTERFACE = "eth0"
PATIENCE_S = 10
PAYLOAD = bytes(range(36))
OWN_MAC, PEER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


def packet(destination: str, *, source: str = "10.0.0.1") -> bytes:
    """Return an IPv4 packet as an advertisement has it."""
    addresses = IPv4Address(source), IPv4Address(destination)
    return ipv4.header(*addresses, tos=0x10, payload_length=len(PAYLOAD)) + PAYLOAD


def packet6(destination: str, *, source: str = "2001:db8::1") -> bytes:
    """Return an IPv6 packet as an advertisement has it."""
    addresses = IPv6Address(source), IPv6Address(destination)
    return ipv6.header(*addresses, traffic_class=0xC0, payload_length=len(PAYLOAD)) + PAYLOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A host that sends, and a peer that listens."""

    host: Host
    sender: PacketSocket
    capture: Capture

    def ip(self, *arguments: str) -> None:
        """Do what an operator does, and insist that it works."""
        done = self.host.run(["ip", *arguments])
        assert done.returncode == 0, done.stderr

    def failure(self, sent: bytes) -> PortFailure:
        """Try to send a packet, and return how it fails."""
        with pytest.raises(PortError) as caught:
            self.sender.send_packet(sent)
        return caught.value.failure


@pytest.fixture
def site() -> Iterator[Site]:
    """Give a host whose packet socket can send over routes, next to a peer."""
    with Lan(ipv6=True) as lan:
        host = lan.add_host("one", "10.0.0.1/24", "2001:db8::1/64")
        peer = lan.add_host("two", "10.0.0.2/24", "2001:db8::2/64")
        with (
            host.call(lambda: PacketSocket(INTERFACE, groups=(CARP_GROUP,), routed=Family)) as sender,
            Capture(peer.namespace, {INTERFACE: "two"}, incoming_only=True) as capture,
        ):
            host.call(sender.attach)
            yield Site(host=host, sender=sender, capture=capture)


@pytest.mark.programs("ip")
@pytest.mark.parametrize(
    ("sent", "route"),
    [
        (packet("192.0.2.9"), ("route", "add", "192.0.2.0/24", "via", "10.0.0.2")),
        (packet("192.0.2.9"), ("route", "add", "default", "via", "10.0.0.2")),
        (packet6("2001:db8:9::9"), ("-6", "route", "add", "2001:db8:9::/48", "via", "2001:db8::2")),
        (packet6("2001:db8:9::9"), ("-6", "route", "add", "default", "via", "2001:db8::2")),
    ],
    ids=["IPv4", "IPv4 default", "IPv6", "IPv6 default"],
)
def test_router(site: Site, sent: bytes, route: tuple[str, ...]) -> None:
    """A packet for somebody behind a router goes to the router's MAC, unchanged; without the route it fails."""
    assert PortFailure.NO_ROUTE is site.failure(sent)
    site.ip(*route)

    site.sender.send_packet(sent)

    frame = site.capture.wait_for(lambda frame: frame.payload == sent)
    assert (frame.destination, frame.source) == (PEER_MAC, OWN_MAC)


@pytest.mark.programs("ip")
@pytest.mark.parametrize(
    ("sent", "route"),
    [
        (packet("192.0.2.9"), ("route", "add", "192.0.2.0/24", "dev", "elsewhere")),
        (packet("192.0.2.9"), ("route", "add", "unreachable", "192.0.2.0/24")),
        (packet6("2001:db8:9::9"), ("-6", "route", "add", "2001:db8:9::/48", "dev", "elsewhere")),
        (packet6("2001:db8:9::9"), ("-6", "route", "add", "unreachable", "2001:db8:9::/48")),
    ],
    ids=["IPv4 elsewhere", "IPv4 unreachable", "IPv6 elsewhere", "IPv6 unreachable"],
)
def test_route_that_leads_elsewhere(site: Site, sent: bytes, route: tuple[str, ...]) -> None:
    """A route through another interface, or one that says no, is none."""
    site.ip("link", "add", "elsewhere", "type", "bridge")
    site.ip("link", "set", "elsewhere", "up")
    site.ip(*route)

    assert PortFailure.NO_ROUTE is site.failure(sent)


def test_link_local_peer(site: Site) -> None:
    """A link-local address is one of the link of the interface through which it is sent."""
    sent = packet6("fe80::ff:fe00:2", source="fe80::ff:fe00:1")

    site.sender.send_packet(sent)

    site.capture.wait_for(lambda frame: frame.payload == sent)


def test_header_on_the_wire(site: Site) -> None:
    """TTL, TOS, the identification and "don't fragment" are those of the packet, and the checksum is right."""
    sent = packet("10.0.0.2", source="10.0.0.100")

    site.sender.send_packet(sent)

    frame = site.capture.wait_for(lambda frame: frame.ip_protocol == 112)
    assert sent == frame.payload
    assert frame.payload[:10] == bytes.fromhex("4510 0038 0000 4000 ff70")


def test_receives_nothing(site: Site) -> None:
    """What comes to the raw sockets' protocol does not stay in them."""
    to_ourselves = bytearray(packet("10.0.0.1"))
    to_ourselves[9] = socket.IPPROTO_RAW
    with site.host.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as witness:
        witness.settimeout(PATIENCE_S)
        witness.sendto(to_ourselves, ("10.0.0.1", 0))
        assert witness.recv(100)[20:] == PAYLOAD

        lines = site.host.call(lambda: Path("/proc/thread-self/net/raw").read_text(encoding="ascii")).splitlines()

    queued = [int(line.split()[4].split(":")[1], 16) for line in lines[1:]]
    assert queued == [0, 0]


@pytest.mark.parametrize("family", Family)
def test_never_attached(site: Site, family: Family) -> None:
    """A sender that was never attached does not send through whatever interface."""
    sent = packet("10.0.0.2") if family is Family.IPV4 else packet6("2001:db8::2")
    with (
        site.host.call(lambda: RoutedSender(INTERFACE, family)) as sender,
        pytest.raises(PortError) as caught,
    ):
        sender.send(sent)

    assert PortFailure.NO_DEVICE is caught.value.failure


def test_family_that_is_not_routed(site: Site) -> None:
    """Who was not set up for packets of a family says so."""
    with site.host.call(lambda: PacketSocket(INTERFACE, groups=(CARP_GROUP,), routed=(Family.IPV4,))) as sender:
        site.host.call(sender.attach)
        sender.send_packet(packet("10.0.0.2"))
        with pytest.raises(PortError, match="not set up") as caught:
            sender.send_packet(packet6("2001:db8::2"))

    assert PortFailure.OTHER is caught.value.failure


def test_without_permission() -> None:
    """Who may not open raw sockets is told so."""
    with pytest.raises(PermissionError) as caught:
        without_privileges(lambda: RoutedSender(INTERFACE, Family.IPV4).close())

    assert caught.value.errno == errno.EPERM
