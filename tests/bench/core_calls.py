"""What one call of the core costs, on one core, beside other libraries on the same bytes.

A measurement is the best of several loops with the garbage collector switched off, as `timeit` does it: whatever
else the machine does makes a loop longer, never shorter. Nothing is measured that does not work: what the nodes
hear is what another node has said, and they must have believed all of it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import time
from ipaddress import IPv4Address, IPv4Interface
from itertools import cycle, islice, repeat
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from tests.bench import attack
from tests.bench.figures import Figure
from tests.bench.libraries import INTERFACE, OURS, dissect, receive
from tests.bench.settings import PREFIX_LENGTH, VHID, VIRTUAL_ADDRESS
from triocarp.core import (
    CARPD,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    Sealing,
    SendAdvertisement,
    Started,
    TimerExpired,
    VirtualHostConfig,
    WallClockChanged,
    advertisement,
    read_datagram,
)
from triocarp.core.advertisement import Advertisement
from triocarp.core.authentication import Keyring
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from tests.bench.lane import Lane
    from tests.bench.libraries import Library
    from triocarp.core import PacketReceived

Argument = TypeVar("Argument")
Loop: TypeAlias = "Callable[[int], int]"
"""Makes a call as often as it is told to, and returns how many nanoseconds all of them took."""

_LOOPS: Final = 5
_LOOP_NS: Final = 20_000_000
_TRIAL: Final = 200
_WARM_UP: Final = 20
_DIFFERENT: Final = 256
_FORGED_EACH: Final = SECOND // attack.RATE
_ETHERNET_HEADER: Final = 14
_WALL: Final = 1_750_000_000_000_000_000
_PASSWORD: Final = b"benchmark"
_ADDRESS: Final = IPv4Interface(f"{VIRTUAL_ADDRESS}/{PREFIX_LENGTH}")
_MASTER: Final = IPv4Address("10.0.0.1")
_BACKUP: Final = IPv4Address("10.0.0.2")


def core_calls(lane: Lane, libraries: Sequence[Library], repetitions: int) -> None:
    """Measure every call as often as there are repetitions."""
    packet = _Speaker(Sealing.OFF).say()
    loops = [(one.name, Figure.DISSECT, _repeated(one.dissector(), packet)) for one in libraries]
    loops += [(OURS.name, figure, loop) for figure, loop in loops_of_ours().items()]
    with _one_core():
        for name, figure, loop in loops:
            count = max(1, _TRIAL * _LOOP_NS // loop(_TRIAL))
            for _ in range(repetitions):
                best = min(loop(count) for _ in range(_LOOPS))
                lane.record(name, figure, best / count / 1000)


def loops_of_ours() -> dict[Figure, Loop]:
    """Return what only the core does."""
    packet = _Speaker(Sealing.OFF).say()
    keyring = Keyring((_PASSWORD,), VHID, (_ADDRESS.ip,), CARPD)
    said = dissect(packet)
    payload = packet[-advertisement.LENGTH :]

    def build(counter: int) -> bytes:
        signed = Advertisement(vhid=VHID, advskew=0, advbase_s=1, counter=counter, digest=keyring.digest(counter))
        return signed.build()

    def verify(received: bytes) -> int | None:
        heard = advertisement.parse(received)
        return keyring.key_of(heard.counter, heard.digest)

    if build(said.counter) != payload or verify(payload) is None:
        raise RuntimeError("what was built is not what a node says, or it was not believed")
    return {
        Figure.READ: _repeated(lambda received: read_datagram(INTERFACE, received), packet),
        Figure.VERIFY: _repeated(verify, payload),
        Figure.BUILD: _repeated(build, said.counter),
        Figure.HEAR: _hearing(Sealing.OFF),
        Figure.HEAR_FORGED: _hearing_forged(packet),
        Figure.SIEVE: _sieving(packet),
        Figure.HEAR_SEALED: _hearing(Sealing.ENFORCE),
        Figure.SEND: _sending(Sealing.OFF),
        Figure.SEND_SEALED: _sending(Sealing.ENFORCE),
    }


def _repeated(call: Callable[[Argument], object], argument: Argument) -> Loop:
    """Return the loop of a call that leaves nothing behind."""

    def loop(count: int) -> int:
        begun = time.perf_counter_ns()
        for _ in repeat(None, count):
            call(argument)
        return time.perf_counter_ns() - begun

    return loop


def _hearing(sealing: Sealing) -> Loop:
    """Return the loop in which a backup hears its master, and its driver looks at the deadline."""

    def loop(count: int) -> int:
        speaker, listener = _Speaker(sealing), _started(_BACKUP, sealing)
        for _ in range(_WARM_UP):
            listener.handle(*speaker.heard())
        statistics = listener.virtual_hosts[INTERFACE, VHID].statistics
        dropped, received = statistics.dropped.total(), statistics.received
        advertisements = [speaker.heard() for _ in range(count)]
        handle = listener.handle
        begun = time.perf_counter_ns()
        for packet, now in advertisements:
            handle(packet, now)
            _deadline = listener.deadline
        took = time.perf_counter_ns() - begun
        if statistics.dropped.total() != dropped or statistics.received != received + count:
            raise RuntimeError(f"the backup did not believe its master: {statistics.dropped}")
        return took

    return loop


def _hearing_forged(packet: bytes) -> Loop:
    """Return the loop in which a backup hears what nobody with its password has signed."""
    forged = [receive(datagram) for datagram in _forged(packet)]

    def loop(count: int) -> int:
        listener = _started(_BACKUP, Sealing.OFF)
        statistics = listener.virtual_hosts[INTERFACE, VHID].statistics
        advertisements = list(islice(cycle(forged), count))
        handle = listener.handle
        begun = time.perf_counter_ns()
        for number, heard in enumerate(advertisements):
            handle(heard, number * _FORGED_EACH)
            _deadline = listener.deadline
        took = time.perf_counter_ns() - begun
        if statistics.dropped.total() != count:
            raise RuntimeError(f"a forged advertisement was believed: {statistics.dropped}")
        return took

    return loop


def _sieving(packet: bytes) -> Loop:
    """Return the loop in which a backup's sieve drops a flood of the same."""
    forged = _forged(packet)
    listener = _started(_BACKUP, Sealing.OFF)
    for datagram in forged:
        listener.handle(receive(datagram), 0)
    sieve = listener.sieve(INTERFACE)

    def loop(count: int) -> int:
        datagrams = list(islice(cycle(forged), count))
        drops = sieve.drops
        begun = time.perf_counter_ns()
        for datagram in datagrams:
            drops(datagram, 0)
        took = time.perf_counter_ns() - begun
        if sum(event.count for event in sieve.take()) != count:
            raise RuntimeError("a forged advertisement went through the sieve")
        return took

    return loop


