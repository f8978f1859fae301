"""What cannot work about the configuration of one virtual host, and why.

Each rule looks at a few fields, and at no more than it needs, so that it can judge a draft as well: a virtual host
of which some values are not known, because what stands for them in a file cannot be read. There the rules are left
out that look at such a value. Of a list of which some elements are not known, those of `PART_RULES` look at the
others: what they find, no further element could mend.
"""

import ipaddress
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from triocarp.core.advertisement import GOODBYE
from triocarp.core.authentication import KEY_LENGTH_MAX
from triocarp.core.dialect import VIRTUAL_MAC_PREFIXES, Silence, SourceMac
from triocarp.core.family import Family, IPAddress, IPInterface, family_of
from triocarp.core.policy_routing import SYSTEM_TABLES
from triocarp.core.problem import Problem
from triocarp.core.sealed_counter import WINDOW_LIMIT
from triocarp.core.sealing import Sealing
from triocarp.core.timing import SECOND
from triocarp.core.transport import Transport

if TYPE_CHECKING:
    from triocarp.core.configuration import VirtualHostConfig

Rule: TypeAlias = "Callable[[VirtualHostConfig], Iterator[Problem]]"

DURATION_LIMIT: Final = 86400 * SECOND
"""Longest time that can be configured, in nanoseconds: a day. What is longer is a wrong unit."""

RANGES: Final = {
    "vhid": (1, 255),
    "advbase_s": (0, 255),
    "advskew": (0, 255),
    "dead_ratio": (1, 255),
    "preempt_delay": (0, DURATION_LIMIT),
    "hold_down": (0, DURATION_LIMIT),
    "announce_refresh": (0, DURATION_LIMIT),
    "seal_window": (1, WINDOW_LIMIT),
    "routing_table": (0, 2**32 - 1),
}
"""The least and the most of each number. A dialect may allow less."""

ANNOUNCE_AFTER_RANGE: Final = (1, 65535)
"""The least and the most of each number of advertisements after which an announcement is repeated."""

ROUTING_RANGES: Final = {"rule_priority": (0, 2**32 - 1), "routing_prefix_length": (1, 32)}
"""The least and the most of numbers that need not be given."""

_DURATIONS: Final = frozenset({"preempt_delay", "hold_down", "announce_refresh", "seal_window"})
_MAC_LENGTH: Final = 6
_LIMITED_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")
_POINT_TO_POINT: Final = 31
"""Networks of this prefix length and more have neither a network nor a broadcast address (RFC 3021)."""

_A_HOST_S: Final = "an address that a host can have"
_ANOTHER_S: Final = "another host's own address, each once"
_NOT_VIRTUAL: Final = "the host's own address, not the virtual one: that one moves"
_SOURCES: Final = {Family.IPV4: "source", Family.IPV6: "source6"}


def problems_of(config: "VirtualHostConfig") -> Iterator[Problem]:
    """Yield everything that is wrong.

    Args:
        config: with fields of the right types.
    """
    for rule in RULES:
        yield from rule(config)


def problems_of_draft(whole: "VirtualHostConfig", parts: "VirtualHostConfig") -> Iterator[Problem]:
    """Yield everything that is wrong whatever the values are that are not known.

    Args:
        whole: has the fields that are known, and not the others.
        parts: has those as well of which only some elements are known, with these.
    """
    for rule in RULES:
        try:
            found = tuple(rule(parts if rule in PART_RULES else whole))
        except AttributeError:  # the rule looks at a field that is not known
            continue
        yield from found


def _in_range(setting: str) -> Rule:
    least, most = RANGES[setting]
    unit = "nanoseconds" if setting in _DURATIONS else "a number"

    def rule(config: "VirtualHostConfig") -> Iterator[Problem]:
        number: int = getattr(config, setting)
        top = min(most, config.dialect.advskew_most) if setting == "advskew" else most
        if not least <= number <= top:
            yield Problem(setting=setting, value=str(number), accepted=f"{unit} from {least} to {top}")

    return rule


