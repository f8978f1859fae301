"""Lines of a journal: any that can be, drawn from the types, and one of each kind for people."""

import enum
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from triocarp.core import (
    CARPD,
    OPENBSD,
    AddressChanged,
    Announce,
    Cause,
    CloseCall,
    DemotionRequested,
    Dialect,
    DropReason,
    Effect,
    EffectFailed,
    Event,
    Family,
    FlapDamping,
    ForgedReceived,
    HealthChanged,
    HoldAddresses,
    Hook,
    HookFinished,
    HookOutcome,
    IPInterface,
    Link,
    LinkChanged,
    MaintenanceChanged,
    NodeConfig,
    Notice,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    PacketReceived,
    PacketUnreadable,
    PortFailure,
    ReleaseAddresses,
    RenewAddresses,
    RunHook,
    Saying,
    Sealing,
    SendAdvertisement,
    SourceMac,
    Started,
    State,
    StateChanged,
    Stopped,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    Transport,
    TwoMasters,
    VirtualHostConfig,
    WallClockChanged,
)
from triocarp.core.journal import Entry, Gap, Header, Line
from triocarp.core.timing import SECOND


def classes_of(union: object) -> tuple[type[Any], ...]:
    """Return the classes of a union."""
    return get_args(union)


# Values drawn from the types alone.

SIMPLE: Final[Mapping[object, st.SearchStrategy[object]]] = {
    NoneType: st.none(),
    bool: st.booleans(),
    int: st.integers() | st.integers(-(2**70), 2**70),
    str: st.text(),
    bytes: st.binary(),
    IPv4Address: st.ip_addresses(v=4),
    IPv6Address: st.ip_addresses(v=6)
    | st.sampled_from([IPv6Address("fe80::1%eth0"), IPv6Address("::ffff:0.1.2.3")]),
    IPv4Interface: st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(IPv4Interface),
    IPv6Interface: st.tuples(st.ip_addresses(v=6), st.integers(0, 128)).map(IPv6Interface),
}


def values_of(hint: object) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a type."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of([values_of(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, arguments))
    if origin is frozenset:
        return st.frozensets(values_of(arguments[0]))
    assert isinstance(hint, type)
    if issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    assert is_dataclass(hint)
    hints = get_type_hints(hint)
    return st.builds(hint, **{field.name: values_of(hints[field.name]) for field in fields(hint)})


PASSWORDS = st.binary(min_size=5, max_size=17).map(lambda rest: b"~p~" + rest)
NAMES = st.text(alphabet='eth0.-"\\\u20ac ')
ADDRESSES: Final[tuple[IPInterface, ...]] = (
    IPv4Interface("10.0.0.100/24"),
    IPv6Interface("2001:db8::100/64"),
    IPv6Interface("fe80::100/64"),
    IPv4Interface("192.0.2.1/32"),
)
HOSTS = (IPv4Address("10.0.0.6"), IPv6Address("fe80::6"), IPv4Address("10.0.0.7"))
DURATIONS = st.integers(0, 10**12)


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    """Return one of ours, or one that nobody knows."""
    known = draw(st.sampled_from([CARPD, OPENBSD]))
    tos, name, rule = draw(values_of(int)), draw(st.text()), draw(values_of(bool))
    own = replace(known, name=name, tos=tos, last_advertisement_on_yield=rule)
    return draw(st.sampled_from([known, replace(own, name=known.name), own]))


