"""Small scenarios that several tests run."""

from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from carpsim.faults import Fault
from carpsim.scenario import ClientSettings, HostSettings, Scenario
from triocarp.core import CARPD, NodeConfig, VirtualHostConfig
from triocarp.core.timing import SECOND

VIP: Final = IPv4Interface("10.0.0.100/24")
NAMES: Final = "abcdefgh"


def config(number: int, *, advskew: int | None = None, preempt: bool = True) -> NodeConfig:
    """Return the node of a host: the lower its number, the more it is preferred."""
    virtual_host = VirtualHostConfig(
        interface="eth0",
        vhid=7,
        password=b"secret",
        addresses=(VIP,),
        source=IPv4Address("10.0.0.1") + number,
        advskew=10 * number if advskew is None else advskew,
        preempt=preempt,
        dialect=CARPD,
    )
    return NodeConfig(virtual_hosts=(virtual_host,))


def scenario(*faults: Fault, hosts: int = 3, clients: int = 1, seconds: int = 60) -> Scenario:
    """Return hosts a, b, c on one segment, all started at once, and clients that probe their address."""
    return Scenario(
        name="a test",
        duration=seconds * SECOND,
        hosts=tuple(HostSettings(name=NAMES[number], config=config(number)) for number in range(hosts)),
        clients=tuple(
            ClientSettings(name=f"client{number}", address=IPv4Address("10.0.0.200") + number, target=VIP.ip)
            for number in range(clients)
        ),
        faults=faults,
    )