def _flap_damping(config: "VirtualHostConfig") -> Iterator[Problem]:
    damping = config.flap_damping
    if damping is not None and (damping.losses < 1 or damping.within < 1 or damping.hold_down < 1):
        value = f"{damping.losses} within {damping.within}, hold-down {damping.hold_down}"
        yield Problem(setting="flap_damping", value=value, accepted="numbers above 0")


def _interval_of_nothing(config: "VirtualHostConfig") -> Iterator[Problem]:
    dialect = config.dialect
    if 0 <= config.advbase_s < dialect.advbase_least_s:
        yield Problem(
            setting="advbase_s",
            value=str(config.advbase_s),
            accepted=f"{dialect.advbase_least_s} or more in the {dialect.name} dialect: with 0 the dead time is "
            "no longer than the interval, and two hosts would take the address from each other all the time",
        )
    elif config.advbase_s == 0 and config.advskew == 0 and not dialect.zero_interval_is_least:
        yield Problem(setting="advbase_s", value=_both(config), accepted="an interval: advbase or advskew above 0")


def _goodbye(config: "VirtualHostConfig") -> Iterator[Problem]:
    if config.advbase_s == GOODBYE and config.advskew == GOODBYE:
        yield Problem(
            setting="advbase_s", value=_both(config), accepted="another pair: on the wire 255/255 is a goodbye"
        )


def _preempt_delay(config: "VirtualHostConfig") -> Iterator[Problem]:
    if config.preempt_delay and not config.preempt:
        yield Problem(
            setting="preempt_delay", value=str(config.preempt_delay), accepted="0, or preempt to be set as well"
        )


def _password_length(setting: str) -> Rule:
    def rule(config: "VirtualHostConfig") -> Iterator[Problem]:
        password: bytes | None = getattr(config, setting)
        least = config.dialect.password_least
        if password is not None and not least <= len(password) <= KEY_LENGTH_MAX:
            yield Problem(
                setting=setting,
                value=f"of {len(password)} bytes",
                accepted=f"{least} to {KEY_LENGTH_MAX} bytes (ucarp and BSD ifconfig: 19 at most)",
            )

    return rule


def _same_password(config: "VirtualHostConfig") -> Iterator[Problem]:
    other = config.other_password
    if other is not None and config.password.rstrip(b"\0") == other.rstrip(b"\0"):  # one key to an HMAC
        yield Problem(setting="other_password", value="is the password", accepted="another one, or none")


def _number_of_addresses(config: "VirtualHostConfig") -> Iterator[Problem]:
    dialect = config.dialect
    if not 1 <= len(config.addresses) <= dialect.addresses_max:
        exactly_one = dialect.addresses_max == 1
        kinds = " or ".join(str(family) for family in Family if family in dialect.families)
        yield Problem(
            setting="addresses",
            value=", ".join(map(str, config.addresses)) or "(none)",
            accepted=f"exactly one {kinds} address in the {dialect.name} dialect"
            if exactly_one
            else f"1 to {dialect.addresses_max} addresses",
        )


def _virtual_addresses(config: "VirtualHostConfig") -> Iterator[Problem]:
    for index, address in enumerate(config.addresses):
        accepted = ""
        if _is_no_host(address.ip):
            accepted = _A_HOST_S
        elif not address.network.prefixlen:
            accepted = "a prefix length from 1 on: with 0 everybody would seem to be on the link"
        elif _is_the_networks(address):
            accepted = f"{_A_HOST_S}: it is the network's or the broadcast address of {address.network}"
        elif address.ip in {earlier.ip for earlier in config.addresses[:index]}:
            accepted = "each address once"
        if accepted:
            yield Problem(setting=f"addresses[{index}]", value=str(address.ip), accepted=accepted)


