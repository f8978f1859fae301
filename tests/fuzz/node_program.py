"""Runs bytes as a program: a configuration, and then what happens to a node that has it."""

import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final

from tests.fuzz.byte_source import ByteSource
from tests.fuzz.witness import Witness
from triocarp.core import (
    DIALECTS,
    AddressChanged,
    Advertisement,
    ConfigurationError,
    DemotionRequested,
    Event,
    Family,
    HealthChanged,
    Hook,
    HookFinished,
    HookOutcome,
    IPAddress,
    Keyring,
    Link,
    LinkChanged,
    MaintenanceChanged,
    Node,
    NodeConfig,
    PacketReceived,
    Sealing,
    Started,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    Transport,
    VirtualHostConfig,
    WallClockChanged,
    read_datagram,
)
from triocarp.core.timing import SECOND

STEPS_MAX: Final = 200
"""More steps teach a fuzzer nothing, and cost it time."""

_MAC: Final = bytes.fromhex("020000000005")
_PASSWORD: Final = b"secret"
_PLAIN: Final = VirtualHostConfig(
    interface="eth0",
    vhid=7,
    password=_PASSWORD,
    addresses=(IPv4Interface("10.0.0.100/24"),),
    source=IPv4Address("10.0.0.5"),
)
_PEERS: Final[tuple[IPAddress, ...]] = (
    IPv4Address("10.0.0.9"),
    IPv4Address("10.0.0.1"),
    IPv6Address("fe80::9"),
    IPv4Address("10.0.0.5"),
)


def run_program(data: bytes) -> None:
    """Run a program, and raise if the node breaks a promise.

    Args:
        data: the program.
    """
    source = ByteSource(data)
    config = _configuration(source)
    if config is None:
        return
    node = Node(NodeConfig(virtual_hosts=(config,)), rng=random.Random(1))  # noqa: S311 - it must repeat itself
    witness = Witness(node, config, failing=lambda: source.number(1) < 16)
    witness.feed(Started())
    for _ in range(STEPS_MAX):
        if not source.left:
            break
        witness.pass_time(_duration(source, node, witness.now))
        witness.feed(_event(source, config))
    witness.leave()


def _configuration(source: ByteSource) -> VirtualHostConfig | None:
    """Return a configuration, or None for one that is refused, as a real one would be."""
    dialect = source.choose(tuple(DIALECTS.values()))
    dual = source.choose((False, True))
    flags = source.number(1)
    try:
        return replace(
            _PLAIN,
            dialect=dialect,
            addresses=(*_PLAIN.addresses, IPv6Interface("2001:db8::100/64")) if dual else _PLAIN.addresses,
            source6=IPv6Address("fe80::5") if dual else None,
            advbase_s=source.choose((1, 0, 2)),
            advskew=source.choose((0, 1, 100, 254)),
            dead_ratio=source.choose((3, 1)),
            preempt=bool(flags & 1),
            neutral=bool(flags & 2),
            ignore_carrier=bool(flags & 4),
            up_hook=bool(flags & 8),
            down_hook=bool(flags & 16),
            transport=Transport.UNICAST if flags & 32 else Transport.MULTICAST,
            peers=(IPv4Address("10.0.0.9"), IPv4Address("10.0.0.1")) if flags & 32 else (),
            hold_down=5 * SECOND if flags & 64 else 0,
            sealing=source.choose(tuple(Sealing)),
        )
    except ConfigurationError:
        return None


def _duration(source: ByteSource, node: Node, now: int) -> int:
    """Return how long nothing happens; often until the deadline."""
    kind = source.number(1)
    if kind < 128 and node.deadline is not None:
        return max(0, node.deadline - now)
    return kind % 16 * source.choose((1, SECOND // 256, SECOND // 10, SECOND))


def _event(source: ByteSource, config: VirtualHostConfig) -> Event:
    make = source.choose((_timer, _timer, _heard, _heard, _heard, _nonsense, _change, _request, _hook))
    return make(source, config)


def _timer(source: ByteSource, config: VirtualHostConfig) -> Event:  # noqa: ARG001 - one of several alike
    return TimerExpired()


def _heard(source: ByteSource, config: VirtualHostConfig) -> Event:
    """Return a genuine advertisement, perhaps with one byte changed."""
    peer = source.choose(_PEERS)
    keyring = Keyring((_PASSWORD,), config.vhid, tuple(address.ip for address in config.addresses), config.dialect)
    counter = source.number(1)
    payload = bytearray(
        Advertisement(
            vhid=config.vhid,
            advskew=source.choose((0, 1, 99, 100, 101, 255)),
            advbase_s=source.choose((0, 1, 2, 9, 255)),
            counter=counter,
            digest=keyring.digest(counter),
            demotion=source.choose((0, 1, 255)),
        ).build()
    )
    if source.number(1) < 32:
        payload[source.number(1) % len(payload)] ^= source.number(1)
    unicast = config.transport is Transport.UNICAST
    group = config.group if isinstance(peer, IPv4Address) else config.group6
    destination = config.sources[Family(peer.version)] if unicast and peer.version in config.sources else group
    return PacketReceived(
        interface="eth0",
        source=peer,
        destination=destination,
        ttl=source.choose((255, 64)),
        payload=bytes(payload),
    )


def _nonsense(source: ByteSource, config: VirtualHostConfig) -> Event:  # noqa: ARG001 - one of several alike
    return read_datagram("eth0", source.take(source.number(1) % 96))


def _change(source: ByteSource, config: VirtualHostConfig) -> Event:
    if source.choose((False, True)):
        return LinkChanged(interface="eth0", link=source.choose(tuple(Link)), hardware_address=_MAC)
    return AddressChanged(
        interface="eth0", address=source.choose(config.addresses), present=source.choose((False, True))
    )


def _request(source: ByteSource, config: VirtualHostConfig) -> Event:  # noqa: ARG001 - one of several alike
    events: tuple[Event, ...] = (
        HealthChanged(check="web", healthy=source.choose((False, True))),
        MaintenanceChanged(active=source.choose((False, True))),
        DemotionRequested(amount=source.number(2) - 0x8000),
        SwitchOverRequested(hold_down=source.number(1) * SECOND),
        WallClockChanged(offset=source.number(4) * SECOND),
        StopRequested(),
    )
    return source.choose(events)


def _hook(source: ByteSource, config: VirtualHostConfig) -> Event:
    return HookFinished(
        interface="eth0",
        vhid=config.vhid,
        hook=source.choose(tuple(Hook)),
        outcome=source.choose(tuple(HookOutcome)),
    )
