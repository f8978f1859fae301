"""A client of a virtual address: what users of the service feel is measured here, and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import final

from carpsim import neighbour_messages, probe
from carpsim.engine import Engine
from carpsim.frame import Frame, NeighbourMessage
from carpsim.neighbour_cache import LINUX, NeighbourCache, NeighbourSettings
from carpsim.randomness import stream, uniform
from carpsim.segment import Segment
from triocarp.core.family import IPAddress


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which probes were not answered.

    Attributes:
        begin: the instant at which the first probe that got no answer was sent, nanoseconds.
        end: the instant at which the first one that was answered again was sent; None if it has not ended.
        lost: number of probes that were not answered.
    """

    begin: int
    end: int | None
    lost: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An echo reply.

    Attributes:
        sequence: number of the probe, from 0.
        sent: the instant at which the probe was sent, nanoseconds.
        at: the instant at which the reply arrived, nanoseconds.
        mac: of who answered, 6 bytes.
    """

    sequence: int
    sent: int
    at: int
    mac: bytes


@final
class Client:
    """A machine that probes one virtual address at a fixed rate, with a neighbour cache as Linux has it.

    Args:
        engine: of the world.
        segment: where it is plugged in.
        name: how it is called.
        number: no two clients of a world have the same.
        address: its own.
        hardware_address: its MAC, 6 bytes.
        target: the virtual address, of the same family; on the segment if there is no gateway.
        interval: nanoseconds from one probe to the next.
        timeout: how long it waits for an answer, nanoseconds; one that comes later does not count.
        start: the instant from which on it probes.
        seed: of the run.
        gateway: the router to which its probes go; None for a client on the segment of its target.
        neighbours: how its cache behaves.
        on_answer: is called with each reply.

    Attributes:
        name: how it is called.
        target: the virtual address.
        interval: nanoseconds from one probe to the next.
        answered: number of probes that were answered.
        sent: number of probes.
    """

    def __init__(
        self,
        engine: Engine,
        segment: Segment,
        *,
        name: str,
        number: int,
        address: IPAddress,
        hardware_address: bytes,
        target: IPAddress,
        interval: int,
        timeout: int,
        start: int = 0,
        seed: int = 0,
        gateway: IPAddress | None = None,
        neighbours: NeighbourSettings = LINUX,
        on_answer: Callable[["Client", Answer], None] | None = None,
    ) -> None:
        self.name = name
        self.target = target
        self.interval = interval
        self._timeout = timeout
        self.answered = 0
        self.sent = 0
        self.neighbours = NeighbourCache(engine, self, stream(seed, "client", name, "neighbours"), neighbours)
        self._engine = engine
        self._segment = segment
        self._number = number
        self._address = address
        self._next_hop = gateway or target
        self._hardware_address = hardware_address
        self._probes = probe.Probes(address, target, number)
        self._on_answer = on_answer
        self._sent_at: dict[int, int] = {}
        self._first = 0
        segment.plug_in(self)
        # Clients do not probe in step with each other, nor with the advertisements.
        engine.after(start + uniform(stream(seed, "client", name, "phase"), 0, interval - 1), self._probe)

    @property
    def label(self) -> str:
        """How it is called among the stations of its segment."""
        return self.name

    @property
    def carries(self) -> bool:
        """Whether frames get through its cable: always."""
        return True

    @property
    def hardware_address(self) -> bytes:
        """Its MAC, 6 bytes."""
        return self._hardware_address

    def source_for(self, address: IPAddress) -> IPAddress:  # noqa: ARG002 - it has one address
        """Return its own address; see `carpsim.neighbour_cache.Owner`.

        Args:
            address: that is asked for.
        """
        return self._address

    def send(self, frame: bytes) -> None:
        """Send a frame; see `carpsim.neighbour_cache.Owner`.

        Args:
            frame: from the destination MAC on.
        """
        self._segment.transmit(self, frame)

    def receive(self, frame: Frame) -> None:
        """Take a frame that has arrived; see `carpsim.segment.Station`.

        Args:
            frame: for whomever.
        """
        is_for_us = frame.destination == self._hardware_address
        if not (is_for_us or frame.is_for_many):
            return
        message = frame.neighbour_message
        if message is not None:
            asks_us = message.is_request and message.target == self._address
            self.neighbours.hear(message, is_for_us=is_for_us or asks_us)
            if asks_us:
                self._answer(message)
            return
        sequence = probe.answered(frame, self._number) if is_for_us else None
        if sequence is not None:
            self._take_answer(sequence, frame.source)

    def sent_at(self, sequence: int) -> int:
        """Return the instant at which a probe was or will be sent, nanoseconds; the first one must have been.

        Args:
            sequence: its number, from 0.
        """
        return self._first + sequence * self.interval

    def _answer(self, message: NeighbourMessage) -> None:
        answer = neighbour_messages.answer(message, self._hardware_address)
        if isinstance(message.sender, IPv6Address):
            # ARP answers the MAC that has asked; neighbour discovery sends a packet, and so uses what it knows.
            self.neighbours.resolve(message.sender, lambda _: self.send(answer))
        else:
            self.send(answer)

    @property
    def outages(self) -> tuple[Outage, ...]:
        """The times without answers, in order; the last one may not have ended."""
        now = self._engine.now
        outages: list[Outage] = []
        begin: int | None = None
        lost = 0
        for sequence in range(self.sent):
            sent = self.sent_at(sequence)
            if sequence in self._sent_at:
                if sent + self._timeout > now:
                    break
                begin = sent if begin is None else begin
                lost += 1
            elif begin is not None:
                outages.append(Outage(begin=begin, end=sent, lost=lost))
                begin, lost = None, 0
        if begin is not None:
            outages.append(Outage(begin=begin, end=None, lost=lost))
        return tuple(outages)

    def _probe(self) -> None:
        now = self._engine.now
        if self.sent == 0:
            self._first = now
        sequence = self.sent
        self.sent += 1
        self._sent_at[sequence] = now
        self.neighbours.resolve(
            self._next_hop, lambda mac: self.send(self._probes.build(sequence, self._hardware_address, mac))
        )
        self._engine.after(self.interval, self._probe)

    def _take_answer(self, sequence: int, mac: bytes) -> None:
        sent = self._sent_at.get(sequence)
        if sent is None or self._engine.now - sent > self._timeout:
            return  # an answer that came twice, or too late for whoever waited
        del self._sent_at[sequence]
        self.answered += 1
        if self._on_answer is not None:
            self._on_answer(self, Answer(sequence=sequence, sent=sent, at=self._engine.now, mac=mac))
