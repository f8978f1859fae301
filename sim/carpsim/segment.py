"""A switched Ethernet segment: one switch, and a cable from each of its ports to a station."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, Protocol, TypeAlias, final

from carpsim.conditions import PERFECT, Cable, Conditions
from carpsim.engine import Engine
from carpsim.frame import Frame
from carpsim.randomness import stream
from triocarp.core.timing import SECOND

MAC_AGEING: Final = 300 * SECOND
"""How long a switch remembers a MAC that it does not hear of (IEEE 802.1Q, table 8-6)."""

MEMBERSHIP_TIMEOUT: Final = 260 * SECOND
"""How long a snooping switch remembers a membership that nobody repeats (RFC 2236, section 8.4)."""

_JOINED_BY_ALL: Final = (b"\xff" * 6, bytes.fromhex("333300000001"), bytes.fromhex("3333ff"))
_LOCAL_GROUPS: Final = (bytes.fromhex("01005e0000"), bytes.fromhex("3333"))  # 224.0.0.x, and all of IPv6


class Station(Protocol):
    """Something with a cable in the segment: a simulated host's interface."""

    @property
    def label(self) -> str:
        """How it is called; no two in a segment are called the same."""
        ...

    @property
    def carries(self) -> bool:
        """Whether frames get through its cable now."""
        ...

    def receive(self, frame: Frame) -> None:
        """Take a frame that has arrived.

        Args:
            frame: for whomever; the station looks whether it is for it.
        """
        ...


@unique
class Snooping(Enum):
    """What a switch does with multicast groups that nobody has joined (RFC 4541)."""

    OFF = "off"
    """It floods them."""

    STANDARD = "standard"
    """It drops them, but for 224.0.0.0/24 and IPv6, which section 2.1.2 tells it to flood."""

    STRICT = "strict"
    """It drops those too: no switch should, and some do. CARP's 224.0.0.18 and ff02::12 are among them.

    All-nodes and solicited-node groups of IPv6 are never without members: every host joins those of its addresses
    (RFC 4291, section 2.8), so that neighbour discovery works.
    """


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A frame on the way from the switch to one station.

    Attributes:
        at: the instant at which the switch forwards it.
        sender: who sent it.
        receiver: to whom it goes.
        frame: it.
    """

    at: int
    sender: str
    receiver: str
    frame: Frame


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What shall become of a frame.

    Attributes:
        delay: nanoseconds that it takes longer.
        data: what arrives in its place; None for the frame itself.
    """

    delay: int = 0
    data: bytes | None = None


PASS: Final = (Fate(),)
"""The frame goes on as it is."""

DROP: Final[tuple[Fate, ...]] = ()
"""The frame is lost."""

Rule: TypeAlias = Callable[[Passage], tuple[Fate, ...]]
"""Sees every frame to every receiver, and says what arrives: nothing, the frame, several, others, and how late."""

Tap: TypeAlias = Callable[[int, str, Frame], None]
"""Sees a frame: the instant, whose port it is at, and the frame."""


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Port:
    """A port of the switch, with the cable to its station.

    Attributes:
        station: at the other end.
        inward: from the station to the switch.
        outward: from the switch to the station.
        forwards_from: the instant from which the switch forwards: a slowly converging one makes a new port wait.
        memberships: MACs of multicast groups, each with the instant at which it is forgotten, or None for never.
        taps: are shown every frame that the station sends, and every one that reaches it.
    """

    station: Station
    inward: Cable
    outward: Cable
    forwards_from: int
    memberships: dict[bytes, int | None] = field(default_factory=dict[bytes, int | None])
    taps: list[Tap] = field(default_factory=list[Tap])


