"""Follows the rules of nftables, as ``nft --json`` tells them, with one packet at a time."""

import enum
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final, TypeAlias, final

from triocarp.core.advertisement import PROTOCOL
from triocarp.doctor.facts import Json

_ARP: Final = "arp"
_DEPTH_MAX: Final = 16
_IP_FAMILIES: Final = frozenset({"ip", "inet"})
_TTL: Final = 255

_ORDERS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

Value: TypeAlias = str | int
Field: TypeAlias = tuple[str, ...]
"""What a rule may look at: ``payload`` with protocol and field, or ``meta`` with its key; as nft calls them."""


@enum.unique
class Fate(enum.Enum):
    """What becomes of a packet."""

    PASSES = "passes"
    DROPPED = "dropped"
    UNCERTAIN = "uncertain"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A packet, as rules see it.

    Attributes:
        interface: through which it comes or goes.
        families: of the chains that see it at the hooks ``input`` and ``output``.
        fields: what is known of it, by field, under each name that nft has for a value.
        shown: what it is, in words.
        rule: what a rule that is about it begins with.
        absent: protocols that it has not. A rule that looks at one of these does not match, whatever it expects.
    """

    interface: str
    families: frozenset[str]
    shown: str
    rule: str
    fields: Mapping[Field, frozenset[Value]]
    absent: frozenset[str]


def advertisement(interface: str, destination: str) -> Packet:
    """Return an IPv4 advertisement.

    Args:
        interface: through which it comes or goes.
        destination: address.
    """
    protocol: frozenset[Value] = frozenset({PROTOCOL, "carp", "vrrp"})
    fields: dict[Field, frozenset[Value]] = {
        ("payload", "ip", "version"): frozenset({4}),
        ("payload", "ip", "protocol"): protocol,
        ("payload", "ip", "daddr"): frozenset({destination}),
        ("payload", "ip", "ttl"): frozenset({_TTL}),
        ("payload", "ether", "type"): _of_two_bytes("ip", 0x0800),
        ("meta", "protocol"): _of_two_bytes("ip", 0x0800),
        ("meta", "nfproto"): frozenset({"ipv4", 2}),
        ("meta", "l4proto"): protocol,
        **_through(interface),
    }
    absent = frozenset({"tcp", "udp", "icmp", "icmpv6", "ip6", "sctp", _ARP})
    return Packet(
        interface=interface,
        families=_IP_FAMILIES,
        shown="protocol 112",
        rule="ip protocol 112",
        fields=fields,
        absent=absent,
    )


def arp(interface: str, address: str, *, reply: bool) -> Packet:
    """Return a client's question for an address, or this host's answer.

    Args:
        interface: through which it comes or goes.
        address: the virtual one.
        reply: whether it is the answer.
    """
    fields: dict[Field, frozenset[Value]] = {
        ("payload", _ARP, "operation"): _of_two_bytes(*(("reply", 2) if reply else ("request", 1))),
        ("payload", _ARP, "saddr ip" if reply else "daddr ip"): frozenset({address}),
        ("payload", "ether", "type"): _of_two_bytes(_ARP, 0x0806),
        ("meta", "protocol"): _of_two_bytes(_ARP, 0x0806),
        **_through(interface),
    }
    absent = frozenset({"tcp", "udp", "icmp", "icmpv6", "ip", "ip6", "sctp", "l4proto"})
    return Packet(
        interface=interface,
        families=frozenset({_ARP}),
        shown=f"ARP, by which clients find {address}",
        rule=f"arp operation {'reply' if reply else 'request'}",
        fields=fields,
        absent=absent,
    )


def _of_two_bytes(name: str, number: int) -> frozenset[Value]:
    """Return a number of two bytes under its names. nft 1.0.6 swaps the bytes in its JSON."""
    return frozenset({name, number, number >> 8 | (number & 0xFF) << 8})


def _through(interface: str) -> dict[Field, frozenset[Value]]:
    return {("meta", key): frozenset({interface}) for key in ("iifname", "oifname", "iif", "oif")}


def fates(ruleset: Sequence[Json], hook: str, packet: Packet) -> Iterator[tuple[str, Fate]]:
    """Yield what becomes of a packet in each base chain of a hook.

    Args:
        ruleset: the objects of ``nft -j list ruleset``.
        hook: ``ingress``, ``egress``, ``input`` or ``output``.
        packet: which.
    """
    rules: dict[tuple[str, str, str], list[Json]] = {}
    for each in ruleset:
        if "rule" in each:
            rule = each["rule"]
            rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule.get("expr", []))
    for each in ruleset:
        chain = each.get("chain", {})
        if chain.get("hook") != hook or chain.get("type") != "filter" or not _concerns(chain, packet):
            continue
        key = (chain["family"], chain["table"], chain["name"])
        fate = _fate(rules, key, packet, 0)
        if fate is None:
            fate = Fate.DROPPED if chain.get("policy") == "drop" else Fate.PASSES
        yield " ".join(key), fate


def _concerns(chain: Json, packet: Packet) -> bool:
    if chain["hook"] not in {"ingress", "egress"}:
        return chain["family"] in packet.families
    if chain["family"] not in packet.families | {"netdev"}:  # that of the family inet sees IP alone
        return False
    devices = chain.get("dev", [])
    return packet.interface in ([devices] if isinstance(devices, str) else devices)


def _fate(
    rules: Mapping[tuple[str, str, str], list[Json]], key: tuple[str, str, str], packet: Packet, depth: int
) -> Fate | None:
    """Return what a chain does with a packet; None if it comes to its end."""
    uncertain = False
    for expressions in rules.get(key, []) if depth < _DEPTH_MAX else []:
        matches = _all_match(expressions, packet)
        if matches is False:
            continue
        fate, ends = _verdict(rules, key, expressions, packet, depth)
        if fate is None and not ends:
            continue
        if matches is None or fate is Fate.UNCERTAIN:
            uncertain = uncertain or fate is not None
            continue
        if uncertain and fate is not None:
            return Fate.UNCERTAIN
        return fate
    return Fate.UNCERTAIN if uncertain else None


def _verdict(
    rules: Mapping[tuple[str, str, str], list[Json]],
    key: tuple[str, str, str],
    expressions: Sequence[Json],
    packet: Packet,
    depth: int,
) -> tuple[Fate | None, bool]:
    """Return what a rule does with a packet that it matches, and whether the chain ends with it."""
    for expression in expressions:
        if "accept" in expression:
            return Fate.PASSES, True
        if "drop" in expression or "reject" in expression:
            return Fate.DROPPED, True
        if "return" in expression:
            return None, True
        for word in ("jump", "goto"):
            if word in expression:
                family, table, _ = key
                target = (family, table, expression[word]["target"])
                return _fate(rules, target, packet, depth + 1), word == "goto"
        if "vmap" in expression or "queue" in expression:
            return Fate.UNCERTAIN, True
    return None, False


def _all_match(expressions: Sequence[Json], packet: Packet) -> bool | None:
    """Return whether all conditions of a rule hold; None if that cannot be told."""
    answers = [_matches(expression["match"], packet) for expression in expressions if "match" in expression]
    if "limit" in {word for expression in expressions for word in expression}:
        answers.append(None)
    if False in answers:
        return False
    return None if None in answers else True


def _matches(match: Json, packet: Packet) -> bool | None:
    left, right, relation = match.get("left", {}), match.get("right"), match.get("op", "==")
    if not isinstance(left, dict):
        return None
    payload, meta = left.get("payload", {}), left.get("meta", {})
    if {payload.get("protocol"), meta.get("key")} & packet.absent:
        return False
    field = ("payload", payload.get("protocol"), payload.get("field")) if payload else ("meta", meta.get("key"))
    values = packet.fields.get(field)
    return None if values is None else _compare(values, relation, right)


def _compare(values: frozenset[Value], relation: str, right: Json) -> bool | None:
    if relation in _ORDERS:
        numbers = [value for value in values if isinstance(value, int)]
        return _ORDERS[relation](numbers[0], right) if numbers and isinstance(right, int) else None
    if relation not in {"==", "!=", "in"}:
        return None
    elements = right["set"] if isinstance(right, dict) and "set" in right else [right]
    answers = [_is(value, element) for element in elements for value in values]
    if True in answers:
        return relation != "!="
    return None if None in answers else relation == "!="


def _is(value: Value, element: Json) -> bool | None:
    """Return whether a value is what a rule names: itself, its network, its range; None if unclear."""
    if isinstance(element, dict):
        if "elem" in element:
            return _is(value, element["elem"].get("val"))
        try:
            if "prefix" in element:
                prefix = element["prefix"]
                return ip_address(value) in ip_network(f"{prefix['addr']}/{prefix['len']}")
            if "range" in element:
                least, most = map(_ordered, element["range"])
                return bool(least <= _ordered(value) <= most)
        except (ValueError, TypeError, KeyError):
            return False if isinstance(value, str) and not value[:1].isdecimal() else None
        return None
    if not isinstance(element, str | int) or (isinstance(element, str) and element.startswith("@")):
        return None
    if isinstance(element, str) and element.endswith("*"):
        return isinstance(value, str) and value.startswith(element[:-1])
    return value == element


def _ordered(value: Json) -> Json:
    """Return a bound, or what is held to one, as something that can be compared."""
    return value if isinstance(value, int) else ip_address(value)
