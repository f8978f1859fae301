"""Tests of a driver of one's own: no network, no clock, no waiting."""

import random
from ipaddress import IPv4Address, IPv4Interface

from triocarp.core import (
    AddressPort,
    Cause,
    FramePort,
    Hook,
    HookPort,
    IPInterface,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    PortError,
    PortFailure,
    Ports,
    Report,
    ReportPort,
    Runner,
    Started,
    StateChanged,
    TimerExpired,
    VirtualHostConfig,
)

CONFIG = VirtualHostConfig(
    interface="eth0",
    vhid=7,
    password=b"secret",
    addresses=(IPv4Interface("10.0.0.100/24"),),
    source=IPv4Address("10.0.0.1"),
)


class Recorder(FramePort, AddressPort, HookPort, ReportPort):
    """All ports: they write down what they are asked for, and one of them fails when told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.causes: list[Cause] = []
        self.full = False

    def send(self, interface: str, frame: bytes) -> None:
        """Write down whether it is an advertisement or an announcement."""
        self.done.append("announce" if frame[12:14] == b"\x08\x06" else "advertise")

    def send_packet(self, interface: str, packet: bytes) -> None:
        """Write down a packet for a routed peer."""
        self.done.append("advertise")

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Write it down, or fail as a kernel does."""
        if self.full:
            raise PortError(PortFailure.NO_BUFFER, f"no room for {addresses[0]} on {interface}")
        self.done.append("hold")

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Write it down."""
        self.done.append("release")

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Write down which hook."""
        self.done.append(hook.value)

    def report(self, report: Report) -> None:
        """Keep the causes of changes."""
        if isinstance(report, StateChanged):
            self.causes.append(report.cause)


def listening(recorder: Recorder) -> Runner:
    """Return a host that has begun to listen at instant 0."""
    node = Node(NodeConfig(virtual_hosts=(CONFIG,)), rng=random.Random(7))  # noqa: S311 - the same run each time
    runner = Runner(node, Ports(frames=recorder, addresses=recorder, hooks=recorder, reports=recorder))
    runner.feed(Started(), 0)
    link = LinkChanged(interface="eth0", link=Link.UP, hardware_address=bytes(6))
    assert runner.feed(link, 0) == CONFIG.dead_time
    recorder.done.clear()
    return runner


def test_silence_makes_a_master() -> None:
    """After the dead time the host advertises, takes the address, and announces it, in this order."""
    recorder = Recorder()
    runner = listening(recorder)
    runner.feed(TimerExpired(), CONFIG.dead_time)
    assert recorder.done == ["advertise", "hold", "announce"]


def test_who_cannot_hold_the_address_does_not_stay_master() -> None:
    """The address is not announced; the host releases it and says goodbye."""
    recorder = Recorder()
    runner = listening(recorder)
    recorder.full = True
    runner.feed(TimerExpired(), CONFIG.dead_time)
    assert recorder.done == ["advertise", "release", "advertise"]
    assert recorder.causes[-1] is Cause.ADDRESS_FAILURE