def _families_of_addresses(config: "VirtualHostConfig") -> Iterator[Problem]:
    if len(config.addresses) > config.dialect.addresses_max:
        return  # that is told already, with the family
    for index, address in enumerate(config.addresses):
        if family_of(address) not in config.dialect.families:
            yield _unknown_family(f"addresses[{index}]", address.ip, config)


def _family_of_source(setting: str) -> Rule:
    def rule(config: "VirtualHostConfig") -> Iterator[Problem]:
        source: IPAddress | None = getattr(config, setting)
        if source is not None and family_of(source) not in config.dialect.families:
            yield _unknown_family(setting, source, config)

    return rule


def _own_source(setting: str) -> Rule:
    def rule(config: "VirtualHostConfig") -> Iterator[Problem]:
        source: IPAddress | None = getattr(config, setting)
        if source is not None and _is_no_host(source):
            yield Problem(setting=setting, value=str(source), accepted=_A_HOST_S)
        elif source in {address.ip for address in _known(config, "addresses", ())}:
            yield Problem(setting=setting, value=str(source), accepted=_NOT_VIRTUAL)

    return rule


def _some_source(config: "VirtualHostConfig") -> Iterator[Problem]:
    if not config.sources:
        yield Problem(setting="source", value="(none)", accepted="the host's own address, of IPv4 or IPv6 or both")


def _missing_source(family: Family) -> Rule:
    def rule(config: "VirtualHostConfig") -> Iterator[Problem]:
        dialect = config.dialect
        setting = _SOURCES[family]
        if dialect.silence is not Silence.OF_EITHER_FAMILY or getattr(config, setting) is not None:
            return
        if config.sources and any(family_of(address) is family for address in config.addresses):
            yield Problem(
                setting=setting,
                value="(none)",
                accepted=f"an address: there is a virtual one of {family}, and {dialect.name} hosts take over "
                f"when they hear nothing over {family}",
            )

    return rule


def _needless_source(family: Family) -> Rule:
    def rule(config: "VirtualHostConfig") -> Iterator[Problem]:
        dialect = config.dialect
        setting = _SOURCES[family]
        source: IPAddress | None = getattr(config, setting)
        if source is None or dialect.silence is not Silence.OF_EITHER_FAMILY:
            return
        if all(family_of(address) is not family for address in config.addresses):
            yield Problem(
                setting=setting,
                value=str(source),
                accepted=f"none: {dialect.name} hosts do not hear {family} without a virtual address of it",
            )

    return rule


def _is_group(setting: str) -> Rule:
    def rule(config: "VirtualHostConfig") -> Iterator[Problem]:
        group: IPAddress = getattr(config, setting)
        if not group.is_multicast:
            yield Problem(setting=setting, value=str(group), accepted="a multicast address")

    return rule


def _needs_peers(config: "VirtualHostConfig") -> Iterator[Problem]:
    unicast = config.transport is Transport.UNICAST
    if unicast and not config.peers:
        yield Problem(setting="peers", value="(none)", accepted="at least one: with unicast nobody else hears us")
    if not unicast and config.peers:
        yield Problem(
            setting="peers",
            value=", ".join(map(str, config.peers)),
            accepted=f"none with {config.transport.value} transport",
        )


def _routed_peers(config: "VirtualHostConfig") -> Iterator[Problem]:
    if config.routed_peers and config.transport is not Transport.UNICAST:
        yield Problem(setting="routed_peers", value="yes", accepted="no, or unicast transport")


def _others(config: "VirtualHostConfig") -> Iterator[Problem]:
    for index, peer in enumerate(config.peers):
        if _is_no_other(config, index):
            yield Problem(setting=f"peers[{index}]", value=str(peer), accepted=_ANOTHER_S)


def _family_of_peer(config: "VirtualHostConfig") -> Iterator[Problem]:
    for index, peer in enumerate(config.peers):
        family = family_of(peer)
        if getattr(config, _SOURCES[family]) is None and not _is_no_other(config, index):
            yield Problem(
                setting=f"peers[{index}]",
                value=str(peer),
                accepted=f"an address of a family in which we have a source; there is none of {family}",
            )


