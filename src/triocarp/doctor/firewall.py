"""Does the packet filter of this host drop advertisements?

Packet sockets hear and speak outside of the IP layer: the hooks input and output of nftables and of iptables do
not see what they carry. What counts is the interface's own hooks, ingress and egress; and output for unicast
peers, whose packets go over the system's routes.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from triocarp.core import Transport, VirtualHostConfig
from triocarp.core.advertisement import PROTOCOL
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts, Json
from triocarp.doctor.finding import Finding, Verdict

_CHECK: Final = "firewall"
_PROTOCOL_NAMES: Final = frozenset({PROTOCOL, "carp", "vrrp"})
_DEPTH_MAX: Final = 16
_IP_FAMILIES: Final = frozenset({"ip", "inet"})


@enum.unique
class Fate(enum.Enum):
    """What becomes of a packet."""

    PASSES = "passes"
    DROPPED = "dropped"
    UNCERTAIN = "uncertain"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """An IPv4 advertisement, as rules see it.

    Attributes:
        interface: through which it comes or goes.
        destination: address.
    """

    interface: str
    destination: str


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield which chains drop advertisements.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    for host in settings.node.virtual_hosts:
        yield from _of_host(host, facts)


def _of_host(host: VirtualHostConfig, facts: Facts) -> Iterator[Finding]:
    firewall = facts.firewall
    unicast = host.transport is Transport.UNICAST
    if unicast and firewall.legacy:
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.UNKNOWN,
            found=f"the older iptables has tables ({', '.join(firewall.legacy)}), which are not looked at",
            mend="look whether iptables-legacy -S OUTPUT lets protocol 112 go",
        )
    if firewall.ruleset is None:
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.UNKNOWN,
            found=f"the rules could not be read: {firewall.why_not}",
            mend="look at nft list ruleset yourself: only ingress, egress and, to peers, output matter",
        )
        return
    hooks = {"ingress": host.group, "egress": host.group, **({"output": host.peers[0]} if unicast else {})}
    found: list[Finding] = []
    for hook, destination in hooks.items():
        packet = Packet(interface=host.interface, destination=str(destination))
        for name, fate in fates(firewall.ruleset, hook, packet):
            found += _told(host.interface, hook, name, fate)
    yield from found
    if not found:
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.FINE,
            found="no rule stands in the way of advertisements; input does not matter to packet sockets",
        )


def _told(interface: str, hook: str, chain: str, fate: Fate) -> Iterator[Finding]:
    if fate is Fate.DROPPED:
        yield Finding(
            check=_CHECK,
            about=interface,
            verdict=Verdict.MEND,
            found=f"the chain {chain} (hook {hook}) drops protocol 112",
            mend=f"nft insert rule {chain} ip protocol 112 accept",
        )
    elif fate is Fate.UNCERTAIN:
        yield Finding(
            check=_CHECK,
            about=interface,
            verdict=Verdict.UNKNOWN,
            found=f"whether the chain {chain} (hook {hook}) drops protocol 112 depends on what is not looked at",
            mend=f"to be sure: nft insert rule {chain} ip protocol 112 accept",
        )


def fates(ruleset: Sequence[Json], hook: str, packet: Packet) -> Iterator[tuple[str, Fate]]:
    """Yield what becomes of a packet in each base chain of a hook.

    Args:
        ruleset: the objects of ``nft -j list ruleset``.
        hook: ``ingress``, ``egress`` or ``output``.
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
        return chain["family"] in _IP_FAMILIES
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
    left, right, operator = match.get("left", {}), match.get("right"), match.get("op")
    if not isinstance(left, dict) or operator not in {"==", "!=", "in"}:
        return None
    answer = _equals(left, right, packet)
    return answer if answer is None or operator != "!=" else not answer


def _equals(left: Json, right: Json, packet: Packet) -> bool | None:
    elements = right["set"] if isinstance(right, dict) and "set" in right else [right]
    if not all(isinstance(element, str | int) for element in elements):
        return None
    if isinstance(right, str) and right.startswith("@"):
        return None
    payload, meta = left.get("payload", {}), left.get("meta", {})
    if (payload.get("protocol"), payload.get("field")) == ("ip", "protocol") or meta.get("key") == "l4proto":
        return bool(_PROTOCOL_NAMES & set(elements))
    if (payload.get("protocol"), payload.get("field")) == ("ip", "daddr"):
        return packet.destination in elements
    if payload.get("protocol") in {"tcp", "udp", "icmp", "icmpv6", "ip6", "arp", "sctp"}:
        return False
    if meta.get("key") in {"iifname", "oifname"}:
        return packet.interface in elements
    return None
