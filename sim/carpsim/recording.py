"""What happened in a world, as a person looks at it: a lane for each virtual host and for each client."""

import dataclasses
from dataclasses import dataclass, field
from typing import cast, final

from carpsim.client import Answer, Client, Outage
from carpsim.faults import FAULTS, Fault
from carpsim.frame import Frame
from carpsim.host import Host, Machine
from carpsim.world import World
from triocarp.core import (
    Advertisement,
    Announce,
    DropReason,
    Effect,
    Event,
    IPAddress,
    IPInterface,
    PacketDropped,
    PacketReceived,
    Report,
    SendAdvertisement,
    State,
    StateChanged,
)
from triocarp.core.advertisement import parse
from triocarp.core.effects import Saying
from triocarp.core.explanation import explain

_NAME_OF_FAULT = {kind: name for name, kind in FAULTS.items()}


@final
@dataclass(slots=True)
class Span:
    """A time in which something was so.

    Attributes:
        begin: nanoseconds.
        what: what was so.
        end: nanoseconds; None while it is still so.
    """

    begin: int
    what: str
    end: int | None = None


@final
@dataclass(slots=True, kw_only=True)
class Lane:
    """One virtual host. Instants are of the world, in nanoseconds.

    Attributes:
        name: the host's, with ``VHID@INTERFACE`` where it has several virtual hosts.
        states: its states.
        holds: its virtual addresses, each as long as the host had it, whoever put it there.
        advertisements: when it advertised.
        goodbyes: when it said goodbye.
        announcements: when it announced an address.
        absences: when its daemon stood still or did not run.
        said: the advertisements and goodbyes that left it, as they were on the wire.
        sentences: what it reported, with instants; packets that it dropped only once for each reason and source.
    """

    name: str
    states: list[Span] = field(default_factory=list[Span])
    holds: list[Span] = field(default_factory=list[Span])
    advertisements: list[int] = field(default_factory=list[int])
    goodbyes: list[int] = field(default_factory=list[int])
    announcements: list[int] = field(default_factory=list[int])
    absences: list[Span] = field(default_factory=list[Span])
    said: list[tuple[int, Advertisement]] = field(default_factory=list[tuple[int, Advertisement]])
    sentences: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


@final
@dataclass(slots=True, kw_only=True)
class ClientLane:
    """One client.

    Attributes:
        name: its name.
        target: the virtual address.
        answerers: names of the hosts that answered it, each from its first answer to its last one in a row.
        outages: the times without answers.
    """

    name: str
    target: str
    answerers: list[Span] = field(default_factory=list[Span])
    outages: tuple[Outage, ...] = ()


