"""The rule and the routes of a virtual address with a routing table of its own, over rtnetlink.

All carry a mark of ours, `OWNER`, and the address: the rule as what it matches, the routes as the source that
they give. So what is ours is told from everybody else's, also after a crash and by another process; nothing else
is ever removed. The rule is put there first and removed last, for it tells in which table the routes are.

Requests are encoded beforehand, with pyroute2. What the kernel lists is read here: a few fields of many messages.
"""

import errno
import importlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any, Final, final

from triocarp.core.family import IPInterface
from triocarp.core.policy_routing import IPNetwork, PolicyRouting
from triocarp.linux.netlink_socket import NetlinkSocket
from triocarp.linux.rtnetlink_messages import (
    ADDRESS_PROTOCOL,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    encode,
)

OWNER: Final = ADDRESS_PROTOCOL
"""Mark of our rules and routes (``FRA_PROTOCOL``, ``rtm_protocol``): ``ip rule`` and ``ip route`` show it."""

# <linux/rtnetlink.h>, <linux/fib_rules.h>
_RTM_NEWROUTE: Final = 24
_RTM_DELROUTE: Final = 25
_RTM_GETROUTE: Final = 26
_RTM_NEWRULE: Final = 32
_RTM_DELRULE: Final = 33
_RTM_GETRULE: Final = 34
_TABLE_MAIN: Final = 254
_PROTOCOL_KERNEL: Final = 2
_SCOPE_UNIVERSE: Final = 0
_SCOPE_LINK: Final = 253
_UNICAST: Final = 1
_TO_TABLE: Final = 1
_RTA_DST: Final = 1
_RTA_OIF: Final = 4
_RTA_GATEWAY: Final = 5
_RTA_PREFSRC: Final = 7
_RTA_TABLE: Final = 15
_FRA_SRC: Final = 2
_FRA_PRIORITY: Final = 6
_FRA_TABLE: Final = 15
_FRA_PROTOCOL: Final = 21

_HEADER_LENGTH: Final = 16
_ROUTE: Final = struct.Struct("=BBBBBBBBI")  # struct rtmsg, and struct fib_rule_hdr: family, two lengths, ...
_ATTRIBUTE: Final = struct.Struct("=HH")
_NUMBER: Final = struct.Struct("=I")
_ALIGNMENT: Final = 4
_KIND_AND_FLAGS: Final = struct.Struct("=HH")
_KIND_OFFSET: Final = 4
_NLM_F_REQUEST: Final = 0x1
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ESRCH, errno.ENODEV})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """What is sent for one address.

    Attributes:
        address: which.
        table: its own.
        priority: of the rule; None if the system chooses it.
        rule: adds the rule.
        routes: add the routes, the connected one first, for it leads to the gateway.
        no_rule: removes the rule.
        no_routes: remove the routes.
        unclaimed: removes the connected route of the main table that an address has which somebody else put there.
    """

    address: IPInterface
    table: int
    priority: int | None
    rule: bytes
    routes: tuple[bytes, ...]
    no_rule: bytes
    no_routes: tuple[bytes, ...]
    unclaimed: bytes


def requests_for(index: int, address: IPInterface, routing: PolicyRouting) -> Requests:
    """Return the encoded requests for an address.

    Args:
        index: of its interface.
        address: with its prefix length.
        routing: of its virtual host.
    """
    wanted: list[tuple[IPNetwork | None, list[tuple[str, object]], int]] = []
    connected, gateway = routing.connected(address), routing.gateway(address)
    if connected is not None:
        wanted.append((connected, [], _SCOPE_LINK))
    if gateway is not None:
        wanted.append((None, [("RTA_GATEWAY", str(gateway))], _SCOPE_UNIVERSE))

    def through(table: int) -> list[tuple[str, object]]:
        return [("RTA_OIF", index), ("RTA_TABLE", table)]

    def routes(kind: int, flags: int) -> tuple[bytes, ...]:
        return tuple(
            _route(
                kind,
                flags,
                address,
                network,
                scope=scope,
                owner=OWNER,
                attributes=[*through(routing.table), *more],
            )
            for network, more, scope in wanted
        )

    exclusively = NLM_F_CREATE | NLM_F_EXCL
    unclaimed = _route(
        _RTM_DELROUTE,
        0,
        address,
        address.network,
        scope=_SCOPE_LINK,
        owner=_PROTOCOL_KERNEL,
        attributes=through(_TABLE_MAIN),
    )
    return Requests(
        address=address,
        table=routing.table,
        priority=routing.priority,
        rule=_rule(_RTM_NEWRULE, exclusively, address, routing.table, routing.priority),
        routes=routes(_RTM_NEWROUTE, exclusively),
        no_rule=_rule(_RTM_DELRULE, 0, address, routing.table, routing.priority),
        no_routes=routes(_RTM_DELROUTE, 0)[::-1],
        unclaimed=unclaimed,
    )


