"""What tests see of a simulated world."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import Final, final

from carpsim.client import Answer, Client
from carpsim.faults import Fault
from carpsim.frame import Frame
from carpsim.host import Host, Machine, Script
from carpsim.scenario import HostSettings, Scenario, UcarpSettings
from carpsim.ucarp_host import UcarpOptions
from carpsim.world import World, WorldWatcher
from triocarp.core import (
    UCARP,
    Advertisement,
    Dialect,
    Effect,
    Event,
    Hook,
    IPInterface,
    MalformedAdvertisementError,
    NodeConfig,
    PacketReceived,
    Sealing,
    State,
    VirtualHostConfig,
)
from triocarp.core.advertisement import parse
from triocarp.core.timing import SECOND

VIP: Final = IPv4Interface("10.0.0.100/24")
VHID: Final = 7
PASSWORD: Final = b"correct horse"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An advertisement that the switch got.

    Attributes:
        at: when, in nanoseconds.
        by: label of the station that sent it.
        advertisement: it.
        frame: in which it came.
    """

    at: int
    by: str
    advertisement: Advertisement
    frame: Frame


class Recorder(WorldWatcher):
    """Takes note of what crosses the switch, of who has the address, and of the states of ucarps.

    Attributes:
        said: advertisements.
        announced: gratuitous ARPs: the instant and the label of the station.
        holdings: the instant, the host's name, and whether it has the virtual address now.
        states: the instant, the host's name and its ucarp's new state.
    """

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.announced: list[tuple[int, str]] = []
        self.holdings: list[tuple[int, str, bool]] = []
        self.states: list[tuple[int, str, State | None]] = []

    def began(self, world: World) -> None:
        """Listen at all segments."""
        for segment in world.segments.values():
            segment.add_tap(self._tap)

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note of nothing."""

    def process_changed(self, host: Machine, at: int) -> None:
        """Take note of nothing."""

    def happened(self, at: int, fault: Fault) -> None:
        """Take note of nothing."""

    def answered(self, client: Client, answer: Answer) -> None:
        """Take note of nothing."""

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:  # noqa: ARG002
        """Take note of who has the virtual address."""
        if address.ip == VIP.ip:
            self.holdings.append((at, host.name, present))

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:  # noqa: ARG002
        """Take note of a ucarp's state."""
        self.states.append((at, host.name, new))

    def by(self, station: str, *, since: int = 0) -> list[Said]:
        """Return the advertisements of a host with one interface."""
        return [said for said in self.said if said.by == f"{station}:eth0" and said.at >= since]

    def announcements(self, station: str, *, since: int = 0) -> list[int]:
        """Return the instants of a host's announcements."""
        return [at for at, by in self.announced if by == f"{station}:eth0" and at >= since]

    def _tap(self, at: int, station: str, frame: Frame) -> None:
        packet = frame.advertisement("eth0")
        if isinstance(packet, PacketReceived):
            try:
                found = parse(packet.payload)
            except MalformedAdvertisementError:
                return
            self.said.append(Said(at=at, by=station, advertisement=found, frame=frame))
        message = frame.neighbour_message
        if message is not None and message.is_gratuitous and not message.is_request:
            self.announced.append((at, station))


def ucarp(
    name: str,
    number: int,
    *,
    start: int = 0,
    advbase_s: int = 1,
    advskew: int = 0,
    dead_ratio: int = 3,
    preempt: bool = False,
    neutral: bool = False,
    shutdown: bool = True,
    ignore_link_state: bool = False,
    no_multicast: bool = False,
    garp_timeout: int | None = None,
    scripts: Mapping[Hook, Script] | None = None,
) -> UcarpSettings:
    """Return a host with ucarp; its own address is 10.0.0.``number``."""
    options = UcarpOptions(
        vhid=VHID,
        password=PASSWORD,
        address=VIP.ip,
        source=IPv4Address(f"10.0.0.{number}"),
        prefix_length=24,
        advbase_s=advbase_s,
        advskew=advskew,
        dead_ratio=dead_ratio,
        preempt=preempt,
        neutral=neutral,
        shutdown=shutdown,
        ignore_link_state=ignore_link_state,
        no_multicast=no_multicast,
        garp_timeout=garp_timeout,
    )
    return UcarpSettings(name=name, options=options, start=start, scripts=scripts or {})


def carpd(
    name: str,
    number: int,
    *,
    advskew: int = 0,
    advbase_s: int = 1,
    start: int = 0,
    dialect: Dialect = UCARP,
    sealing: Sealing = Sealing.OFF,
    preempt: bool = False,
) -> HostSettings:
    """Return a host with carpd; its own address is 10.0.0.``number``."""
    config = VirtualHostConfig(
        interface="eth0",
        vhid=VHID,
        password=PASSWORD,
        addresses=(VIP,),
        source=IPv4Address(f"10.0.0.{number}"),
        advskew=advskew,
        advbase_s=advbase_s,
        dialect=dialect,
        sealing=sealing,
        preempt=preempt,
    )
    return HostSettings(name=name, config=NodeConfig(virtual_hosts=(config,)), start=start)


def run(scenario: Scenario, *, seed: int = 0) -> tuple[World, Recorder]:
    """Run a scenario, and return the world at its end and what was seen."""
    recorder = Recorder()
    world = World(scenario, seed=seed, watchers=(recorder,))
    world.run()
    return world, recorder


def seconds(nanoseconds: int) -> float:
    """Return nanoseconds as seconds."""
    return nanoseconds / SECOND