@st.composite
def virtual_hosts(draw: st.DrawFn, vhid: int) -> VirtualHostConfig:
    """Return a virtual host that can work, with every field other than its default in some of them."""
    unicast = draw(st.booleans())
    dialect = draw(dialects())
    openbsd = dialect.covers_link_layer_address
    preempt = draw(st.booleans())
    sealing = draw(st.sampled_from(Sealing))
    routed = draw(st.booleans())
    return VirtualHostConfig(
        interface=f"{draw(NAMES)}{vhid}",
        vhid=vhid,
        password=draw(PASSWORDS),
        other_password=draw(st.sampled_from([None, b"the other one"])),
        addresses=tuple(
            replace_last(address, vhid)
            for address in draw(st.permutations(ADDRESSES))
            if address.version == 4 or openbsd
        ),
        source=IPv4Address("10.0.0.5"),
        source6=IPv6Address("fe80::5") if openbsd or unicast else None,
        transport=Transport.UNICAST
        if unicast
        else draw(st.sampled_from([Transport.MULTICAST, Transport.BROADCAST])),
        group=IPv4Address("239.0.0.0") + draw(st.integers(0, 999)),
        group6=IPv6Address("ff02::") + draw(st.integers(0, 999)),
        peers=HOSTS if unicast else (),
        routed_peers=unicast and draw(st.booleans()),
        source_mac=draw(st.none() | st.sampled_from(SourceMac)),
        link_layer_address=draw(st.binary(min_size=6, max_size=6)) if openbsd else b"",
        advbase_s=draw(st.integers(1, 254)),
        advskew=draw(st.integers(0, 254)),
        dead_ratio=draw(st.integers(1, 255)),
        preempt=preempt,
        preempt_delay=draw(DURATIONS) if preempt else 0,
        hold_down=draw(DURATIONS),
        flap_damping=draw(st.none() | st.builds(FlapDamping, losses=st.integers(1, 9))),
        neutral=draw(st.booleans()),
        ignore_carrier=draw(st.booleans()),
        manages_addresses=routed or draw(st.booleans()),
        up_hook=draw(st.booleans()),
        down_hook=draw(st.booleans()),
        routing_table=vhid if routed else 0,
        rule_priority=draw(st.none() | st.integers(0, 9)) if routed else None,
        routing_prefix_length=draw(st.none() | st.integers(1, 32)) if routed else None,
        gateways=draw(st.sampled_from([(), (IPv4Address("10.0.0.254"),)])) if routed else (),
        announce_after=draw(st.lists(st.integers(1, 9)).map(tuple)),
        announce_refresh=draw(DURATIONS),
        announces_router=draw(st.booleans()),
        failover_group=draw(NAMES),
        sealing=sealing,
        seal_window=draw(st.integers(1, 10**10)),
        unsealed_peers=() if sealing is Sealing.OFF else tuple(draw(st.lists(st.sampled_from(HOSTS)))),
        dialect=dialect,
    )


def replace_last(address: IPInterface, vhid: int) -> IPInterface:
    """Return an address that no other virtual host has."""
    return type(address)((address.ip + vhid, address.network.prefixlen))


def together(*hosts: VirtualHostConfig) -> NodeConfig:
    """Return the configuration of a machine, in which failover groups agree about seals."""
    first = hosts[0]
    return NodeConfig(
        virtual_hosts=tuple(
            replace(
                host,
                sealing=first.sealing,
                seal_window=first.seal_window,
                unsealed_peers=() if first.sealing is Sealing.OFF else host.unsealed_peers,
            )
            if host.failover_group == first.failover_group
            else host
            for host in hosts
        )
    )


CONFIGS = st.builds(together, virtual_hosts(1)) | st.builds(together, virtual_hosts(2), virtual_hosts(3))
HEADERS = st.builds(
    Header,
    **{name: values_of(hint) for name, hint in get_type_hints(Header).items() if name != "config"},
    config=CONFIGS,
)
LINES: st.SearchStrategy[Line] = values_of(Entry) | values_of(Gap) | HEADERS


# One line of each kind, and one value of each class: docs/journal.md shows them.

_VIRTUAL: Final = IPv4Interface("10.0.0.100/24")
_PEER: Final = IPv4Address("10.0.0.9")
_GROUP: Final = IPv4Address("224.0.0.18")
_BEGIN: Final = 91_000_000_000_000
_ADVERTISEMENT: Final = bytes.fromhex(
    "45100038000040 00ff70".replace(" ", "")
    + "cfe80a000005e0000012"
    + "2107000701010000"
    + "00112233445566778899aabbccddeeff00112233445566778899aabb"
)
_GOODBYE: Final = _ADVERTISEMENT[:22] + b"\xff\x07\x00\xff" + _ADVERTISEMENT[26:]
_ADVERTISED: Final = SendAdvertisement(
    interface="eth0",
    vhid=7,
    saying=Saying.REGULAR,
    destination=_GROUP,
    ethernet_header=bytes.fromhex("01005e00001200005e0000070800"),
    packet=_ADVERTISEMENT,
)
_RENEWED: Final = RenewAddresses(interface="eth0", vhid=7, addresses=(_VIRTUAL,), lease_s=3)
_RELEASED: Final = ReleaseAddresses(interface="eth0", vhid=7, addresses=(_VIRTUAL,))


def _heard(ttl: int = 255) -> PacketReceived:
    payload = _ADVERTISEMENT[20:]
    return PacketReceived(interface="eth0", source=_PEER, destination=_GROUP, ttl=ttl, payload=payload)


_BECAME_BACKUP: Final = StateChanged(
    interface="eth0", vhid=7, old=State.INIT, new=State.BACKUP, cause=Cause.LINK_UP
)