def _forged(packet: bytes) -> list[bytes]:
    """Return many forged IP packets that look like one that a host has said."""
    rng = random.Random(1)  # noqa: S311 - any bytes will do
    frames = [attack.forged(bytes(_ETHERNET_HEADER) + packet, rng) for _ in range(_DIFFERENT)]
    return [frame[_ETHERNET_HEADER:] for frame in frames]


def _sending(sealing: Sealing) -> Loop:
    """Return the loop in which a master advertises whenever its timer is due."""

    def loop(count: int) -> int:
        node = _Speaker(sealing).node
        statistics = node.virtual_hosts[INTERFACE, VHID].statistics
        for _ in range(_WARM_UP):
            node.handle(TimerExpired(), node.deadline or 0)
        sent = statistics.advertisements_sent
        handle, timer = node.handle, TimerExpired()
        begun = time.perf_counter_ns()
        for _ in repeat(None, count):
            handle(timer, node.deadline or 0)
        took = time.perf_counter_ns() - begun
        if statistics.advertisements_sent != sent + count:
            raise RuntimeError(f"{statistics.advertisements_sent - sent} advertisements in {count} timers")
        return took

    return loop


class _Speaker:
    """A master.

    Attributes:
        node: What it is.
    """

    def __init__(self, sealing: Sealing) -> None:
        """Begin, and become master.

        Args:
            sealing: Whether its counters are sealed.
        """
        self.node = _started(_MASTER, sealing)
        self._now = 0
        self.say()

    def say(self) -> bytes:
        """Wait for the next advertisement, and return its IP packet."""
        while True:
            self._now = self.node.deadline or 0
            for effect in self.node.handle(TimerExpired(), self._now):
                if isinstance(effect, SendAdvertisement):
                    return effect.packet

    def heard(self) -> tuple[PacketReceived, int]:
        """Return the next advertisement as a backup hears it, and when."""
        return receive(self.say()), self._now


def _started(source: IPv4Address, sealing: Sealing) -> Node:
    """Return the node of a host that listens."""
    config = VirtualHostConfig(
        interface=INTERFACE,
        vhid=VHID,
        password=_PASSWORD,
        addresses=(_ADDRESS,),
        source=source,
        sealing=sealing,
        dialect=CARPD,
    )
    node = Node(NodeConfig(virtual_hosts=(config,)), rng=random.Random(1))  # noqa: S311 - of the first counter
    node.handle(Started(), 0)
    node.handle(WallClockChanged(offset=_WALL), 0)
    node.handle(LinkChanged(interface=INTERFACE, link=Link.UP, hardware_address=bytes(6)), 0)
    return node


@contextlib.contextmanager
def _one_core() -> Generator[None]:
    """Stay on one core inside the `with` block, and let no garbage be collected."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        os.sched_setaffinity(0, allowed)