def _peer_of_family(config: "VirtualHostConfig") -> Iterator[Problem]:
    heard = {family_of(peer) for peer in config.peers}
    for family in config.sources:
        if heard and family not in heard:
            yield Problem(
                setting="peers",
                value=", ".join(map(str, config.peers)),
                accepted=f"one of {family} as well, since there is a source of it: nobody would be heard over it",
            )


def _scopes(config: "VirtualHostConfig") -> Iterator[Problem]:
    """Yield addresses with a scope, as in ``fe80::1%eth0``: what comes from the wire has none, and is no match."""
    named: tuple[tuple[str, IPAddress | IPInterface | None], ...] = (
        *((setting, _known(config, setting, None)) for setting in ("source6", "group6")),
        *(
            (f"{setting}[{index}]", address)
            for setting in ("addresses", "peers", "unsealed_peers", "gateways")
            for index, address in enumerate(_known(config, setting, ()))
        ),
    )
    interface: str = _known(config, "interface", "another setting")
    for setting, address in named:
        if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
            yield Problem(
                setting=setting,
                value=str(address),
                accepted=f"an address without a scope: the interface is {interface}",
            )


def _announcements(config: "VirtualHostConfig") -> Iterator[Problem]:
    least, most = ANNOUNCE_AFTER_RANGE
    for index, count in enumerate(config.announce_after):
        if not least <= count <= most:
            yield Problem(
                setting=f"announce_after[{index}]",
                value=str(count),
                accepted=f"a number of advertisements from {least} to {most}",
            )


def _link_layer_address_length(config: "VirtualHostConfig") -> Iterator[Problem]:
    address = config.link_layer_address
    if address and len(address) != _MAC_LENGTH:
        yield Problem(setting="link_layer_address", value=address.hex(":"), accepted="6 bytes, or none")


def _link_layer_address(config: "VirtualHostConfig") -> Iterator[Problem]:
    address = config.link_layer_address
    if not address:
        return
    if not config.dialect.covers_link_layer_address:
        yield Problem(
            setting="link_layer_address",
            value=address.hex(":"),
            accepted=f"none in the {config.dialect.name} dialect: only OpenBSD signs it",
        )
    elif address[:-1] == VIRTUAL_MAC_PREFIXES[SourceMac.VIRTUAL] and address[-1] == config.vhid:
        yield Problem(
            setting="link_layer_address",
            value=address.hex(":"),
            accepted="none: this one is OpenBSD's default, which it does not sign",
        )


def _unsealed_peers(config: "VirtualHostConfig") -> Iterator[Problem]:
    if config.unsealed_peers and config.sealing is Sealing.OFF:
        yield Problem(
            setting="unsealed_peers",
            value=", ".join(map(str, config.unsealed_peers)),
            accepted="none, or sealing to observe or enforce: nobody's seal is looked at while it is off",
        )


def _failover_group(config: "VirtualHostConfig") -> Iterator[Problem]:
    if "@" in config.failover_group:
        yield Problem(
            setting="failover_group",
            value=config.failover_group,
            accepted="a name without @: such are the groups of virtual hosts that are alone",
        )


def _in_range_if_given(setting: str) -> Rule:
    least, most = ROUTING_RANGES[setting]

    def rule(config: "VirtualHostConfig") -> Iterator[Problem]:
        number: int | None = getattr(config, setting)
        if number is not None and not least <= number <= most:
            yield Problem(setting=setting, value=str(number), accepted=f"a number from {least} to {most}")

    return rule


def _system_table(config: "VirtualHostConfig") -> Iterator[Problem]:
    name = SYSTEM_TABLES.get(config.routing_table)
    if name is not None:
        yield Problem(
            setting="routing_table",
            value=str(config.routing_table),
            accepted=f"a table of its own: this is the system's table {name}",
        )


def _table_with_hooks(config: "VirtualHostConfig") -> Iterator[Problem]:
    if config.routing_table and not config.manages_addresses:
        yield Problem(
            setting="routing_table",
            value=str(config.routing_table),
            accepted="none: with scripts they put on addresses and routes",
        )


