"""The same network as one would write it in SimPy: a process for each host, and a store of what arrives there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, final

import simpy

from carpsim.frame import Frame
from tests.bench.network_play import Reading, reading
from tests.bench.small_host import LATENCY, SmallHost
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    Process = Generator[simpy.Event, Any, None]


def play(hosts: int, instants_s: Sequence[int], *, dies_at_s: float | None = None) -> list[Reading]:
    """Simulate it; see `tests.bench.network_play.Play`."""
    network = _Network(hosts, dies_at_s)
    readings: list[Reading] = []
    for instant in instants_s:
        network.environment.run(until=instant * SECOND)
        readings.append(network.reading())
    return readings


@final
class _Network:
    """All hosts, and what is on its way to them; the unit of time is the nanosecond."""

    def __init__(self, hosts: int, dies_at_s: float | None) -> None:
        self.environment = simpy.Environment()
        self._hosts = [SmallHost(number) for number in range(hosts)]
        self._inboxes = [simpy.Store(self.environment) for _ in self._hosts]
        lives = [self.environment.process(self._live(number)) for number in range(hosts)]
        if dies_at_s is not None:
            self.environment.process(self._die(lives[0], round(dies_at_s * SECOND)))

    def reading(self) -> Reading:
        """Return what there is now."""
        masters = [number for number, host in enumerate(self._hosts) if host.master]
        return reading(sum(host.heard for host in self._hosts), masters)

    def _die(self, life: simpy.Process, instant: int) -> Process:
        yield self.environment.timeout(instant)
        life.interrupt()

    def _live(self, number: int) -> Process:
        """Be a host."""
        host, inbox = self._hosts[number], self._inboxes[number]
        try:
            while True:
                yield from self._wait(host, inbox)
                host.master = True
                while host.master:
                    self.environment.process(self._deliver(number, Frame(host.say())))
                    yield from self._pause(host, inbox)
        except simpy.Interrupt:
            host.master = False

    def _wait(self, host: SmallHost, inbox: simpy.Store) -> Process:
        """Listen until there has been no master for the dead time."""
        silence, arrival = self.environment.timeout(host.dead_time), inbox.get()
        while True:
            yield silence | arrival
            if not arrival.processed:
                arrival.cancel()
                return
            if host.hear(cast("Frame", arrival.value)):
                silence = self.environment.timeout(host.dead_time)
            arrival = inbox.get()

    def _pause(self, host: SmallHost, inbox: simpy.Store) -> Process:
        """Wait for the next advertisement to be due, or for a better master."""
        due, arrival = self.environment.timeout(host.interval), inbox.get()
        while True:
            yield due | arrival
            if not arrival.processed:
                arrival.cancel()
                return
            if host.hear(cast("Frame", arrival.value)):
                return
            arrival = inbox.get()

    def _deliver(self, sender: int, frame: Frame) -> Process:
        """Carry a frame to all others."""
        yield self.environment.timeout(LATENCY)
        for number, inbox in enumerate(self._inboxes):
            if number != sender:
                inbox.put(frame)
