"""The lab's requests to the kernel about links and addresses.

pyroute2's message classes encode and decode; the socket is our own and synchronous, because the kernel
answers an rtnetlink request before `send` returns, while pyroute2's sockets run an asyncio loop each. A
socket belongs for life to the namespace in which it was opened, whatever thread uses it later, so that no
request needs `setns`.
"""

from __future__ import annotations

import enum
import errno
import ipaddress
import os
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.nsidmsg import nsidmsg

if TYPE_CHECKING:
    from collections.abc import Iterator

IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
RTM_NEWNSID: Final = 88

_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_NLM_F_REQUEST: Final = 0x1
_NLM_F_ACK: Final = 0x4
_NLM_F_DUMP: Final = 0x300
_NLM_F_REPLACE: Final = 0x100
_NLM_F_EXCL: Final = 0x200
_NLM_F_CREATE: Final = 0x400

_IFF_UP: Final = 0x1
_FOREVER: Final = 0xFFFF_FFFF
_HEADER: Final = struct.Struct("=IHHII")
_RECEIVE_BYTES: Final = 1 << 17


class AddressFlag(enum.IntFlag):
    """`IFA_F_...` of linux/if_addr.h."""

    SECONDARY = 0x01
    NODAD = 0x02
    OPTIMISTIC = 0x04
    DADFAILED = 0x08
    HOMEADDRESS = 0x10
    DEPRECATED = 0x20
    TENTATIVE = 0x40
    PERMANENT = 0x80
    MANAGETEMPADDR = 0x100
    NOPREFIXROUTE = 0x200


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of an interface, as the kernel lists it.

    Attributes:
        interface: The index of the interface.
        ip: The address with its prefix length.
        flags: What the kernel notes about it.
        valid_s: Seconds until the kernel removes it, None for never.
    """

    interface: int
    ip: IPInterface
    flags: AddressFlag
    valid_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """The state of a link.

    Attributes:
        up: It is administratively up.
        carrier: Its cable is plugged in, and the other end is up.
        operational: The kernel has drawn the consequences of both, and the link carries frames (RFC 2863).
    """

    up: bool
    carrier: bool
    operational: bool


class Rtnetlink:
    """One rtnetlink socket in the namespace of the thread that opens it; any thread may use it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        # Every answer is already waiting when `send` returns; a missing one is a bug here, which must not
        # hang a test.
        self._socket.settimeout(5)
        self._lock = threading.Lock()
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def create_bridge(self, name: str, index: int) -> None:
        """Create a bridge that forwards at once, is up, and says nothing by itself."""
        data = [("IFLA_BR_FORWARD_DELAY", 0), ("IFLA_BR_STP_STATE", 0), ("IFLA_BR_MCAST_SNOOPING", 0)]
        info = {"attrs": [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", {"attrs": data})]}
        attributes = [("IFLA_IFNAME", name), ("IFLA_LINKINFO", info)]
        self._request(_link(index, attributes, up=True), RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL)

    def create_veth(
        self, *, port: str, index: int, bridge: int, peer: str, peer_index: int, mac: str, namespace: int
    ) -> None:
        """Create a cable between two namespaces.

        Args:
            port: The name of the end in this namespace, which is up.
            index: Its index.
            bridge: The index of the bridge that it is a port of.
            peer: The name of the other end, which is still down.
            peer_index: Its index.
            mac: Its Ethernet address.
            namespace: An open descriptor of the namespace of the other end.
        """
        peer_attributes = [("IFLA_IFNAME", peer), ("IFLA_ADDRESS", mac), ("IFLA_NET_NS_FD", namespace)]
        far_end = {"index": peer_index, "attrs": peer_attributes}
        data = {"attrs": [("VETH_INFO_PEER", far_end)]}
        info = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}
        attributes = [("IFLA_IFNAME", port), ("IFLA_MASTER", bridge), ("IFLA_LINKINFO", info)]
        self._request(_link(index, attributes, up=True), RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL)

    def set_up(self, index: int, *, up: bool) -> None:
        """Set a link administratively up or down."""
        self._request(_link(index, [], up=up), RTM_NEWLINK, 0)

    def set_bridge(self, index: int, bridge: int) -> None:
        """Move a link to another bridge."""
        self._request(_link(index, [("IFLA_MASTER", bridge)]), RTM_NEWLINK, 0)

    def delete_link(self, index: int) -> None:
        """Delete a link."""
        self._request(_link(index, []), RTM_DELLINK, 0)

    def name_namespace(self, namespace: int, number: int) -> None:
        """Give another namespace, by its descriptor, the number by which this namespace knows it."""
        message = nsidmsg()
        message["attrs"] = [("NETNSA_FD", namespace), ("NETNSA_NSID", number)]
        self._request(message, RTM_NEWNSID, 0)

    def link_state(self, index: int) -> LinkState:
        """Ask for the state of a link."""
        ((_kind, answer),) = self._exchange(_link(index, []), RTM_GETLINK, _NLM_F_ACK)
        message: Any = ifinfmsg(answer)
        message.decode()
        return LinkState(
            up=bool(message["flags"] & _IFF_UP),
            carrier=bool(message.get_attr("IFLA_CARRIER")),
            operational=message.get_attr("IFLA_OPERSTATE") == "UP",
        )

    def add_address(self, index: int, ip: IPInterface, valid_s: int | None = None) -> None:
        """Add an address, or renew its lifetime when it is there.

        Args:
            index: The interface.
            ip: The address with its prefix length.
            valid_s: After how many seconds the kernel removes it; None for never.
        """
        lifetime = _FOREVER if valid_s is None else valid_s
        attributes: list[tuple[str, Any]] = [
            ("IFA_CACHEINFO", {"ifa_valid": lifetime, "ifa_preferred": lifetime}),
            # A lab's addresses are unique by construction, and a test can't wait for the kernel to find out.
            ("IFA_FLAGS", int(AddressFlag.NODAD) if ip.version == 6 else 0),  # noqa: PLR2004
        ]
        self._request(_address(index, ip, attributes), RTM_NEWADDR, _NLM_F_CREATE | _NLM_F_REPLACE)

    def remove_address(self, index: int, ip: IPInterface) -> None:
        """Remove an address.

        Raises:
            OSError: with `EADDRNOTAVAIL` when it is not there.
        """
        self._request(_address(index, ip, []), RTM_DELADDR, 0)

    def addresses(self, index: int | None = None) -> tuple[Address, ...]:
        """List the addresses of one interface, or of all."""
        message = ifaddrmsg()
        found = [
            read_address(body)
            for kind, body in self._exchange(message, RTM_GETADDR, _NLM_F_DUMP)
            if kind == RTM_NEWADDR
        ]
        return tuple(address for address in found if index in (None, address.interface))

    def _request(self, message: Any, kind: int, flags: int) -> None:  # noqa: ANN401 - pyroute2 has no types
        """Have the kernel do something; its refusal is an `OSError`."""
        for _ in self._exchange(message, kind, flags | _NLM_F_ACK):
            pass

    def _exchange(self, message: Any, kind: int, flags: int) -> list[tuple[int, bytes]]:  # noqa: ANN401
        """Send one request and collect what the kernel answers up to its acknowledgement."""
        with self._lock:
            self._sequence += 1
            message["header"]["type"] = kind
            message["header"]["flags"] = flags | _NLM_F_REQUEST
            message["header"]["sequence_number"] = self._sequence
            message.encode()
            self._socket.send(bytes(message.data))
            answers: list[tuple[int, bytes]] = []
            while True:
                for answer_kind, sequence, body in messages(self._socket.recv(_RECEIVE_BYTES)):
                    if sequence != self._sequence:
                        continue
                    if answer_kind == _NLMSG_ERROR:
                        number = -struct.unpack_from("=i", body, _HEADER.size)[0]
                        if number:
                            raise OSError(number, f"rtnetlink request {kind}: {os.strerror(number)}")
                        return answers
                    if answer_kind == _NLMSG_DONE:
                        return answers
                    answers.append((answer_kind, body))


def messages(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Cut a netlink datagram into messages: each one's type, sequence number, and itself with its header."""
    while len(datagram) >= _HEADER.size:
        length, kind, _flags, sequence, _port = _HEADER.unpack_from(datagram)
        if length < _HEADER.size:
            raise OSError(errno.EBADMSG, f"a netlink message claims a length of {length}")
        yield kind, sequence, datagram[:length]
        datagram = datagram[(length + 3) & ~3 :]


def read_address(body: bytes) -> Address:
    """Decode an `RTM_NEWADDR` or `RTM_DELADDR`."""
    message: Any = ifaddrmsg(body)
    message.decode()
    # On a point-to-point link IFA_ADDRESS is the peer's; IPv6 has IFA_LOCAL only there.
    text: str = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    valid: int = (message.get_attr("IFA_CACHEINFO") or {}).get("ifa_valid", _FOREVER)
    flags: int = message.get_attr("IFA_FLAGS") or message["flags"]
    return Address(
        interface=int(message["index"]),
        ip=ipaddress.ip_interface(f"{text}/{message['prefixlen']}"),
        flags=AddressFlag(flags),
        valid_s=None if valid == _FOREVER else valid,
    )


def _link(index: int, attributes: list[tuple[str, Any]], *, up: bool | None = None) -> Any:  # noqa: ANN401
    """Compose a link message; `up` None leaves the administrative state alone."""
    message = ifinfmsg()
    message["index"] = index
    if up is not None:
        message["change"] = _IFF_UP
        message["flags"] = _IFF_UP if up else 0
    message["attrs"] = attributes
    return message


def _address(index: int, ip: IPInterface, attributes: list[tuple[str, Any]]) -> Any:  # noqa: ANN401
    """Compose an address message."""
    message = ifaddrmsg()
    message["family"] = socket.AF_INET if ip.version == 4 else socket.AF_INET6  # noqa: PLR2004
    message["prefixlen"] = ip.network.prefixlen
    message["index"] = index
    message["attrs"] = [("IFA_LOCAL", str(ip.ip)), ("IFA_ADDRESS", str(ip.ip)), *attributes]
    return message
