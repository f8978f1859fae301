"""Do the group's packets reach this host?"""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from triocarp.core import Transport
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict

_ALWAYS_FLOODED: Final = IPv4Network("224.0.0.0/24")


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield what may keep multicast away: the interface, and switches that snoop on IGMP.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    for host in settings.node.virtual_hosts:
        interface = facts.interfaces.get(host.interface)
        if interface is None or host.transport is not Transport.MULTICAST:
            continue
        if not interface.multicast:
            yield Finding(
                check="multicast",
                about=host.interface,
                verdict=Verdict.MEND,
                found="it takes no multicast",
                mend=f'ip link set {host.interface} multicast on, or transport = "broadcast" or "unicast"',
            )
            continue
        if host.group in _ALWAYS_FLOODED:
            yield Finding(
                check="igmp",
                about=host.interface,
                verdict=Verdict.FINE,
                found=f"switches that snoop on IGMP forward {host.group} to everybody (RFC 4541)",
            )
            continue
        bridge = interface.bridge
        if bridge is not None and bridge.snooping and not bridge.querier:
            yield Finding(
                check="igmp",
                about=host.interface,
                verdict=Verdict.MEND,
                found=f"{bridge.name} snoops on IGMP and asks nobody: unless others ask, it forgets {host.group}",
                mend=f"ip link set {bridge.name} type bridge mcast_querier 1, or use 224.0.0.18",
            )
        else:
            yield Finding(
                check="igmp",
                about=host.interface,
                verdict=Verdict.NOTE,
                found=f"switches that snoop on IGMP forward {host.group} only while a querier asks for it",
                mend="make sure that the segment has an IGMP querier, or use 224.0.0.18",
            )