@final
class Recording:
    """Sees what happens in one world; see `carpsim.world.WorldWatcher`.

    Attributes:
        lanes: of virtual hosts, in the order of the scenario.
        clients: of clients, in the order of the scenario.
        faults: what happened, and what ended, with instants and a sentence each, in ascending order.
        drops: how many packets a host dropped and why, with instants: by host.
    """

    def __init__(self) -> None:
        self.lanes: dict[tuple[str, str, int], Lane] = {}
        self.clients: dict[str, ClientLane] = {}
        self.faults: list[tuple[int, str]] = []
        self.drops: dict[str, list[tuple[int, DropReason, int]]] = {}
        self._holders: dict[tuple[str, str, IPAddress], Lane] = {}
        self._world: World | None = None
        self._seen_drops: set[tuple[str, str, str]] = set()

    @property
    def world(self) -> World:
        """The world that was seen."""
        if self._world is None:
            raise ValueError("the recording has not begun: give it to a World as a watcher")
        return self._world

    def began(self, world: World) -> None:
        """Make the lanes.

        Args:
            world: that is seen.
        """
        self._world = world
        for host in world.scenario.hosts:
            for virtual_host in host.places:
                name = host.name if len(host.places) == 1 else f"{host.name} {virtual_host.name}"
                lane = Lane(name=name, absences=[Span(0, "not running")])
                self.lanes[host.name, virtual_host.interface, virtual_host.vhid] = lane
                for address in virtual_host.addresses:
                    self._holders[host.name, virtual_host.interface, address.ip] = lane
        for segment in world.segments.values():
            segment.add_sender_tap(self._see)
        for client in world.scenario.clients:
            self.clients[client.name] = ClientLane(name=client.name, target=str(client.target))

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:  # noqa: ARG002 - see there
        """Take note; see `carpsim.host.Watcher`.

        Args:
            host: whose node.
            at: the node's instant.
            event: what it was told.
            effects: what it answered.
        """
        now = self.world.engine.now
        for effect in effects:
            match effect:
                case SendAdvertisement():
                    lane = self.lanes[host.name, effect.interface, effect.vhid]
                    said = lane.goodbyes if effect.saying is Saying.GOODBYE else lane.advertisements
                    said.append(now)
                case Announce():
                    self.lanes[host.name, effect.interface, effect.vhid].announcements.append(now)
                case StateChanged():
                    lane = self.lanes[host.name, effect.interface, effect.vhid]
                    _change(lane.states, now, None if effect.new is State.INIT else effect.new.value)
                    words = f"{effect.old.value} -> {effect.new.value}: {explain(effect)}"
                    lane.sentences.append((now, words))
                case _ if isinstance(effect, Report):
                    self._take_report(host, effect, now)
                case _:
                    pass

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:
        """Take note; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the instant of the world.
            interface: which.
            address: which.
            present: whether it is there now.
        """
        lane = self._holders.get((host.name, interface, address.ip))
        if lane is None:
            return  # the host's own
        spans = [span for span in lane.holds if span.what == str(address.ip) and span.end is None]
        if present and not spans:
            lane.holds.append(Span(at, str(address.ip)))
        elif not present and spans:
            spans[-1].end = at

    def process_changed(self, host: Machine, at: int) -> None:
        """Take note; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the instant of the world.
        """
        what = "not running" if not host.running else "standing still" if host.paused else None
        for (name, _, _), lane in self.lanes.items():
            if name == host.name:
                _change(lane.absences, at, what)
                if not host.running:
                    _change(lane.states, at, None)

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:
        """Take note; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the instant of the world.
            old: state before.
            new: state now.
        """
        for (name, _, _), lane in self.lanes.items():
            if name == host.name:
                _change(lane.states, at, None if new is None or new is State.INIT else new.value)
                names = [State.INIT.value if state is None else state.value for state in (old, new)]
                if names[0] != names[1]:
                    lane.sentences.append((at, " -> ".join(names)))

    def happened(self, at: int, fault: Fault) -> None:
        """Take note; see `carpsim.world.WorldWatcher`.

        Args:
            at: the instant of the world.
            fault: it.
        """
        self.faults.append((at, describe(fault)))
        duration: int | None = getattr(fault, "duration", None)
        if duration is not None and at + duration <= self.world.scenario.duration:
            self.faults.append((at + duration, f"end of {describe(fault, without='duration')}"))

    def answered(self, client: Client, answer: Answer) -> None:
        """Take note; see `carpsim.world.WorldWatcher`.

        Args:
            client: who.
            answer: it.
        """
        answerers = self.clients[client.name].answerers
        name = self._owner_of(answer.mac)
        if not answerers or answerers[-1].what != name:
            answerers.append(Span(answer.at, name, answer.at))
        answerers[-1].end = answer.at

    def finish(self) -> None:
        """Take note of what is known only at the end: the clients' outages, and in what order things happened."""
        self.faults.sort(key=lambda told: told[0])
        for name, client in self.world.clients.items():
            self.clients[name].outages = client.outages

    def _take_report(self, host: Host, report: Report, now: int) -> None:
        if isinstance(report, PacketDropped):
            self.drops.setdefault(host.name, []).append((now, report.reason, report.count))
            once = (host.name, report.reason.name, str(report.source))
            if once in self._seen_drops:
                return
            self._seen_drops.add(once)
        vhid = getattr(report, "vhid", None)
        for (name, _, number), lane in self.lanes.items():
            if name == host.name and vhid in {None, number}:
                lane.sentences.append((now, explain(report)))
                return

    def _see(self, at: int, label: str, frame: Frame) -> None:
        """Take note of what leaves a host; a ucarp says nothing else of what it does."""
        host, _, interface = label.partition(":")
        if host not in self.world.hosts:
            return
        is_ucarp = not isinstance(self.world.hosts[host], Host)
        packet = frame.advertisement(interface)
        if isinstance(packet, PacketReceived):
            said = parse(packet.payload)
            lane = self.lanes[host, interface, said.vhid]
            lane.said.append((at, said))
            if is_ucarp:
                lane.advertisements.append(at)
        elif is_ucarp:
            message = frame.neighbour_message
            for (name, place, _), lane in self.lanes.items():
                if (name, place) == (host, interface) and message is not None and message.is_gratuitous:
                    lane.announcements.append(at)

    def _owner_of(self, mac: bytes) -> str:
        for settings in self.world.scenario.hosts:
            for interface in settings.segments:
                found = self.world.hosts[settings.name].network.interface(interface)
                if found is not None and found.hardware_address == mac:
                    return settings.name
        return mac.hex(":")


def describe(fault: Fault, *, without: str = "") -> str:
    """Return what happens in a few words: the fault's name, and what it was told beside its defaults.

    Args:
        fault: any.
        without: a field that is left out.
    """
    words = [_NAME_OF_FAULT.get(type(fault), type(fault).__name__)]
    for known in dataclasses.fields(cast("type[object]", type(fault))):  # type: ignore[arg-type]  # every fault is one
        value = getattr(fault, known.name)
        if known.name not in {"at", without} and known.repr and value != known.default:
            words.append(f"{known.name} {_in_words(known.name, value)}")
    return ", ".join(words)


_DURATIONS = ("duration", "restart_after", "hold_down", "by", "interval")


def _in_words(name: str, value: object) -> str:
    if name in _DURATIONS and isinstance(value, int):
        return f"{value / 1e9:g} s"
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return " | ".join(" ".join(item) if isinstance(item, tuple) else _in_words("", item) for item in items)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = [
            f"{known.name} {_in_words(known.name, getattr(value, known.name))}"
            for known in dataclasses.fields(value)
            if known.repr and getattr(value, known.name) != known.default
        ]
        return f"({', '.join(told)})"
    return str(getattr(value, "value", value))


def _change(spans: list[Span], at: int, what: str | None) -> None:
    """End the last span, and begin another one unless nothing is so."""
    if spans and spans[-1].end is None:
        if spans[-1].what == what:
            return
        spans[-1].end = at
    if what is not None:
        spans.append(Span(at, what))