@final
class PolicyRoutes:
    """Puts on and takes off what addresses with a routing table of their own need.

    Args:
        netlink: through which it asks for changes.

    Raises:
        OSError: the system is out of file descriptors or memory.
    """

    def __init__(self, netlink: NetlinkSocket) -> None:
        self._netlink = netlink
        self._listing = NetlinkSocket(strict=True)  # so that the kernel lists one table, and not all of them
        self._swept: set[IPInterface] = set()
        self._chosen: dict[IPInterface, bytes] = {}

    def close(self) -> None:
        """Close. Closing twice is fine."""
        self._listing.close()

    def put_on(self, requests: Requests, *, new: bool) -> None:
        """Add the rule and the routes of an address that is on its interface, where they are missing.

        Args:
            requests: of the address.
            new: whether the address has only just been put there: then another route in the way is found out.

        Raises:
            OSError: the kernel refuses, or the table has another route to the same destination.
        """
        if new:
            self._sweep_once(requests)
            self._remove(requests.unclaimed)
        # A rule that is there is as good as ours, whose ever it is. If it is another's, it stays.
        if not self._add(self._rule_again(requests)) and new:
            # The address went, and not what led to it; of IPv6 routes the kernel has taken out their source.
            self.sweep(requests.address, requests.table)
            self._add(self._rule_again(requests))
        if new and requests.priority is None and requests.address not in self._chosen:
            self._fix_priority(requests)
        for route in requests.routes:
            if not self._add(route) and new and not self._has(requests, route):
                raise OSError(errno.EEXIST, f"table {requests.table} has another route to the same destination")

    def again(self, requests: Requests) -> tuple[bytes, ...]:
        """Return what puts back the rule and the routes of an address, and fails where they are there.

        Args:
            requests: of the address, for which `put_on` was called.
        """
        return (self._rule_again(requests), *requests.routes)

    def _rule_again(self, requests: Requests) -> bytes:
        return self._chosen.get(requests.address, requests.rule)

    def _fix_priority(self, requests: Requests) -> None:
        """Take note of the priority that the system has chosen: else it would choose another one each time."""
        address = requests.address
        for rule in self._list(_RTM_GETRULE, _family(address)):
            if _is_our_rule(rule, address) and _table_of(rule, _FRA_TABLE) == requests.table:
                (priority,) = _NUMBER.unpack(dict(_attributes(rule)).get(_FRA_PRIORITY, bytes(4)))
                flags = NLM_F_CREATE | NLM_F_EXCL
                self._chosen[address] = _rule(_RTM_NEWRULE, flags, address, requests.table, priority)

    def take_off(self, requests: Requests) -> None:
        """Remove our rule and our routes of an address. What is not there is no error.

        Args:
            requests: of the address.

        Raises:
            OSError: the kernel refuses.
        """
        self._sweep_once(requests)
        for route in requests.no_routes:
            self._remove(route)
        self._remove(requests.no_rule)

    def sweep(self, address: IPInterface, *tables: int) -> None:
        """Remove our rules and our routes of an address, in whatever table a predecessor had them.

        Args:
            address: which.
            tables: in which to look at any rate.

        Raises:
            OSError: the kernel refuses.
        """
        family = _family(address)
        rules = [rule for rule in self._list(_RTM_GETRULE, family) if _is_our_rule(rule, address)]
        for table in {*tables, *(_table_of(rule, _FRA_TABLE) for rule in rules)}:
            for route in self._list(_RTM_GETROUTE, family, table):
                if _is_our_route(route, address):
                    self._remove(_as_removal(route, _RTM_DELROUTE))
        for rule in rules:
            self._remove(_as_removal(rule, _RTM_DELRULE))

    def present(self, address: IPInterface) -> bool:
        """Return whether a rule of ours is there for an address, as far as the kernel can be asked.

        Args:
            address: which.
        """
        try:
            return any(_is_our_rule(rule, address) for rule in self._list(_RTM_GETRULE, _family(address)))
        except OSError:
            return True

    def _sweep_once(self, requests: Requests) -> None:
        if requests.address not in self._swept:
            self.sweep(requests.address, requests.table)
            self._swept.add(requests.address)

    def _has(self, requests: Requests, wanted: bytes) -> bool:
        """Return whether the table has a route as it shall be."""
        listed = self._list(_RTM_GETROUTE, _family(requests.address), requests.table)
        return any(_essence(route) == _essence(wanted) for route in listed)

    def _add(self, request: bytes) -> bool:
        """Carry out a request to add something, and return whether it was not there.

        Raises:
            OSError: the kernel refuses.
        """
        try:
            self._netlink.request(request)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
            return False
        return True

    def _remove(self, request: bytes) -> None:
        """Carry out a removal of what may be there.

        Raises:
            OSError: the kernel refuses.
        """
        try:
            self._netlink.request(request)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise

    def _list(self, kind: int, family: int, table: int | None = None) -> list[bytes]:
        """Return all rules, or all routes of a table, as whole messages."""
        attributes: list[tuple[str, object]] = [] if table is None else [("RTA_TABLE", table)]
        message = _message("rtmsg" if kind == _RTM_GETROUTE else "fibmsg")
        message["family"] = family
        request = encode(message, type=kind, flags=NLM_F_DUMP, number=0, attributes=attributes)
        try:
            listed = self._listing.collect(request)
        except OSError as error:
            if error.errno not in _NOT_THERE:  # such a table there is not
                raise
            return []
        return [message for message in listed if table is None or _table_of(message, _RTA_TABLE) == table]


