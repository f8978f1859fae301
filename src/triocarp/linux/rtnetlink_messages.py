"""rtnetlink requests as bytes, and its answers as typed values. No socket here.

The bytes are pyroute2's business. Its message classes need 40 ms and 5 MiB to load; the package around them
(asyncio, databases, firewalls, a dozen protocols) needs another 100 ms and 11 MiB, which ``import
pyroute2.netlink`` would run first. So the package is put into `sys.modules` without being run, and runs when
somebody asks for anything that it has: nobody else notices.

The number of a request (``nlmsg_seq``) is the IPv4 address that it is about. The kernel stamps it on the
notifications that the request causes; so one about another address is a side effect, such as the loss of all
secondary addresses when the primary one of their subnet is removed.

On notifications about IPv6 addresses the kernel stamps nothing (inet6_ifa_notify), and IPv6 has no such side
effects. There an address carries a mark of ours, `ADDRESS_PROTOCOL`, by which a filter knows our renewals.
"""

import importlib
import importlib.util
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.abc import Loader
from ipaddress import IPv4Interface, IPv6Interface
from types import ModuleType
from typing import Any, Final, TypeAlias, final

from triocarp.core.advertisement import PROTOCOL
from triocarp.core.events import Link
from triocarp.core.family import IPInterface

# <linux/rtnetlink.h>, <linux/netlink.h>, <linux/if.h>
RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
_RTM_GETROUTE: Final = 26
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
_NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTERRUPTED: Final = 0x10
_NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_DUMP: Final = 0x300
NLM_F_CREATE: Final = 0x400
_RTEXT_FILTER_SKIP_STATS: Final = 0x8
_IFF_UP: Final = 0x1
_IFF_LOOPBACK: Final = 0x8
_IFF_RUNNING: Final = 0x40
_IFF_NOARP: Final = 0x80
_IFA_F_NODAD: Final = 0x02
_IFA_F_DADFAILED: Final = 0x08
_IFA_F_TENTATIVE: Final = 0x40
_IFA_F_NOPREFIXROUTE: Final = 0x200
_RTM_F_FIB_MATCH: Final = 0x2000
_RTA_DST: Final = 1
_RTA_OIF: Final = 4

ADDRESS_PROTOCOL: Final = PROTOCOL
"""Mark of our IPv6 addresses (``IFA_PROTO``): ``ip address`` shows it. Linux before 5.18 does not note it, and
tells us of each renewal."""

ROUTE_METRIC: Final = 4096
"""Metric of the on-link route that the kernel makes for an IPv6 address, and ends with its lease.

At the kernel's own 256 it would not stand beside the route of the host's own address, it would be that route:
where the own address came from a router, its route gets the lease's end, and three seconds after a release the
host has no route to its own segment. Without any route (``IFA_F_NOPREFIXROUTE``) a router whose only other address
is link-local could not reach its segment at all. Worse than 256, it counts only where there is no other. In IPv4
the question does not arise, because routes there have no end and go with the last address of their subnet.
"""

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, number, port: struct nlmsghdr
# struct rtmsg (family, length of the destination, six bytes of no interest, flags), and two attributes
_ROUTE_QUESTION: Final = struct.Struct("=BB6xI HH4s HHI")
_ROUTE_ATTRIBUTE_LENGTH: Final = 8
_ERROR: Final = struct.Struct("=i")
_ALIGNMENT: Final = 4


def _load_message_classes() -> tuple[Any, Any]:
    """Import pyroute2's link and address messages without the rest of it."""
    spec = importlib.util.find_spec("pyroute2")
    if "pyroute2" not in sys.modules and spec is not None and spec.loader is not None:
        package = importlib.util.module_from_spec(spec)
        package.__dict__["__getattr__"] = _runner_of(package, spec.loader)
        sys.modules["pyroute2"] = package
    links = importlib.import_module("pyroute2.netlink.rtnl.ifinfmsg")
    addresses = importlib.import_module("pyroute2.netlink.rtnl.ifaddrmsg")
    return links.ifinfmsg, addresses.ifaddrmsg


