"""What cannot work about the configuration of one virtual host, and why."""

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from triocarp.core.advertisement import GOODBYE
from triocarp.core.authentication import KEY_LENGTH_MAX
from triocarp.core.dialect import VIRTUAL_MAC_PREFIXES, Silence, SourceMac
from triocarp.core.family import Family, IPAddress, IPInterface, family_of
from triocarp.core.problem import Problem
from triocarp.core.sealed_counter import WINDOW_LIMIT
from triocarp.core.transport import Transport

if TYPE_CHECKING:
    from triocarp.core.configuration import VirtualHostConfig

_BYTE_MAX: Final = 255
_MAC_LENGTH: Final = 6
_LIMITED_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")
_A_HOST_S: Final = "an address that a host can have"


def problems_of(config: "VirtualHostConfig") -> Iterator[Problem]:
    """Yield everything that is wrong.

    Args:
        config: with fields of the right types.
    """
    yield from _numbers(config)
    yield from _intervals(config)
    yield from _passwords(config)
    yield from _virtual_addresses(config)
    yield from _sources(config)
    yield from _transport(config)
    yield from _peers(config)
    yield from _scopes(config)
    yield from _announcements(config)
    yield from _details(config)


def _numbers(config: "VirtualHostConfig") -> Iterator[Problem]:
    dialect = config.dialect
    ranges = (
        ("vhid", config.vhid, 1, _BYTE_MAX),
        ("advbase_s", config.advbase_s, 0, _BYTE_MAX),
        ("advskew", config.advskew, 0, dialect.advskew_most),
        ("dead_ratio", config.dead_ratio, 1, _BYTE_MAX),
    )
    for setting, number, least, most in ranges:
        if not least <= number <= most:
            yield Problem(setting=setting, value=str(number), accepted=f"a number from {least} to {most}")
    for setting, duration in (
        ("preempt_delay", config.preempt_delay),
        ("hold_down", config.hold_down),
        ("announce_refresh", config.announce_refresh),
    ):
        if duration < 0:
            yield Problem(setting=setting, value=str(duration), accepted="0 nanoseconds or more")
    if not 1 <= config.seal_window <= WINDOW_LIMIT:
        yield Problem(
            setting="seal_window", value=str(config.seal_window), accepted=f"1 to {WINDOW_LIMIT} nanoseconds"
        )
    damping = config.flap_damping
    if damping is not None and (damping.losses < 1 or damping.within < 1 or damping.hold_down < 1):
        value = f"{damping.losses} within {damping.within}, hold-down {damping.hold_down}"
        yield Problem(setting="flap_damping", value=value, accepted="numbers above 0")


def _intervals(config: "VirtualHostConfig") -> Iterator[Problem]:
    dialect = config.dialect
    both = f"{config.advbase_s} with advskew {config.advskew}"
    if 0 <= config.advbase_s < dialect.advbase_least_s:
        yield Problem(
            setting="advbase_s",
            value=str(config.advbase_s),
            accepted=f"{dialect.advbase_least_s} or more in the {dialect.name} dialect: with 0 the dead time is "
            "no longer than the interval, and two hosts would take the address from each other all the time",
        )
    elif config.advbase_s == 0 and config.advskew == 0 and not dialect.zero_interval_is_least:
        yield Problem(setting="advbase_s", value=both, accepted="an interval: advbase or advskew above 0")
    if config.advbase_s == GOODBYE and config.advskew == GOODBYE:
        yield Problem(setting="advbase_s", value=both, accepted="another pair: on the wire 255/255 is a goodbye")
    if config.preempt_delay and not config.preempt:
        yield Problem(
            setting="preempt_delay", value=str(config.preempt_delay), accepted="0, or preempt to be set as well"
        )


def _passwords(config: "VirtualHostConfig") -> Iterator[Problem]:
    least = config.dialect.password_least
    for setting, password in (("password", config.password), ("other_password", config.other_password)):
        if password is not None and not least <= len(password) <= KEY_LENGTH_MAX:
            yield Problem(
                setting=setting,
                value=f"of {len(password)} bytes",
                accepted=f"{least} to {KEY_LENGTH_MAX} bytes (ucarp and BSD ifconfig: 19 at most)",
            )
    other = config.other_password
    if other is not None and config.password.rstrip(b"\0") == other.rstrip(b"\0"):  # one key to an HMAC
        yield Problem(setting="other_password", value="is the password", accepted="another one, or none")


def _virtual_addresses(config: "VirtualHostConfig") -> Iterator[Problem]:
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
    seen: set[IPAddress] = set()
    for address in config.addresses:
        ip = address.ip
        if family_of(ip) not in dialect.families:
            yield _unknown_family("addresses", ip, config)
        if _is_no_host(ip):
            yield Problem(setting="addresses", value=str(ip), accepted=_A_HOST_S)
        if ip in seen:
            yield Problem(setting="addresses", value=str(ip), accepted="each address once")
        seen.add(ip)