def _message(name: str) -> Any:  # noqa: ANN401 - pyroute2 has no types
    """Return an empty message; its class is loaded when somebody wants routes, for few do."""
    return getattr(importlib.import_module(f"pyroute2.netlink.rtnl.{name}"), name)()


def _route(
    kind: int,
    flags: int,
    address: IPInterface,
    network: IPNetwork | None,
    *,
    scope: int,
    owner: int,
    attributes: list[tuple[str, object]],
) -> bytes:
    message = _message("rtmsg")
    message["family"] = _family(address)
    message["proto"] = owner
    message["type"] = _UNICAST
    message["scope"] = scope if isinstance(address, IPv4Interface) else _SCOPE_UNIVERSE  # IPv6 has no scopes here
    to: list[tuple[str, object]] = []
    if network is not None:
        message["dst_len"] = network.prefixlen
        to = [("RTA_DST", str(network.network_address))]
    whole = [*to, ("RTA_PREFSRC", str(address.ip)), *attributes]
    return encode(message, type=kind, flags=NLM_F_ACK | flags, number=0, attributes=whole)


def _rule(kind: int, flags: int, address: IPInterface, table: int, priority: int | None) -> bytes:
    message = _message("fibmsg")
    message["family"] = _family(address)
    message["src_len"] = address.ip.max_prefixlen
    message["action"] = _TO_TABLE
    attributes: list[tuple[str, object]] = [
        ("FRA_SRC", str(address.ip)),
        ("FRA_TABLE", table),
        ("FRA_PROTOCOL", OWNER),
    ]
    if priority is not None:
        attributes.append(("FRA_PRIORITY", priority))
    return encode(message, type=kind, flags=NLM_F_ACK | flags, number=0, attributes=attributes)


def _family(address: IPInterface) -> int:
    return socket.AF_INET6 if isinstance(address, IPv6Interface) else socket.AF_INET


def _attributes(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the attributes behind the two headers of a rule or a route."""
    offset = _HEADER_LENGTH + _ROUTE.size
    while offset + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind, message[offset + _ATTRIBUTE.size : offset + length]
        offset += -(-length // _ALIGNMENT) * _ALIGNMENT


def _table_of(message: bytes, attribute: int) -> int:
    """Return the table of a rule or a route: both have its lowest byte at the same place in their header."""
    short: int = _ROUTE.unpack_from(message, _HEADER_LENGTH)[4]
    long = dict(_attributes(message)).get(attribute)
    return short if long is None else int(_NUMBER.unpack(long)[0])


def _is_our_rule(message: bytes, address: IPInterface) -> bool:
    source_length: int = _ROUTE.unpack_from(message, _HEADER_LENGTH)[2]
    found = dict(_attributes(message))
    from_address = found.get(_FRA_SRC) == address.ip.packed and source_length == address.ip.max_prefixlen
    return from_address and found.get(_FRA_PROTOCOL) == bytes([OWNER])


def _is_our_route(message: bytes, address: IPInterface) -> bool:
    owner: int = _ROUTE.unpack_from(message, _HEADER_LENGTH)[5]
    source = dict(_attributes(message)).get(_RTA_PREFSRC)
    # When an IPv6 address goes, the kernel takes it out of the routes that name it.
    lost_its_source = source is None and isinstance(address, IPv6Interface)
    return owner == OWNER and (source == address.ip.packed or lost_its_source)


def _essence(route: bytes) -> tuple[int, dict[int, bytes]]:
    """Return what a route says: how many bits of which destination, through what, from which source."""
    saying = (_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC)
    length: int = _ROUTE.unpack_from(route, _HEADER_LENGTH)[1]
    return length, {kind: value for kind, value in _attributes(route) if kind in saying}


def _as_removal(listed: bytes, kind: int) -> bytes:
    """Return the request that removes exactly what was listed, as ``ip route flush`` makes it."""
    request = bytearray(listed)
    _KIND_AND_FLAGS.pack_into(request, _KIND_OFFSET, kind, _NLM_F_REQUEST | NLM_F_ACK)
    return bytes(request)
