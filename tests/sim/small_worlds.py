"""Small worlds for tests: some hosts with one virtual address on one segment, and a client."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from carpsim.checks import Checks, Verdict
from carpsim.faults import Fault
from carpsim.neighbour_cache import NeighbourSettings
from carpsim.scenario import ClientSettings, HostSettings, Scenario
from carpsim.world import World
from triocarp.core import CARPD, NodeConfig, VirtualHostConfig
from triocarp.core.timing import SECOND

VIRTUAL_ADDRESS = IPv4Interface("10.0.0.100/24")

PLAIN = VirtualHostConfig(
    interface="eth0",
    vhid=1,
    password=b"secret",
    addresses=(VIRTUAL_ADDRESS,),
    source=IPv4Address("10.0.0.1"),
    preempt=True,
    dialect=CARPD,
)
"""Of the first host; the further ones have a worse advskew and another source."""


QUICK = NeighbourSettings(
    base_reachable_time=2 * SECOND, delay_first_probe_time=SECOND // 2, retrans_time=SECOND // 4
)
"""A neighbour cache that finds out soon."""


def scenario(
    *faults: Fault,
    hosts: int = 2,
    clients: int = 1,
    duration: int = 30 * SECOND,
    config: VirtualHostConfig = PLAIN,
    neighbours: NeighbourSettings = QUICK,
    change: Callable[[HostSettings], HostSettings] = lambda host: host,
) -> Scenario:
    """Return a scenario with hosts a, b, c..., of which a is the best.

    Args:
        faults: what happens.
        hosts: how many.
        clients: how many.
        duration: nanoseconds.
        config: of the first host.
        neighbours: how the clients' caches behave.
        change: is applied to each host.
    """
    return Scenario(
        name="test",
        duration=duration,
        hosts=tuple(
            change(
                HostSettings(
                    name="abcde"[number],
                    config=NodeConfig(
                        virtual_hosts=(
                            replace(config, source=IPv4Address(f"10.0.0.{number + 1}"), advskew=20 * number),
                        )
                    ),
                )
            )
            for number in range(hosts)
        ),
        clients=tuple(
            ClientSettings(
                name=f"client-{number + 1}",
                address=IPv4Address(f"10.0.0.{200 + number}"),
                target=VIRTUAL_ADDRESS.ip,
                interval=SECOND // 4,
                neighbours=neighbours,
            )
            for number in range(clients)
        ),
        faults=faults,
    )


def verdicts_of(what: Scenario, *, seed: int = 0) -> dict[str, Verdict]:
    """Run a scenario with all checks, and return what they say, by name.

    Args:
        what: the scenario.
        seed: of the run.
    """
    checks = Checks()
    World(what, seed=seed, watchers=(checks,)).run()
    return {verdict.check: verdict for verdict in checks.verdicts()}