def _sources(config: "VirtualHostConfig") -> Iterator[Problem]:
    dialect = config.dialect
    virtual = {address.ip for address in config.addresses}
    settings = {Family.IPV4: "source", Family.IPV6: "source6"}
    for family, source in config.sources.items():
        setting = settings[family]
        if family not in dialect.families:
            yield _unknown_family(setting, source, config)
        if _is_no_host(source):
            yield Problem(setting=setting, value=str(source), accepted=_A_HOST_S)
        if source in virtual:
            yield Problem(
                setting=setting,
                value=str(source),
                accepted="the host's own address, not the virtual one: that one moves",
            )
    if not config.sources:
        yield Problem(setting="source", value="(none)", accepted="the host's own address, of IPv4 or IPv6 or both")
    elif dialect.silence is Silence.OF_EITHER_FAMILY:
        needed = {family_of(address) for address in config.addresses}
        for family in Family:
            if family in needed and family not in config.sources:
                yield Problem(
                    setting=settings[family],
                    value="(none)",
                    accepted=f"an address: there is a virtual one of {family}, and {dialect.name} hosts take over "
                    f"when they hear nothing over {family}",
                )
            if family in config.sources and family not in needed:
                yield Problem(
                    setting=settings[family],
                    value=str(config.sources[family]),
                    accepted=f"none: {dialect.name} hosts do not hear {family} without a virtual address of it",
                )


def _transport(config: "VirtualHostConfig") -> Iterator[Problem]:
    for setting, group in (("group", config.group), ("group6", config.group6)):
        if not group.is_multicast:
            yield Problem(setting=setting, value=str(group), accepted="a multicast address")
    unicast = config.transport is Transport.UNICAST
    if unicast and not config.peers:
        yield Problem(setting="peers", value="(none)", accepted="at least one: with unicast nobody else hears us")
    if not unicast and config.peers:
        yield Problem(
            setting="peers",
            value=", ".join(map(str, config.peers)),
            accepted=f"none with {config.transport.value} transport",
        )
    if not unicast and config.routed_peers:
        yield Problem(setting="routed_peers", value="yes", accepted="no, or unicast transport")


def _peers(config: "VirtualHostConfig") -> Iterator[Problem]:
    not_others = {*config.sources.values(), *(address.ip for address in config.addresses)}
    for index, peer in enumerate(config.peers):
        setting = f"peers[{index}]"
        if peer in not_others or peer in config.peers[:index] or _is_no_host(peer):
            yield Problem(setting=setting, value=str(peer), accepted="another host's own address, each once")
        elif family_of(peer) not in config.sources:
            yield Problem(
                setting=setting,
                value=str(peer),
                accepted=f"an address of a family in which we have a source; there is none of {family_of(peer)}",
            )
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
        *(("addresses", address) for address in config.addresses),
        ("source6", config.source6),
        ("group6", config.group6),
        *((f"peers[{index}]", peer) for index, peer in enumerate(config.peers)),
        *((f"unsealed_peers[{index}]", peer) for index, peer in enumerate(config.unsealed_peers)),
    )
    for setting, address in named:
        if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
            yield Problem(
                setting=setting,
                value=str(address),
                accepted=f"an address without a scope: the interface is {config.interface}",
            )


def _announcements(config: "VirtualHostConfig") -> Iterator[Problem]:
    if any(count < 1 for count in config.announce_after):
        yield Problem(
            setting="announce_after",
            value=", ".join(map(str, config.announce_after)),
            accepted="numbers of advertisements, 1 or more",
        )


def _details(config: "VirtualHostConfig") -> Iterator[Problem]:
    address = config.link_layer_address
    if address and len(address) != _MAC_LENGTH:
        yield Problem(setting="link_layer_address", value=address.hex(":"), accepted="6 bytes, or none")
    if address and not config.dialect.covers_link_layer_address:
        yield Problem(
            setting="link_layer_address",
            value=address.hex(":"),
            accepted=f"none in the {config.dialect.name} dialect: only OpenBSD signs it",
        )
    elif address and address[:-1] == VIRTUAL_MAC_PREFIXES[SourceMac.VIRTUAL] and address[-1] == config.vhid:
        yield Problem(
            setting="link_layer_address",
            value=address.hex(":"),
            accepted="none: this one is OpenBSD's default, which it does not sign",
        )
    if "@" in config.failover_group:
        yield Problem(
            setting="failover_group",
            value=config.failover_group,
            accepted="a name without @: such are the groups of virtual hosts that are alone",
        )


def _unknown_family(setting: str, ip: IPAddress, config: "VirtualHostConfig") -> Problem:
    known = " and ".join(str(family) for family in Family if family in config.dialect.families)
    return Problem(
        setting=setting,
        value=str(ip),
        accepted=f"an {known} address: the {config.dialect.name} dialect has no other",
    )


def _is_no_host(ip: IPAddress) -> bool:
    return ip.is_multicast or ip.is_unspecified or ip.is_loopback or ip == _LIMITED_BROADCAST