def _missing_table(config: "VirtualHostConfig") -> Iterator[Problem]:
    wanting = [name for name in (*ROUTING_RANGES, "gateways") if getattr(config, name) not in {None, ()}]
    if wanting and not config.routing_table:
        yield Problem(setting="routing_table", value="0", accepted=f"a table, for {' and '.join(wanting)}")


def _gateways(config: "VirtualHostConfig") -> Iterator[Problem]:
    virtual = {address.ip for address in config.addresses}
    for index, gateway in enumerate(config.gateways):
        family = family_of(gateway)
        accepted = ""
        if _is_no_host(gateway) or gateway in virtual:
            accepted = "the address of a router"
        elif family in map(family_of, config.gateways[:index]):
            accepted = f"one gateway of {family}"
        elif family not in map(family_of, config.addresses):
            accepted = f"none of {family}: there is no virtual address of it"
        if accepted:
            yield Problem(setting=f"gateways[{index}]", value=str(gateway), accepted=accepted)


PART_RULES: Final[tuple[Rule, ...]] = (
    _virtual_addresses,
    _families_of_addresses,
    *map(_own_source, _SOURCES.values()),
    _others,
    _scopes,
    _announcements,
)
"""What may be wrong with a single element, or with what is known, whatever the rest is."""

RULES: Final[tuple[Rule, ...]] = (
    *map(_in_range, RANGES),
    _flap_damping,
    _interval_of_nothing,
    _goodbye,
    _preempt_delay,
    _password_length("password"),
    _password_length("other_password"),
    _same_password,
    _number_of_addresses,
    *PART_RULES,
    *map(_family_of_source, _SOURCES.values()),
    _some_source,
    *(of_family(family) for family in Family for of_family in (_missing_source, _needless_source)),
    _is_group("group"),
    _is_group("group6"),
    _needs_peers,
    _routed_peers,
    _family_of_peer,
    _peer_of_family,
    _link_layer_address_length,
    _link_layer_address,
    _unsealed_peers,
    _failover_group,
    *map(_in_range_if_given, ROUTING_RANGES),
    _system_table,
    _table_with_hooks,
    _missing_table,
    _gateways,
)
"""All that may be wrong, in the order in which it is told."""


def _known(config: "VirtualHostConfig", setting: str, otherwise: Any) -> Any:  # noqa: ANN401 - of any field
    """Return a field, or something else where it is not known."""
    return getattr(config, setting, otherwise)


def _is_no_other(config: "VirtualHostConfig", index: int) -> bool:
    """Return whether a peer is ourselves, as far as we are known, or no host, or there already."""
    peer = config.peers[index]
    own = {_known(config, setting, None) for setting in _SOURCES.values()}
    own |= {address.ip for address in _known(config, "addresses", ())}
    return peer in own or peer in config.peers[:index] or _is_no_host(peer)


def _both(config: "VirtualHostConfig") -> str:
    return f"{config.advbase_s} with advskew {config.advskew}"


def _unknown_family(setting: str, ip: IPAddress, config: "VirtualHostConfig") -> Problem:
    known = " and ".join(str(family) for family in Family if family in config.dialect.families)
    return Problem(
        setting=setting,
        value=str(ip),
        accepted=f"an {known} address: the {config.dialect.name} dialect has no other",
    )


def _is_no_host(ip: IPAddress) -> bool:
    return ip.is_multicast or ip.is_unspecified or ip.is_loopback or ip == _LIMITED_BROADCAST


def _is_the_networks(address: IPInterface) -> bool:
    """Return whether an IPv4 address is all zeros or all ones behind its prefix; IPv6 has no such addresses."""
    network = address.network
    if family_of(address) is Family.IPV6 or network.prefixlen >= _POINT_TO_POINT:
        return False
    return address.ip in (network.network_address, network.broadcast_address)