_HAPPENED: Final[tuple[tuple[Event, tuple[Effect, ...]], ...]] = (
    (Started(), ()),
    (
        LinkChanged(interface="eth0", link=Link.UP, hardware_address=bytes.fromhex("020000000005")),
        (_BECAME_BACKUP,),
    ),
    (WallClockChanged(offset=1_767_225_600_000_000_000), ()),
    (
        AddressChanged(interface="eth0", address=_VIRTUAL, present=True),
        (
            _RELEASED,
            Noticed(interface="eth0", vhid=7, notice=Notice.ADDRESS_REMOVED, detail="10.0.0.100"),
        ),
    ),
    (
        _heard(),
        (CloseCall(interface="eth0", vhid=7, peer=_PEER, silence=2 * SECOND, margin=SECOND),),
    ),
    (
        _heard(ttl=64),
        (
            PacketDropped(
                interface="eth0", reason=DropReason.BAD_TTL, source=_PEER, vhid=7, destination=_GROUP, ttl=64
            ),
        ),
    ),
    (
        PacketUnreadable(interface="eth0", reason=DropReason.FRAGMENT, source=IPv6Address("fe80::9")),
        (PacketDropped(interface="eth0", reason=DropReason.FRAGMENT, source=IPv6Address("fe80::9")),),
    ),
    (
        ForgedReceived(interface="eth0", vhid=7, family=Family.IPV4, count=64),
        (PacketDropped(interface="eth0", reason=DropReason.BAD_AUTHENTICATION, vhid=7, count=64),),
    ),
    (
        TimerExpired(),
        (
            StateChanged(
                interface="eth0",
                vhid=7,
                old=State.BACKUP,
                new=State.MASTER,
                cause=Cause.MASTER_TIMED_OUT,
                peer=_PEER,
                silence=3 * SECOND,
                rejected=((DropReason.BAD_TTL, 1),),
            ),
            HoldAddresses(interface="eth0", vhid=7, addresses=(_VIRTUAL,), lease_s=3),
            RunHook(interface="eth0", vhid=7, hook=Hook.UP),
        ),
    ),
    (
        HookFinished(
            interface="eth0", vhid=7, hook=Hook.UP, outcome=HookOutcome.SUCCEEDED, detail="/etc/up: exit status 0"
        ),
        (
            Announce(
                interface="eth0",
                vhid=7,
                address=_VIRTUAL,
                frame=bytes.fromhex(
                    "ffffffffffff020000000005080600010800060400010200000000050a0000640000000000000a000064"
                ),
            ),
            _ADVERTISED,
        ),
    ),
    (TimerExpired(), (_ADVERTISED, _RENEWED)),
    (
        EffectFailed(effect=_RENEWED, failure=PortFailure.NO_BUFFER, detail="No buffer space available"),
        (
            Noticed(
                interface="eth0",
                vhid=7,
                notice=Notice.RENEWAL_FAILED,
                failure=PortFailure.NO_BUFFER,
                detail="No buffer space available",
            ),
        ),
    ),
    (
        _heard(),
        (
            TwoMasters(interface="eth0", vhid=7, peer=_PEER, other=None, since=_BEGIN),
            OneWaySuspected(interface="eth0", vhid=7, peer=_PEER, advertisements=3, since=_BEGIN),
        ),
    ),
    (HealthChanged(check="http", healthy=True), ()),
    (DemotionRequested(amount=0), ()),
    (MaintenanceChanged(active=False, failover_group="web"), ()),
    (SwitchOverRequested(hold_down=3 * SECOND), ()),
    (StopRequested(), (_RELEASED, replace(_ADVERTISED, saying=Saying.GOODBYE, packet=_GOODBYE))),
    (TimerExpired(), (Stopped(),)),
)

EXAMPLES: Final[tuple[Line, ...]] = (
    Header(
        triocarp="0.1.0",
        seed=4711,
        clock="CLOCK_BOOTTIME",
        unix_offset=1_767_225_600_000_000_000,
        config=NodeConfig(
            virtual_hosts=(
                VirtualHostConfig(
                    interface="eth0",
                    vhid=7,
                    password=b"secret",
                    addresses=(_VIRTUAL,),
                    source=IPv4Address("10.0.0.5"),
                    flap_damping=FlapDamping(),
                    up_hook=True,
                ),
            )
        ),
    ),
    *(
        Entry(n=number, at=_BEGIN + number * SECOND, event=event, effects=effects)
        for number, (event, effects) in enumerate(_HAPPENED, 1)
    ),
    Gap(n=len(_HAPPENED) + 1, gap=2, why="No space left on device"),
)
"""A header, entries with each event and each effect, and a gap."""
