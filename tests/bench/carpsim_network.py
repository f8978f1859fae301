"""A network in carpsim: real nodes, kernels and a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carpsim.scenario import HostSettings, Scenario
from carpsim.world import World
from tests.bench.network_play import Reading, reading
from tests.bench.settings import VHID
from tests.bench.small_host import FIRST, INTERFACE, PASSWORD, VIRTUAL, advskew_of
from triocarp.core import CARPD, NodeConfig, State, VirtualHostConfig
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triocarp.core.virtual_host import VirtualHost


def play(hosts: int, instants_s: Sequence[int], *, dies_at_s: float | None = None) -> list[Reading]:
    """Simulate it; see `tests.bench.network_play.Play`."""
    world = World(Scenario(hosts=tuple(_settings(number) for number in range(hosts))))
    if dies_at_s is not None:
        world.engine.at(round(dies_at_s * SECOND), world.hosts["0"].power_off)
    readings: list[Reading] = []
    for instant in instants_s:
        world.run(instant * SECOND)
        readings.append(_reading(world))
    return readings


def _settings(number: int) -> HostSettings:
    virtual_host = VirtualHostConfig(
        interface=INTERFACE,
        vhid=VHID,
        password=PASSWORD,
        addresses=(VIRTUAL,),
        source=FIRST + number,
        dialect=CARPD,
        advskew=advskew_of(number),
    )
    return HostSettings(name=str(number), config=NodeConfig(virtual_hosts=(virtual_host,)))


def _reading(world: World) -> Reading:
    running = {name: virtual_host for name in world.hosts if (virtual_host := _virtual_host(world, name))}
    return reading(
        sum(virtual_host.statistics.heard.total() for virtual_host in running.values()),
        [int(name) for name, virtual_host in running.items() if virtual_host.state is State.MASTER],
    )


def _virtual_host(world: World, name: str) -> VirtualHost | None:
    node = world.carpd(name).node
    return None if node is None else node.virtual_hosts[INTERFACE, VHID]
