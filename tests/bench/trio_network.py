"""The same network as one would write it on trio, with a mock clock: a task for each host, and a channel to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, final

import trio
import trio.testing

from carpsim.frame import Frame
from tests.bench.network_play import Reading, reading
from tests.bench.small_host import LATENCY, SmallHost
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence


def play(hosts: int, instants_s: Sequence[int], *, dies_at_s: float | None = None) -> list[Reading]:
    """Simulate it; see `tests.bench.network_play.Play`."""
    return trio.run(_play, hosts, instants_s, dies_at_s, clock=trio.testing.MockClock(autojump_threshold=0))


async def _play(hosts: int, instants_s: Sequence[int], dies_at_s: float | None) -> list[Reading]:
    network = _Network(hosts)
    readings: list[Reading] = []
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(hosts):
            nursery.start_soon(network.live, number, nursery)
        if dies_at_s is not None:
            nursery.start_soon(network.die, 0, begun + dies_at_s)
        for instant in instants_s:
            await trio.sleep_until(begun + instant)
            readings.append(network.reading())
        nursery.cancel_scope.cancel()
    return readings


@final
class _Network:
    """All hosts, and what is on its way to them."""

    def __init__(self, hosts: int) -> None:
        self._hosts = [SmallHost(number) for number in range(hosts)]
        self._channels = [trio.open_memory_channel[Frame](math.inf) for _ in self._hosts]
        self._lives = [trio.CancelScope() for _ in self._hosts]

    def reading(self) -> Reading:
        """Return what there is now."""
        masters = [number for number, host in enumerate(self._hosts) if host.master]
        return reading(sum(host.heard for host in self._hosts), masters)

    async def die(self, number: int, instant: float) -> None:
        """End a host."""
        await trio.sleep_until(instant)
        self._lives[number].cancel()
        self._hosts[number].master = False

    async def live(self, number: int, nursery: trio.Nursery) -> None:
        """Be a host."""
        host, (_, inbox) = self._hosts[number], self._channels[number]
        patience, interval = host.dead_time / SECOND, host.interval / SECOND
        with self._lives[number]:
            while True:
                with trio.move_on_after(patience) as silence:
                    while True:
                        if host.hear(await inbox.receive()):
                            silence.deadline = trio.current_time() + patience
                host.master = True
                while host.master:
                    nursery.start_soon(self._deliver, number, Frame(host.say()))
                    with trio.move_on_after(interval):
                        while not host.hear(await inbox.receive()):
                            pass

    async def _deliver(self, sender: int, frame: Frame) -> None:
        """Carry a frame to all others."""
        await trio.sleep(LATENCY / SECOND)
        for number, (channel, _) in enumerate(self._channels):
            if number != sender:
                channel.send_nowait(frame)