def _runner_of(package: ModuleType, loader: Loader) -> Callable[[str], object]:
    """Return what Python calls for a name that a package lacks (PEP 562): a module of it, or else all of it."""

    def run(name: str) -> object:
        try:
            return importlib.import_module(f"{package.__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{package.__name__}.{name}":
                raise
        package.__dict__.pop("__getattr__", None)
        loader.exec_module(package)
        return getattr(package, name)

    return run


_LinkMessage, _AddressMessage = _load_message_classes()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """What the kernel says about an interface.

    Attributes:
        index: its number.
        name: its name now.
        link: its condition; `ABSENT` when it was removed or moved to another network namespace.
        hardware_address: its MAC; empty if it has none.
        loopback: whether it is ``lo``.
        arp: whether it resolves addresses with ARP; ``lo``, dummies and tunnels do not.
    """

    index: int
    name: str
    link: Link
    hardware_address: bytes
    loopback: bool
    arp: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AddressReport:
    """What the kernel says about an address of an interface.

    Attributes:
        index: number of the interface.
        address: with its prefix length.
        present: whether it is there now.
        port_id: the netlink socket whose request was the reason; 0 for the kernel itself, and in IPv6 always.
        number: of that request.
        tentative: it cannot be used, because it is not known whether another host has it, or is known.
        duplicate: another host has it.
    """

    index: int
    address: IPInterface
    present: bool
    port_id: int
    number: int
    tentative: bool = False
    duplicate: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A request was answered: the end of a dump, or an acknowledgement.

    Attributes:
        number: of the request.
        error: the system's error number, or 0.
        interrupted: whether things changed while they were dumped, so that the dump may be incomplete.
    """

    number: int
    error: int
    interrupted: bool


Report: TypeAlias = LinkReport | AddressReport | Ended
"""All that we read from rtnetlink."""


def request_to_hold(index: int, address: IPInterface, lease_s: int, *, claims_network: bool = True) -> bytes:
    """Return the request that adds an address, or gives a new lease to one that is there.

    An IPv6 address is usable at once: it does not wait for duplicate address detection. It is deprecated from the
    beginning (RFC 4862, section 5.5.4): it answers, but the host begins its own conversations from its own
    address, as in IPv4, where this one is a secondary one. They would otherwise break when the address moves.

    Args:
        index: of the interface.
        address: with its prefix length.
        lease_s: seconds after which the kernel removes it.
        claims_network: whether the main table gets a route to its network, as it usually does.
    """
    text = str(address.ip)
    unclaiming = 0 if claims_network else _IFA_F_NOPREFIXROUTE
    attributes: list[tuple[str, object]] = [("IFA_ADDRESS", text)]
    if isinstance(address, IPv4Interface):
        lease = {"ifa_preferred": lease_s, "ifa_valid": lease_s}
        attributes = [("IFA_LOCAL", text), *attributes, ("IFA_CACHEINFO", lease)]
        if unclaiming:
            attributes.append(("IFA_FLAGS", unclaiming))
    else:
        lease = {"ifa_preferred": 0, "ifa_valid": lease_s}
        attributes += [
            ("IFA_CACHEINFO", lease),
            ("IFA_FLAGS", _IFA_F_NODAD | unclaiming),
            ("IFA_RT_PRIORITY", ROUTE_METRIC),
            ("IFA_PROTO", ADDRESS_PROTOCOL),
        ]
    return _address_request(RTM_NEWADDR, NLM_F_CREATE | _NLM_F_REPLACE, index, address, attributes)


def request_to_release(index: int, address: IPInterface) -> bytes:
    """Return the request that removes an address once: IPv4 with any prefix length, IPv6 if it has this one.

    Args:
        index: of the interface.
        address: with its prefix length.
    """
    name = "IFA_LOCAL" if isinstance(address, IPv4Interface) else "IFA_ADDRESS"
    return _address_request(RTM_DELADDR, 0, index, address, [(name, str(address.ip))])


def request_to_release_exactly(index: int, address: IPInterface) -> bytes:
    """Return the request that removes an address if it has this prefix length.

    Args:
        index: of the interface.
        address: with its prefix length.
    """
    text = str(address.ip)
    return _address_request(RTM_DELADDR, 0, index, address, [("IFA_LOCAL", text), ("IFA_ADDRESS", text)])


def request_to_find(index: int, address: IPv6Interface) -> bytes:
    """Return the question how an IPv6 address is on an interface: it is there at most once.

    The answer is an address report, or the error EADDRNOTAVAIL, also where the interface is not there.

    Args:
        index: of the interface.
        address: of which only the address counts.
    """
    return encode(
        _address_message(index, address),
        type=RTM_GETADDR,
        flags=0,
        number=0,
        attributes=[("IFA_ADDRESS", str(address.ip))],
    )


def request_for_route(index: int, destination: bytes) -> bytes:
    """Return the question whether there is a route to an IPv4 address through an interface; errors say no.

    It is packed here: pyroute2's class for routes would have to be loaded for two numbers.

    Args:
        index: of the interface.
        destination: 4 bytes.
    """
    question = _ROUTE_QUESTION.pack(
        socket.AF_INET,
        8 * len(destination),
        _RTM_F_FIB_MATCH,  # without it the kernel answers that whatever has no route is on the link
        _ROUTE_ATTRIBUTE_LENGTH,
        _RTA_DST,
        destination,
        _ROUTE_ATTRIBUTE_LENGTH,
        _RTA_OIF,
        index,
    )
    return _HEADER.pack(_HEADER.size + len(question), _RTM_GETROUTE, _NLM_F_REQUEST, 0, 0) + question


def request_for_links(number: int) -> bytes:
    """Return the request for all interfaces.

    Args:
        number: which the answers carry.
    """
    return encode(
        _LinkMessage(),
        type=RTM_GETLINK,
        flags=NLM_F_DUMP,
        number=number,
        attributes=[("IFLA_EXT_MASK", _RTEXT_FILTER_SKIP_STATS)],
    )


def request_for_addresses(number: int, family: int = socket.AF_UNSPEC) -> bytes:
    """Return the request for all addresses.

    Args:
        number: which the answers carry.
        family: ``AF_INET`` for IPv4 alone.
    """
    message = _AddressMessage()
    message["family"] = family
    return encode(message, type=RTM_GETADDR, flags=NLM_F_DUMP, number=number, attributes=[])


def acknowledged_error(answer: bytes) -> int:
    """Return the error number of an acknowledgement, 0 for success. It is read here without pyroute2: 0.3 us.

    Args:
        answer: a whole acknowledgement.
    """
    return -int(_ERROR.unpack_from(answer, _HEADER.size)[0])


def read(data: bytes) -> Iterator[Report]:
    """Yield what one received datagram says. What is of no interest here is passed over.

    Args:
        data: one or more netlink messages.
    """
    for kind, flags, message in split(data):
        _, _, _, number, port_id = _HEADER.unpack_from(message)
        if kind in (NLMSG_ERROR, NLMSG_DONE):
            error = ended_error(message)
            yield Ended(number=number, error=error, interrupted=bool(flags & NLM_F_DUMP_INTERRUPTED))
        elif kind in (RTM_NEWLINK, RTM_DELLINK):
            yield from _read_link(message, present=kind == RTM_NEWLINK)
        elif kind in (RTM_NEWADDR, RTM_DELADDR):
            yield from _read_address(message, kind == RTM_NEWADDR, port_id, number)


def split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the kind, the flags and the bytes of each message of a datagram.

    Args:
        data: from the kernel.
    """
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
        if not _HEADER.size <= length <= len(data) - offset:
            return
        yield kind, flags, data[offset : offset + length]
        offset += -(-length // _ALIGNMENT) * _ALIGNMENT


def ended_error(message: bytes) -> int:
    """Return the error number of an acknowledgement or of the end of a list, 0 for success.

    Args:
        message: whole.
    """
    return -int(_ERROR.unpack_from(message, _HEADER.size)[0])


def _read_link(data: bytes, *, present: bool) -> Iterator[LinkReport]:
    message = _LinkMessage(data)
    message.decode()
    # A bridge tells the same group about its ports, in messages of its own family: when a port leaves the bridge,
    # it says "deleted" and means the membership.
    if message["family"] != socket.AF_UNSPEC:
        return
    flags: int = message["flags"]
    if not present:
        link = Link.ABSENT
    elif not flags & _IFF_UP:
        link = Link.DOWN
    else:
        link = Link.UP if flags & _IFF_RUNNING else Link.NO_CARRIER
    yield LinkReport(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        link=link,
        hardware_address=bytes.fromhex((message.get_attr("IFLA_ADDRESS") or "").replace(":", "")),
        loopback=bool(flags & _IFF_LOOPBACK),
        arp=not flags & (_IFF_NOARP | _IFF_LOOPBACK),
    )


def _read_address(data: bytes, present: bool, port_id: int, number: int) -> Iterator[AddressReport]:
    message = _AddressMessage(data)
    message.decode()
    if message["family"] not in (socket.AF_INET, socket.AF_INET6):
        return
    address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    interface_class = IPv4Interface if message["family"] == socket.AF_INET else IPv6Interface
    flags: int = message["flags"]
    yield AddressReport(
        index=message["index"],
        address=interface_class((address, message["prefixlen"])),
        present=present,
        port_id=port_id,
        number=number,
        tentative=bool(flags & (_IFA_F_TENTATIVE | _IFA_F_DADFAILED)),
        duplicate=bool(flags & _IFA_F_DADFAILED),
    )


def _address_request(
    kind: int, flags: int, index: int, address: IPInterface, attributes: list[tuple[str, object]]
) -> bytes:
    return encode(
        _address_message(index, address),
        type=kind,
        flags=NLM_F_ACK | flags,
        number=int(address.ip) if isinstance(address, IPv4Interface) else 0,
        attributes=attributes,
    )


def _address_message(index: int, address: IPInterface) -> Any:  # noqa: ANN401 - pyroute2 has no types
    message = _AddressMessage()
    message["family"] = socket.AF_INET if isinstance(address, IPv4Interface) else socket.AF_INET6
    message["prefixlen"] = address.network.prefixlen
    message["index"] = index
    return message


def encode(
    message: Any,  # noqa: ANN401 - pyroute2 has no types
    *,
    type: int,  # noqa: A002 - as the header's field is called
    flags: int,
    number: int,
    attributes: list[tuple[str, object]],
) -> bytes:
    """Return a message of pyroute2 as the bytes of a request.

    Args:
        message: with the fields of its own header.
        type: ``RTM_...``.
        flags: ``NLM_F_...``, without that of every request.
        number: which the answers carry.
        attributes: by name.
    """
    message["header"]["type"] = type
    message["header"]["flags"] = _NLM_F_REQUEST | flags
    message["header"]["sequence_number"] = number
    message["attrs"] = attributes
    message.encode()
    return bytes(message.data)