@final
class Segment:
    """All stations that a switch connects.

    Args:
        engine: of the world.
        name: how it is called.
        seed: of the run.
        inward: conditions from each station to the switch, until somebody changes them.
        outward: conditions from the switch to each station.
        mac_ageing: how long the switch remembers where a MAC is, nanoseconds; 0 for a hub.
        snooping: what it does with multicast groups.
        querier: whether somebody has memberships repeated; else a snooping switch forgets them.
        convergence: how long a port does not forward after its link came up, nanoseconds: a spanning tree that
            listens and learns takes 30 s (IEEE 802.1D).
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str = "lan",
        seed: int = 0,
        inward: Conditions = PERFECT,
        outward: Conditions = PERFECT,
        mac_ageing: int = MAC_AGEING,
        snooping: Snooping = Snooping.OFF,
        querier: bool = True,
        convergence: int = 0,
    ) -> None:
        self.name = name
        self._engine = engine
        self._seed = seed
        self._inward = inward
        self._outward = outward
        self._mac_ageing = mac_ageing
        self._snooping = snooping
        self._querier = querier
        self._convergence = convergence
        self._ports: dict[str, Port] = {}
        self._macs: dict[bytes, tuple[Port, int]] = {}
        self._cuts: dict[tuple[str, str], int] = {}
        self._rules: list[Rule] = []
        self._taps: list[Tap] = []
        self._taps_at_senders: list[Tap] = []

    # Stations.

    @property
    def ports(self) -> Iterable[Port]:
        """All ports, in the order in which their stations were plugged in."""
        return self._ports.values()

    def port(self, station: str) -> Port:
        """Return the port of a station.

        Args:
            station: its name.
        """
        return self._ports[station]

    def plug_in(self, station: Station) -> None:
        """Connect a station.

        Args:
            station: it.
        """
        if station.label in self._ports:
            raise ValueError(f"the segment {self.name} has a station {station.label} already")
        self._ports[station.label] = Port(
            station=station,
            inward=Cable(self._inward, stream(self._seed, "segment", self.name, station.label, "inward")),
            outward=Cable(self._outward, stream(self._seed, "segment", self.name, station.label, "outward")),
            forwards_from=self._engine.now + (self._convergence if self._engine.now else 0),
        )

    def unplug(self, station: Station) -> None:
        """Disconnect a station.

        Args:
            station: one that was plugged in.
        """
        self.link_changed(station)
        del self._ports[station.label]

    def link_changed(self, station: Station) -> None:
        """Take note that the link of a port went down or came up: the switch forgets what it learned there.

        Args:
            station: at the other end.
        """
        port = self._ports[station.label]
        self._macs = {mac: known for mac, known in self._macs.items() if known[0] is not port}
        if station.carries:
            port.forwards_from = self._engine.now + self._convergence
        else:
            port.memberships.clear()

    def join(self, station: str, group: bytes) -> None:
        """Take note that a station wants a multicast group, as its membership report says.

        Args:
            station: its name.
            group: the MAC of the group, 6 bytes.
        """
        forgotten = None if self._querier else self._engine.now + MEMBERSHIP_TIMEOUT
        self._ports[station].memberships[group] = forgotten

    # Faults.

    def cut(self, senders: Iterable[str], receivers: Iterable[str]) -> None:
        """Let nothing through from some stations to others; the other direction is not touched.

        Cuts are counted: what was cut twice has to be mended twice.

        Args:
            senders: names.
            receivers: names.
        """
        receivers = tuple(receivers)
        for pair in ((sender, receiver) for sender in senders for receiver in receivers if sender != receiver):
            self._cuts[pair] = self._cuts.get(pair, 0) + 1

    def mend(self, senders: Iterable[str], receivers: Iterable[str]) -> None:
        """Undo a `cut`.

        Args:
            senders: names.
            receivers: names.
        """
        receivers = tuple(receivers)
        for pair in ((sender, receiver) for sender in senders for receiver in receivers if sender != receiver):
            left = self._cuts.get(pair, 0) - 1
            if left > 0:
                self._cuts[pair] = left
            else:
                self._cuts.pop(pair, None)

    def connects(self, sender: str, receiver: str) -> bool:
        """Return whether nothing is cut from one station to another. Loss by chance does not count.

        Args:
            sender: name.
            receiver: name.
        """
        return (sender, receiver) not in self._cuts

    @property
    def has_cuts(self) -> bool:
        """Whether somebody is cut off from somebody."""
        return bool(self._cuts)

    @property
    def snooping(self) -> Snooping:
        """What it does with multicast groups."""
        return self._snooping

    @property
    def has_rules(self) -> bool:
        """Whether a rule decides about frames now."""
        return bool(self._rules)

    def add_rule(self, rule: Rule) -> None:
        """Have a rule decide about every frame to every receiver, after those that were added before.

        Args:
            rule: what it decides.
        """
        self._rules.append(rule)

    def remove_rule(self, rule: Rule) -> None:
        """Undo an `add_rule`.

        Args:
            rule: that was added.
        """
        self._rules.remove(rule)

    def add_tap(self, tap: Tap, station: str | None = None) -> None:
        """Show somebody every frame that a station sends, when the switch gets it; or all frames of one station.

        Args:
            tap: is shown them.
            station: at whose end of its cable the frames are seen, those that it sends and those that reach it;
                None for the switch.
        """
        self._taps_at(station).append(tap)

    def remove_tap(self, tap: Tap, station: str | None = None) -> None:
        """Undo an `add_tap`.

        Args:
            tap: that was added.
            station: where.
        """
        self._taps_at(station).remove(tap)

    def _taps_at(self, station: str | None) -> list[Tap]:
        return self._taps if station is None else self._ports[station].taps

    def add_sender_tap(self, tap: Tap) -> None:
        """Show somebody every frame that any station sends, before its cable does anything to it.

        Args:
            tap: is shown them.
        """
        self._taps_at_senders.append(tap)

    # Frames.

    def transmit(self, sender: Station, data: bytes) -> None:
        """Send a frame.

        Args:
            sender: whose cable must carry frames.
            data: from the destination MAC on.
        """
        label = sender.label
        port = self._ports[label]
        frame = Frame(data)  # the same for all who see it, so that it is read once
        for taps in (port.taps, self._taps_at_senders):
            for tap in taps:
                tap(self._engine.now, label, frame)
        if port.inward.fixed_latency == 0:
            self._switch(port, frame)
        else:
            for arrival, arrived in port.inward.carry(data, self._engine.now):
                self._engine.at(arrival, self._switch, port, frame if arrived is data else Frame(arrived))

    def _switch(self, port: Port, frame: Frame) -> None:
        """Forward a frame that has come in at a port."""
        now = self._engine.now
        for tap in self._taps:
            tap(now, port.station.label, frame)
        if now < port.forwards_from:
            return
        if self._mac_ageing and not frame.data[6] & 1:
            self._macs[frame.source] = (port, now)
        receivers = self._receivers(port, frame, now)
        if len(receivers) == 1 and not self._rules:  # as with every unicast frame
            latency = receivers[0].outward.fixed_latency
            if latency is not None:
                self._engine.at(now + latency, self._deliver, frame, receivers)
                return
        together: dict[int, list[Port]] = {}
        for receiver in receivers:
            latency = receiver.outward.fixed_latency
            if latency is None or self._rules:
                self._pass_on(port, receiver, frame)
            else:
                together.setdefault(now + latency, []).append(receiver)
        for arrival, those in together.items():
            self._engine.at(arrival, self._deliver, frame, those)

    def _receivers(self, port: Port, frame: Frame, now: int) -> list[Port]:
        """Return the ports to which the switch forwards a frame."""
        known = None if frame.is_for_many else self._macs.get(frame.destination)
        if known is not None and now - known[1] <= self._mac_ageing:
            receivers = [known[0]] if known[0] is not port else []
        else:
            receivers = [other for other in self._ports.values() if other is not port]
        if self._snooping is not Snooping.OFF and frame.is_for_many:
            receivers = [other for other in receivers if self._wants(other, frame.destination, now)]
        if self._cuts:
            sender = port.station.label
            receivers = [other for other in receivers if (sender, other.station.label) not in self._cuts]
        return [other for other in receivers if now >= other.forwards_from]

    def _wants(self, port: Port, group: bytes, now: int) -> bool:
        """Return whether a snooping switch forwards a group to a port."""
        if group.startswith(_JOINED_BY_ALL):
            return True
        if self._snooping is Snooping.STANDARD and group.startswith(_LOCAL_GROUPS):
            return True
        if group not in port.memberships:
            return False
        forgotten = port.memberships[group]
        return forgotten is None or now < forgotten

    def _pass_on(self, sender: Port, receiver: Port, frame: Frame) -> None:
        """Forward a frame to a port, as the rules and the cable have it."""
        now = self._engine.now
        names = sender.station.label, receiver.station.label
        fates = [Fate()]
        for rule in self._rules:
            passing: list[Fate] = []
            for fate in fates:
                seen = frame if fate.data is None else Frame(fate.data)
                for further in rule(Passage(at=now, sender=names[0], receiver=names[1], frame=seen)):
                    data = further.data if further.data is not None else fate.data
                    passing.append(Fate(delay=fate.delay + further.delay, data=data))
            fates = passing
        for fate in fates:
            data = frame.data if fate.data is None else fate.data
            for arrival, arrived in receiver.outward.carry(data, now):
                same = frame if arrived is frame.data else Frame(arrived)
                # What a rule delays does not hold up what comes behind it, as what the cable delays does.
                self._engine.at(arrival + fate.delay, self._deliver, same, [receiver])

    def _deliver(self, frame: Frame, receivers: list[Port]) -> None:
        for receiver in receivers:
            if receiver.station.carries:
                for tap in receiver.taps:
                    tap(self._engine.now, receiver.station.label, frame)
                receiver.station.receive(frame)
